// Addresses: every view, its filters and what is open in it, in the fragment, which no browser sends.

import { useEffect, useState } from "preact/hooks";

export const VIEWS = ["overview", "agents", "mail", "pairs", "tasks", "channels", "integrations"] as const;
export type View = (typeof VIEWS)[number];

/** What the page shows. */
export interface Address {
  readonly view: View;
  /** What is open: an agent, a thread, a pair, a task, a channel or an integration. */
  readonly id?: string;
  /** Which rows the list shows. */
  readonly filter: Readonly<Record<string, string>>;
}

/** The filters that each view knows; others are left out of its address. */
const FILTERS: Record<View, readonly string[]> = {
  overview: [],
  agents: ["q", "status"],
  mail: ["q", "for", "from", "to", "kind", "channel", "claimable", "unread", "message"],
  pairs: ["status", "agent"],
  tasks: ["status", "source", "target"],
  channels: [],
  integrations: [],
};

export function parse(fragment: string): Address {
  const text = fragment.replace(/^#?\/?/, "");
  const [path = "", query = ""] = text.split("?", 2);
  const [first = "", ...rest] = path.split("/");
  const view = VIEWS.find((view) => view === first) ?? "overview";
  const known = new URLSearchParams(query);
  const filter: Record<string, string> = {};
  for (const name of FILTERS[view]) {
    const value = known.get(name);
    if (value) filter[name] = value;
  }
  const id = decode(rest.join("/"));
  return id && view !== "overview" ? { view, id, filter } : { view, filter };
}

export function format({ view, id, filter }: Address): string {
  const path = view === "overview" ? "" : id ? `${view}/${encodeURIComponent(id)}` : view;
  const query = new URLSearchParams();
  for (const name of FILTERS[view]) {
    const value = filter[name];
    if (value) query.set(name, value);
  }
  const text = query.toString();
  return `#/${path}${text ? `?${text}` : ""}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a view, with what is open in it. */
export function link(view: View, id?: string | number, filter: Record<string, string | undefined> = {}): string {
  const set = Object.fromEntries(Object.entries(filter).filter((entry): entry is [string, string] => !!entry[1]));
  return format(id === undefined ? { view, filter: set } : { view, id: String(id), filter: set });
}

export function go(address: string): void {
  if (location.hash !== address) location.hash = address;
}

/** Changes the address without a new entry in the history: a filter that is being typed. */
export function swap(address: string): void {
  history.replaceState(null, "", address);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

export function useAddress(): Address {
  const [address, set] = useState(() => parse(location.hash));
  useEffect(() => {
    const read = () => set(parse(location.hash));
    addEventListener("hashchange", read);
    return () => removeEventListener("hashchange", read);
  }, []);
  return address;
}
