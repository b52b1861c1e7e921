// The one pure reducer: the state after an action. It asks nobody for the time and calls nothing.

import type { Message } from "../wire.ts";
import { apply, both } from "./apply.ts";
import { merge, MOST_ROWS, MOST_TEXT, open, type Id, type List } from "./list.ts";
import { LASTING, START, SWEEP, type Action, type Rows, type State } from "./state.ts";
import { draft, keep, load, replace } from "./table.ts";

/** How many lists are kept besides those that are always there. */
const MOST_LISTS = 8;

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "began":
      return begin(state, action.seq);
    case "link":
      return { ...state, link: action.link };
    case "events":
      return sweep(apply(state, action.events));
    case "gap":
      return { ...state, generation: state.generation + 1 };
    case "agents":
      return listed(state, action);
    case "agentsFailed":
      return {
        ...state,
        agentsPhase: state.agentsPhase === "ready" ? "ready" : "failed",
        agentsProblem: action.problem,
      };
    case "reading":
      return reading(state, action.key, action.side);
    case "page":
      return sweep(page(state, action));
    case "failed":
      return edit(state, action.key, (list) => failed(list, action));
    case "saw":
      return rows(state, action.rows, action.asOf);
    case "history":
      return { ...state, histories: new Map([...[...state.histories].slice(-4), [action.taskId, action.events]]) };
  }
}

/** Forgets what was read, but not which lists are shown: they are read again. */
function begin(state: State, seq: number): State {
  const lists = new Map([...state.lists.keys()].map((key) => [key, open(key)]));
  const { link, arrived } = state;
  return { ...START, link, arrived, lists, cursor: seq, generation: state.generation + 1 };
}

function listed(state: State, { agents, asOf }: Extract<Action, { type: "agents" }>): State {
  const table = draft(state.agents);
  replace(table, new Map(agents.map((agent) => [agent.id, agent])), asOf);
  return { ...state, agents: table, agentsPhase: "ready", agentsProblem: undefined };
}

function edit(state: State, key: string, change: (list: List) => List): State {
  const list = state.lists.get(key);
  return list ? { ...state, lists: new Map(state.lists).set(key, change(list)) } : state;
}

/** Notes that a page was asked for. The list that was not looked at for longest makes room. */
function reading(state: State, key: string, side: "fresh" | "older" | "newer"): State {
  const list = state.lists.get(key) ?? open(key);
  const lists = new Map(state.lists);
  lists.delete(key);
  lists.set(key, { ...list, phase: side === "newer" ? list.phase : side, problem: undefined, behind: false });
  const others = [...lists.keys()].filter((other) => !LASTING.includes(other));
  for (const other of others.slice(0, Math.max(0, others.length - MOST_LISTS))) lists.delete(other);
  return { ...state, lists };
}

/** What is new is asked for again by itself; the rest only when somebody wants it. */
function failed(list: List, { side, problem }: Extract<Action, { type: "failed" }>): List {
  return side === "newer" ? { ...list, behind: true } : { ...list, phase: "failed", problem };
}

function page(state: State, action: Extract<Action, { type: "page" }>): State {
  const { key, side, asOf } = action;
  const list = state.lists.get(key);
  if (!list) return state;
  const next = rows(state, action.rows, asOf);
  if (side === "fresh") return edit(next, key, () => fresh(next, list, action));
  const older = side === "older" ? action.older : list.older;
  const ids = merge(list, action.ids, side);
  return edit(next, key, () => ({ ...list, ids, older, phase: "ready", problem: undefined }));
}

/**
 * The newest page takes the place of what was there, because nobody knows what lies between. What
 * events have brought since it was asked for stays: the list is never behind the events.
 */
function fresh(state: State, list: List, action: Extract<Action, { type: "page" }>): List {
  const listed = new Set(action.ids);
  const touched = state[list.kind].touched as ReadonlyMap<Id, number>;
  const since = list.ids.filter((id) => !listed.has(id) && (touched.get(id) ?? 0) > action.asOf);
  const base = { ...list, ids: [] };
  const ids = merge({ ...base, ids: merge(base, action.ids, "newer") }, since, "newer");
  return { ...list, ids, older: action.older, phase: "ready", problem: undefined };
}

/** Puts rows that the server sent into the tables. */
function rows(state: State, rows: Rows, asOf: number): State {
  const next = { ...state };
  if (rows.messages?.length) {
    const table = draft(state.messages);
    for (const message of rows.messages) {
      const known = table.rows.get(message.id);
      load(table, message.id, withReaders(message, known), asOf);
      const now = table.rows.get(message.id);
      if (now) table.rows.set(message.id, withReaders(now, message));
    }
    next.messages = table;
  }
  if (rows.tasks?.length) {
    const table = draft(state.tasks);
    for (const task of rows.tasks) load(table, task.id, task, asOf);
    next.tasks = table;
  }
  if (rows.pairs?.length) {
    const table = draft(state.pairs);
    for (const pair of rows.pairs) load(table, pair.id, pair, asOf);
    next.pairs = table;
  }
  if (rows.agents?.length) {
    const table = draft(state.agents);
    for (const agent of rows.agents) load(table, agent.id, agent, asOf);
    next.agents = table;
  }
  return next;
}

/** Live events carry no readers, pages do: whoever is known to have read stays one. */
function withReaders(message: Message, other: Message | undefined): Message {
  if (!other || other.readBy.every((reader) => message.readBy.includes(reader))) return message;
  return { ...message, readBy: both(message.readBy, other.readBy) };
}

/** Bounds what is kept: the feed by its length and its text, the tables by what the lists show. */
function sweep(state: State): State {
  if (state.messages.rows.size + state.tasks.rows.size + state.pairs.rows.size <= state.sweepAt) return state;
  const lists = new Map([...state.lists].map(([key, list]) => [key, shortened(state, list)]));
  const wanted = (kind: List["kind"]) =>
    new Set([...lists.values()].filter((list) => list.kind === kind).flatMap((list) => list.ids));
  const messages = draft(state.messages);
  const tasks = draft(state.tasks);
  const pairs = draft(state.pairs);
  keep(messages, wanted("messages") as Set<number>);
  keep(tasks, wanted("tasks") as Set<number>);
  keep(pairs, wanted("pairs") as Set<string>);
  const size = messages.rows.size + tasks.rows.size + pairs.rows.size;
  return { ...state, lists, messages, tasks, pairs, sweepAt: size + SWEEP };
}

function shortened(state: State, list: List): List {
  if (list.kind !== "messages") return list;
  let text = 0;
  let from = list.ids.length;
  while (from > 0 && list.ids.length - from < MOST_ROWS && text < MOST_TEXT) {
    text += state.messages.rows.get(list.ids[--from] as number)?.body.length ?? 0;
  }
  return from === 0 ? list : { ...list, ids: list.ids.slice(from), older: undefined };
}

/** True when a list has reached its bound and loads nothing older. */
export function isFull(state: State, key: string): boolean {
  const list = state.lists.get(key);
  return !!list && list.ids.length >= MOST_ROWS - 500;
}
