// What each event changes.

import { sameId } from "../text/target.ts";
import type { Agent, Event, Message, Pair, Task, TaskEvent } from "../wire.ts";
import { merge, union, type Id, type List } from "./list.ts";
import type { State } from "./state.ts";
import { draft, put, remove, type Draft } from "./table.ts";

/** A state that is being changed by a batch of events. What the batch does not touch is not copied. */
interface Work {
  readonly agents: Draft<string, Agent>;
  readonly messages: Draft<number, Message>;
  readonly tasks: Draft<number, Task>;
  readonly pairs: Draft<string, Pair>;
  lists: Map<string, List>;
  histories: Map<number, readonly TaskEvent[]>;
  arrived: number;
}

/** Messages on their way into each list: put there together, however many they are. */
type Arrivals = Map<string, number[]>;

/** The state after the events that it has not seen yet. */
export function apply(state: State, events: readonly Event[]): State {
  const fresh = events.filter(newerThan(state.cursor));
  const last = fresh.at(-1);
  if (!last) return state;
  const some = (prefix: string) => fresh.some((event) => event.name.startsWith(prefix));
  const work = {
    ...state,
    ...(some("agent.") ? { agents: draft(state.agents) } : {}),
    ...(some("message.") ? { messages: draft(state.messages) } : {}),
    ...(some("task.") ? { tasks: draft(state.tasks), histories: new Map(state.histories) } : {}),
    ...(some("pair.") ? { pairs: draft(state.pairs) } : {}),
    lists: new Map(state.lists),
  } as State & Work;
  const arrivals: Arrivals = new Map();
  for (const event of fresh) one(work, event, arrivals);
  for (const [key, ids] of arrivals) arrive(work, key, ids);
  return { ...work, cursor: last.seq };
}

/** Events that come again after a reconnect, or twice in one batch, are skipped by their number. */
function newerThan(cursor: number): (event: Event) => boolean {
  let newest = cursor;
  return ({ seq }) => {
    if (seq <= newest) return false;
    newest = seq;
    return true;
  };
}

function one(work: Work, event: Event, arrivals: Arrivals): void {
  const { seq, message, agent, task, pair } = event;
  if (message) {
    const readBy = work.messages.rows.get(message.id)?.readBy ?? [];
    put(work.messages, message.id, { ...message, readBy: both(readBy, message.readBy) }, seq);
    if (event.name === "message.new") {
      if (!event.addressedTo) work.arrived += 1;
      sort(work, message, arrivals);
    }
  }
  if (event.name === "message.read" && event.messageId && event.by) read(work, event.messageId, event.by, seq);
  if (agent && event.name === "agent.removed") remove(work.agents, agent.id, seq);
  else if (agent) put(work.agents, agent.id, agent, seq);
  if (task) changeTask(work, task, event.taskEvent ?? undefined, seq);
  if (pair) {
    put(work.pairs, pair.id, pair, seq);
    for (const [key, list] of work.lists) if (list.kind === "pairs") show(work, key, pair.id, holdsPair(list, pair));
  }
}

function changeTask(work: Work, task: Task, entry: TaskEvent | undefined, seq: number): void {
  put(work.tasks, task.id, task, seq);
  for (const [key, list] of work.lists) if (list.kind === "tasks") show(work, key, task.id, holdsTask(list, task));
  const history = work.histories.get(task.id);
  if (entry && history && history.every(({ id }) => id < entry.id)) work.histories.set(task.id, [...history, entry]);
}

/** A new message goes into the lists of which we can say that it belongs there; others ask the server. */
function sort(work: Work, message: Message, arrivals: Arrivals): void {
  for (const [key, list] of work.lists) {
    if (list.kind !== "messages" || list.phase === "empty") continue;
    const fits = holdsMessage(list, message);
    if (fits) push(arrivals, key, message.id);
    else if (fits === undefined && !list.behind) work.lists.set(key, { ...list, behind: true });
  }
}

function push(arrivals: Arrivals, key: string, id: number): void {
  const ids = arrivals.get(key);
  if (ids) ids.push(id);
  else arrivals.set(key, [id]);
}

/** What is older than the oldest row that was loaded comes with its page. */
function arrive(work: Work, key: string, arrived: readonly number[]): void {
  const list = work.lists.get(key);
  if (!list) return;
  const ids = list.ids as readonly number[];
  const from = list.older && ids[0] !== undefined ? ids[0] : 0;
  const fresh = [...new Set(arrived)].filter((id) => id >= from).sort((a, b) => a - b);
  if (fresh.length > 0) work.lists.set(key, { ...list, ids: union(ids, fresh) });
}

/** Whether a message belongs to a list; undefined where only the server knows. */
export function holdsMessage(list: List, message: Message): boolean | undefined {
  for (const [name, value] of list.query) {
    if (name === "thread" && message.threadId !== Number(value)) return false;
    if (name === "from" && !sameId(message.from, value)) return false;
    if (name === "kind" && message.kind !== value) return false;
    if (name === "channel" && message.channel !== value) return false;
    if (name === "claimable" && message.claimable !== (value === "true")) return false;
  }
  const unsure = ["q", "for", "to", "unread"].some((name) => list.query.has(name));
  return unsure ? undefined : true;
}

const FINISHED = ["done", "failed", "cancelled"];

function holdsTask(list: List, task: Task): boolean {
  const { query } = list;
  const status = query.get("status");
  if (status === "active" ? FINISHED.includes(task.status) : status && status !== task.status) return false;
  return (query.get("source") ?? task.source) === task.source && (query.get("target") ?? task.target) === task.target;
}

function holdsPair({ query }: List, { status, initiator, partner }: Pair): boolean {
  const agent = query.get("agent");
  if (agent && !sameId(agent, initiator) && !sameId(agent, partner)) return false;
  return (query.get("status") ?? status) === status;
}

/** Puts a task or a pair into a list, or takes a row out. */
function show(work: Work, key: string, id: Id, fits: boolean): void {
  const list = work.lists.get(key);
  if (!list || list.phase === "empty" || list.ids.includes(id) === fits) return;
  // What is older than the oldest row that was loaded comes with its page.
  const oldest = list.ids[0];
  if (fits && list.older && typeof id === "number" && typeof oldest === "number" && id < oldest) return;
  const ids = fits ? merge(list, [id], "newer") : list.ids.filter((other) => other !== id);
  work.lists.set(key, { ...list, ids });
}

function read(work: Work, id: number, by: string, seq: number): void {
  const message = work.messages.rows.get(id);
  if (message) put(work.messages, id, { ...message, readBy: both(message.readBy, [by]) }, seq);
  for (const [key, list] of work.lists) {
    if (list.query.has("unread") && sameId(list.query.get("for") ?? "", by)) show(work, key, id, false);
  }
}

/** Readers only ever become more. */
export function both(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])];
}
