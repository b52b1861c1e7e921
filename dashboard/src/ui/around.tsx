// What stands at the far end of a list: that it is being read, has ended, or what went wrong.

import type { ComponentChildren, JSX } from "preact";
import type { List } from "../state/list.ts";
import { Empty, Loading, Trouble } from "./state.tsx";

interface Props {
  list: List | undefined;
  count: number;
  full: boolean;
  reload: () => void;
  /** Said where a list with rows ends. */
  end?: string;
  /** Said where there are none. */
  none?: string;
  children?: ComponentChildren;
}

export function Around({ list, count, full, reload, end, none, children }: Props): JSX.Element | null {
  if (list?.problem) return <Trouble problem={list.problem} retry={reload} />;
  if (!list || list.phase === "empty" || (list.phase === "fresh" && count === 0)) return <Loading />;
  if (count === 0) return <Empty title={none ?? "Nothing yet."}>{children}</Empty>;
  if (list.phase === "older") return <p class="faint edge-note">Loading older ones…</p>;
  if (full) return <p class="faint edge-note">Only the newest are kept here. Search to find what is older.</p>;
  return !list.older && end ? <p class="faint edge-note">{end}</p> : null;
}
