// What is read out of the state: threads, open work, and what is stuck. Pure, like the reducer.

import { parseTarget, sameId } from "../text/target.ts";
import type { Agent, Message, Pair, Task } from "../wire.ts";

export interface Thread {
  readonly id: number;
  /** Its first message, when that is loaded. */
  readonly first: Message | undefined;
  readonly last: Message;
  /** How many of its messages are loaded. */
  readonly count: number;
  /** Who wrote in it, the latest first. */
  readonly people: readonly string[];
  /** Mail to the operator that the operator has not read. */
  readonly unread: boolean;
}

/** The threads of the messages given, the one with the newest message first. */
export function threads(messages: readonly Message[]): Thread[] {
  const found = new Map<
    number,
    { last: Message; first: Message | undefined; count: number; people: Set<string>; unread: boolean }
  >();
  for (let at = messages.length - 1; at >= 0; at--) {
    const message = messages[at]!;
    const thread = found.get(message.threadId) ?? {
      last: message,
      first: undefined,
      count: 0,
      people: new Set<string>(),
      unread: false,
    };
    thread.count += 1;
    thread.people.add(message.from);
    if (message.id === message.threadId) thread.first = message;
    thread.unread ||= isUnreadFor(message, "human");
    found.set(message.threadId, thread);
  }
  return [...found].map(([id, thread]) => ({ id, ...thread, people: [...thread.people] }));
}

/** Mail to exactly this agent that it has not read. */
export function isUnreadFor(message: Message, id: string): boolean {
  const target = parseTarget(message.to);
  const direct = target.kind === "agent" && sameId(target.word, id);
  return direct && !message.deletedAt && !message.readBy.some((reader) => sameId(reader, id));
}

const OLD = 5 * 60_000;
/** Providers renew a lease of five minutes twice a minute: with less than this left, nobody does. */
const LAPSING = 2 * 60_000;
const STALLED = 15 * 60_000;

/** Direct mail that waits for more than five minutes for an agent to read it; the longest wait first. */
export function waitingMail(messages: readonly Message[], now: number): Message[] {
  return messages.filter((message) => {
    const { kind, word } = parseTarget(message.to);
    if (kind !== "agent" || message.claimable || message.deletedAt || sameId(word, "human")) return false;
    if (message.expiresAt && message.expiresAt <= now) return false;
    return message.readBy.length === 0 && now - message.createdAt > OLD;
  });
}

/** A claim, of a message or of a task. */
export interface Held {
  readonly what: Message | Task;
  readonly by: string;
  readonly since: number;
  readonly expiresAt: number | undefined;
  readonly trouble: "lapsing" | "stalled" | undefined;
}

export function isTask(what: Message | Task): what is Task {
  return "title" in what;
}

/** Work in somebody's hands: tasks, and claimable messages that announce no task. */
export function held(messages: readonly Message[], tasks: Iterable<Task>, now: number): Held[] {
  const all: Held[] = [];
  for (const what of [...messages.filter(({ taskId }) => !taskId), ...tasks]) {
    const { claim } = what;
    if (!claim || claim.doneAt || (isTask(what) && isFinished(what))) continue;
    const expiresAt = claim.expiresAt ?? undefined;
    const progress = isTask(what) ? Math.max(claim.at, what.updatedAt) : claim.at;
    const lapsing = expiresAt !== undefined && expiresAt - now < LAPSING;
    const trouble = lapsing ? "lapsing" : now - progress >= STALLED ? "stalled" : undefined;
    all.push({ what, by: claim.by, since: claim.at, expiresAt, trouble });
  }
  return all.toSorted((a, b) => a.since - b.since);
}

/** Work that nobody has: the oldest first. */
export function openWork(messages: readonly Message[], tasks: Iterable<Task>, now: number): (Message | Task)[] {
  const open = messages.filter(
    ({ claimable, claim, taskId, deletedAt, expiresAt }) =>
      claimable && !claim && !taskId && !deletedAt && !(expiresAt && expiresAt <= now),
  );
  return [...open, ...[...tasks].filter(({ status }) => status === "open")].toSorted(
    (a, b) => a.createdAt - b.createdAt,
  );
}

export function isFinished({ status }: Task): boolean {
  return status === "done" || status === "failed" || status === "cancelled";
}

/** The pair that an agent is in. */
export function pairOf(id: string, pairs: Iterable<Pair>): Pair | undefined {
  for (const pair of pairs) {
    if (pair.status !== "active" && pair.status !== "pending") continue;
    if (sameId(pair.initiator, id) || sameId(pair.partner, id)) return pair;
  }
  return undefined;
}

/** Agents as they are listed: by what people call them, those who are gone at the end. */
export function sorted(agents: Iterable<Agent>): Agent[] {
  const named = [...agents].map((agent) => ({
    agent,
    name: (agent.label ?? agent.id).toLowerCase(),
    gone: agent.status === "offline" ? 1 : 0,
  }));
  return named
    .toSorted((a, b) => a.gone - b.gone || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ agent }) => agent);
}

/** Whether an agent has all the words that were typed, anywhere in what it says of itself. */
export function mentions(agent: Agent, typed: string): boolean {
  const { id, label, name, provider, machine, project, tags, capabilities, statusDetail } = agent;
  const text = [id, label, name, provider, machine, project, statusDetail, ...tags, ...capabilities]
    .join("\n")
    .toLowerCase();
  return typed
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
