// Keeps the store true: reads the state, follows the stream, and reads again what it may have missed.

import type { Api, Page } from "./api/client.ts";
import { withQuery } from "./api/client.ts";
import { Problem } from "./api/problem.ts";
import { follow } from "./api/stream.ts";
import { type Id, type Kind } from "./state/list.ts";
import { isFull } from "./state/reduce.ts";
import type { Rows } from "./state/state.ts";
import type { Store } from "./state/store.ts";
import type { Agent, Cursor, Event, Message, Pair, Task, TaskEvent } from "./wire.ts";

/** Who was away for so many events reads the state anew; to replay them would take longer. */
const TOO_FAR = 5_000;
const PAGE = 200;
type Side = "fresh" | "older" | "newer";

/** How soon lists that are behind are asked for, and how soon after that has failed. */
const SOON = 400;
const LATER = 5_000;

export interface Sync {
  /** Makes sure that a list is there. */
  need(key: string): void;
  reload(key: string): Promise<void>;
  older(key: string): Promise<void>;
  history(taskId: number): Promise<void>;
  reconnect(): void;
  stop(): void;
}

/** `wakes` calls back whenever it is worth trying again at once, and gives what ends that. */
export function startSync(api: Api, store: Store, wakes: (wake: () => void) => () => void): Sync {
  let generation = -1;
  let queue: Event[] = [];
  let flushing: ReturnType<typeof setTimeout> | undefined;
  const busy = new Set<string>();
  let catching: ReturnType<typeof setTimeout> | undefined;
  let patience = SOON;

  /** Events that come at once are one change of the state, and one drawing of the page. */
  function flush(): void {
    clearTimeout(flushing);
    flushing = undefined;
    if (queue.length === 0) return;
    const events = queue;
    queue = [];
    store.dispatch({ type: "events", events });
  }

  const stream = follow(api, {
    async resume() {
      flush();
      const { seq } = await api.get<Cursor>("messages/cursor");
      const { cursor, generation } = store.get();
      // A smaller number is another database: nothing of what is here is known there.
      if (generation === 0 || seq < cursor || seq - cursor > TOO_FAR) store.dispatch({ type: "began", seq });
      return store.get().cursor;
    },
    hello(version) {
      store.dispatch({ type: "link", link: { phase: "live", version } });
      mend();
    },
    event(event) {
      queue.push(event);
      if (queue.length > 500) flush();
      else flushing ??= setTimeout(flush, 40);
    },
    gap: () => {
      flush();
      store.dispatch({ type: "gap" });
    },
    lost(failures) {
      flush();
      const { link } = store.get();
      const since = link.phase === "lost" ? link.since : Date.now();
      store.dispatch({ type: "link", link: { phase: "lost", since, failures } });
    },
    refused: (problem) => store.dispatch({ type: "link", link: { phase: "refused", problem } }),
  });

  const unsubscribe = store.subscribe(() => {
    const state = store.get();
    if (state.generation !== generation) {
      generation = state.generation;
      for (const key of state.lists.keys()) void fresh(key);
      void agents();
      for (const taskId of state.histories.keys()) void history(taskId);
      return;
    }
    if ([...state.lists.values()].some((list) => list.behind)) catching ??= setTimeout(catchUp, patience);
  });

  /** What could not be read while the relay was away is read now. */
  function mend(): void {
    const { lists, agentsPhase } = store.get();
    if (agentsPhase === "failed") void agents();
    for (const [key, list] of lists) if (list.phase === "failed") void fresh(key);
  }

  async function agents(): Promise<void> {
    const { cursor: asOf, generation: asked } = store.get();
    try {
      const all: Agent[] = [];
      let next: string | undefined = "agents?limit=500";
      while (next) {
        const page: Page<Agent> = await api.page<Agent>(next);
        all.push(...page.rows);
        next = page.next;
      }
      // Where everything is read anew meanwhile, that reading has the say.
      if (store.get().generation === asked) store.dispatch({ type: "agents", agents: all, asOf });
    } catch (error) {
      store.dispatch({ type: "agentsFailed", problem: Problem.from(error) });
    }
  }

  /** Runs one reading of a list at a time; what is asked for meanwhile is left to the next. */
  async function reading(key: string, side: Side, path: string): Promise<void> {
    if (busy.has(key)) return;
    busy.add(key);
    const then = await once(key, side, path);
    busy.delete(key);
    if (then) await reading(key, then.side, then.path);
  }

  /** Reads a page, and tells what is to be read next without anybody asking. */
  async function once(key: string, side: Side, path: string): Promise<{ side: Side; path: string } | undefined> {
    store.dispatch({ type: "reading", key, side });
    const { cursor: asOf, generation: asked } = store.get();
    const kind = key.split("?", 1)[0] as Kind;
    try {
      const { rows, next } = await api.page<Message | Task | Pair>(path);
      // The answer belongs to a state that is gone.
      if (store.get().generation !== asked) return { side: "fresh", path: newest(key) };
      // What is unread, or since some message, comes oldest first: its next page is newer.
      const upward = side === "newer" || key.includes("unread=");
      const ids: Id[] = rows.map(({ id }) => id);
      store.dispatch({
        type: "page",
        key,
        side,
        rows: { [kind]: rows } as Rows,
        ids,
        older: upward ? undefined : next,
        asOf,
      });
      patience = SOON;
      return upward && next ? { side: "newer", path: next } : undefined;
    } catch (error) {
      patience = LATER;
      store.dispatch({ type: "failed", key, side, problem: Problem.from(error) });
      return undefined;
    }
  }

  function fresh(key: string): Promise<void> {
    return reading(key, "fresh", newest(key));
  }

  /** Asks the server what is new in lists of which only the server can say. */
  function catchUp(): void {
    catching = undefined;
    for (const [key, list] of store.get().lists) {
      if (!list.behind) continue;
      const last = list.ids.at(-1);
      if (last === undefined || list.kind !== "messages") void fresh(key);
      else void reading(key, "newer", withQuery(key, { since: Number(last), limit: PAGE }));
    }
  }

  async function history(taskId: number): Promise<void> {
    const events = await api.get<TaskEvent[]>(`tasks/${taskId}/events`);
    store.dispatch({ type: "history", taskId, events });
  }

  const sleep = wakes(() => stream.hurry());

  return {
    need(key) {
      const list = store.get().lists.get(key);
      if (store.get().generation > 0 && (!list || list.phase === "empty")) void fresh(key);
    },
    reload: fresh,
    async older(key) {
      const list = store.get().lists.get(key);
      if (!list?.older || isFull(store.get(), key)) return;
      await reading(key, "older", list.older);
    },
    history,
    reconnect: () => stream.hurry(),
    stop() {
      stream.stop();
      unsubscribe();
      clearTimeout(flushing);
      clearTimeout(catching);
      sleep();
    },
  };
}

/** The address of a list's first page. */
function newest(key: string): string {
  return withQuery(key, { limit: PAGE });
}
