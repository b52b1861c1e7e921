// Lists that come from the server page by page: which rows they hold, and how far they reach.

import type { Problem } from "../api/problem.ts";

export type Kind = "messages" | "tasks" | "pairs";
export type Id = number | string;

/** Where the newest rows are kept while the list is shown; the oldest in front. */
export interface List {
  readonly kind: Kind;
  readonly query: URLSearchParams;
  readonly ids: readonly Id[];
  /** Path of the page before the oldest row; undefined when there is none, or it is not known yet. */
  readonly older: string | undefined;
  readonly phase: "empty" | "fresh" | "older" | "ready" | "failed";
  readonly problem: Problem | undefined;
  /** Something happened of which only the server can say whether it belongs here. */
  readonly behind: boolean;
}

/** How many rows one list holds at most. What is older is found by searching. */
export const MOST_ROWS = 20_000;
/** How much text the newest rows may be, in characters. */
export const MOST_TEXT = 32_000_000;

/** The feed of all messages, which the list of threads is made of. */
export const FEED = "messages?";
export const ACTIVE_TASKS = "tasks?status=active";
export const WORK = "messages?claimable=true";
export const MINE = "messages?for=human&unread=true";

/** A list's key is the address that its first page comes from. */
export function keyOf(kind: Kind, query: Record<string, string | undefined>): string {
  const set = Object.entries(query).filter((entry): entry is [string, string] => !!entry[1]);
  set.sort(([a], [b]) => (a < b ? -1 : 1));
  return `${kind}?${new URLSearchParams(set)}`;
}

export function open(key: string): List {
  const [kind, query] = key.split("?", 2) as [Kind, string];
  return {
    kind,
    query: new URLSearchParams(query),
    ids: [],
    older: undefined,
    phase: "empty",
    problem: undefined,
    behind: false,
  };
}

/** Two ascending lists of numbers as one; what stands in both, once. */
export function union(a: readonly number[], b: readonly number[]): readonly number[] {
  const last = a.at(-1);
  const first = b[0];
  if (first === undefined) return a;
  if (last === undefined || last < first) return [...a, ...b];
  const out: number[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    const left = a[i] ?? Infinity;
    const right = b[j] ?? Infinity;
    out.push(Math.min(left, right));
    if (left <= right) i++;
    if (right <= left) j++;
  }
  return out;
}

/** Puts a page into the list. Pairs have ids without an order: theirs is the one they came in. */
export function merge(list: List, page: readonly Id[], side: "older" | "newer"): readonly Id[] {
  if (list.kind !== "pairs") {
    const sorted = (page as number[]).toSorted((a, b) => a - b);
    return union(list.ids as readonly number[], sorted);
  }
  const have = new Set(list.ids);
  const fresh = page.filter((id) => !have.has(id));
  if (fresh.length === 0) return list.ids;
  return side === "older" ? [...fresh, ...list.ids] : [...list.ids, ...fresh];
}
