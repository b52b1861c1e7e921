// Everything the page knows of the relay.

import type { Problem } from "../api/problem.ts";
import type { Agent, Event, Message, Pair, Task, TaskEvent } from "../wire.ts";
import { ACTIVE_TASKS, FEED, MINE, open, WORK, type Id, type List } from "./list.ts";
import { empty, type Table } from "./table.ts";

/** How the stream is doing. */
export type Link =
  | { phase: "connecting" }
  | { phase: "live"; version: string }
  | { phase: "lost"; since: number; failures: number }
  | { phase: "refused"; problem: Problem };

export interface State {
  /** The newest event that is in this state. */
  readonly cursor: number;
  readonly link: Link;
  readonly agents: Table<string, Agent>;
  readonly agentsPhase: "empty" | "ready" | "failed";
  readonly agentsProblem: Problem | undefined;
  readonly messages: Table<number, Message>;
  readonly tasks: Table<number, Task>;
  readonly pairs: Table<string, Pair>;
  readonly lists: ReadonlyMap<string, List>;
  /** What happened to a task whose history is shown. */
  readonly histories: ReadonlyMap<number, readonly TaskEvent[]>;
  /** Rises whenever what is here may have holes and must be read again. */
  readonly generation: number;
  /** How many messages arrived live, for the announcement. */
  readonly arrived: number;
  /** When the number of rows passes this, those that no list shows are dropped. */
  readonly sweepAt: number;
}

/** Those that are never closed. */
export const LASTING: readonly string[] = [FEED, ACTIVE_TASKS, WORK, MINE];

export const SWEEP = 3_000;

export const START: State = {
  cursor: 0,
  link: { phase: "connecting" },
  agents: empty(),
  agentsPhase: "empty",
  agentsProblem: undefined,
  messages: empty(),
  tasks: empty(),
  pairs: empty(),
  lists: new Map([FEED, ACTIVE_TASKS, WORK, MINE].map((key) => [key, open(key)])),
  histories: new Map(),
  generation: 0,
  arrived: 0,
  sweepAt: SWEEP,
};

export interface Rows {
  readonly messages?: readonly Message[];
  readonly tasks?: readonly Task[];
  readonly pairs?: readonly Pair[];
  readonly agents?: readonly Agent[];
}

export type Action =
  /** The state is read anew from `seq` on: the page was opened, or too much was missed. */
  | { type: "began"; seq: number }
  | { type: "link"; link: Link }
  | { type: "events"; events: readonly Event[] }
  | { type: "gap" }
  /** All agents, as they were when `asOf` was the newest event. */
  | { type: "agents"; agents: readonly Agent[]; asOf: number }
  | { type: "agentsFailed"; problem: Problem }
  | { type: "reading"; key: string; side: "fresh" | "older" | "newer" }
  | {
      type: "page";
      key: string;
      side: "fresh" | "older" | "newer";
      rows: Rows;
      ids: readonly Id[];
      older: string | undefined;
      asOf: number;
    }
  | { type: "failed"; key: string; side: "fresh" | "older" | "newer"; problem: Problem }
  /** Single rows that a call answered with. */
  | { type: "saw"; rows: Rows; asOf: number }
  | { type: "history"; taskId: number; events: readonly TaskEvent[] };
