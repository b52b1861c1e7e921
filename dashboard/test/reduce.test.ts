import { describe, expect, test } from "vitest";
import { FEED, MINE, MOST_ROWS, type Id } from "../src/state/list.ts";
import { isFull, reduce } from "../src/state/reduce.ts";
import { START, type Action, type Rows, type State } from "../src/state/state.ts";
import { Problem } from "../src/api/problem.ts";
import type { Event, Message } from "../src/wire.ts";
import { agent, AT, event, message, pair, sent, task, taskEvent } from "./make.ts";

function run(actions: readonly Action[], state: State = START): State {
  return actions.reduce(reduce, state);
}

function events(...events: Event[]): Action {
  return { type: "events", events };
}

function page(
  key: string,
  rows: Rows,
  asOf: number,
  more: { side?: "fresh" | "older" | "newer"; older?: string } = {},
): Action {
  const ids = (rows.messages ?? rows.tasks ?? rows.pairs ?? []).map(({ id }): Id => id);
  return { type: "page", key, side: more.side ?? "fresh", rows, ids, older: more.older, asOf };
}

function ids(state: State, key = FEED): readonly Id[] {
  return state.lists.get(key)!.ids;
}

const BEGUN: Action[] = [
  { type: "began", seq: 10 },
  { type: "reading", key: FEED, side: "fresh" },
  page(FEED, { messages: [message(8), message(9)] }, 10, { older: "messages?before=8" }),
];

describe("events", () => {
  test("a new message is put at the end of the feed, and the cursor moves on", () => {
    const state = run([...BEGUN, events(sent(11), sent(12))]);
    expect(ids(state)).toEqual([8, 9, 11, 12]);
    expect(state.cursor).toBe(12);
    expect(state.arrived).toBe(2);
  });

  test("events that come again after a reconnect change nothing", () => {
    const once = run([...BEGUN, events(sent(11), sent(12))]);
    expect(run([events(sent(11), sent(12))], once)).toBe(once);
    const more = run([events(sent(12), sent(13))], once);
    expect(ids(more)).toEqual([8, 9, 11, 12, 13]);
    expect(more.arrived).toBe(3);
  });

  test("the same event twice in one batch counts once", () => {
    expect(run([...BEGUN, events(sent(11), sent(11))]).arrived).toBe(1);
  });

  test("the same events give the same state however they are cut into batches", () => {
    const all = [
      sent(11, { claimable: true }),
      event(12, "message.read", { messageId: 11, by: "bob" }),
      event(13, "message.claimed", {
        message: message(11, { claimable: true, claim: { by: "bob", at: AT, generation: 1 } }),
        by: "bob",
      }),
      event(14, "agent.registered", { agent: agent("bob") }),
      event(15, "agent.status", { agent: agent("bob", { status: "busy" }) }),
      event(16, "pair.invited", { pair: pair("p1") }),
      sent(17),
    ];
    const together = run([...BEGUN, events(...all)]);
    const apart = run([...BEGUN, ...all.map((one) => events(one))]);
    expect(apart).toEqual(together);
  });

  test("the state that was there before is not changed", () => {
    const before = run(BEGUN);
    const rows = new Map(before.messages.rows);
    run([events(sent(11), event(12, "message.deleted", { message: message(9, { body: "", deletedAt: AT }) }))], before);
    expect(before.messages.rows).toEqual(rows);
    expect(ids(before)).toEqual([8, 9]);
  });

  test("names that a newer relay may send only move the cursor", () => {
    const state = run([...BEGUN, events(event(11, "unknown"))]);
    expect(state.cursor).toBe(11);
    expect(ids(state)).toEqual([8, 9]);
  });
});

describe("pages and events out of order", () => {
  test("a page that was asked for before a claim does not undo the claim", () => {
    const claimed = message(9, { claimable: true, claim: { by: "bob", at: AT, generation: 1 } });
    const state = run([
      ...BEGUN,
      events(event(11, "message.claimed", { message: claimed, by: "bob" })),
      page(FEED, { messages: [message(8), message(9, { claimable: true })] }, 10),
    ]);
    expect(state.messages.rows.get(9)?.claim?.by).toBe("bob");
  });

  test("a page that was asked for after an event is newer than it", () => {
    const state = run([
      ...BEGUN,
      events(event(11, "agent.status", { agent: agent("bob", { status: "busy" }) })),
      { type: "agents", agents: [agent("bob", { status: "offline" })], asOf: 12 },
    ]);
    expect(state.agents.rows.get("bob")?.status).toBe("offline");
  });

  test("a message that arrives while the first page is on its way is not lost", () => {
    const state = run([
      { type: "began", seq: 10 },
      { type: "reading", key: FEED, side: "fresh" },
      events(sent(11)),
      page(FEED, { messages: [message(8), message(9)] }, 10),
    ]);
    expect(ids(state)).toEqual([8, 9, 11]);
  });

  test("older pages go in front, and what two pages share stands once", () => {
    const state = run([
      ...BEGUN,
      events(sent(11)),
      page(FEED, { messages: [message(5), message(7), message(8)] }, 11, { side: "older", older: "messages?before=5" }),
    ]);
    expect(ids(state)).toEqual([5, 7, 8, 9, 11]);
    expect(state.lists.get(FEED)?.older).toBe("messages?before=5");
  });

  test("the newest page read again takes the place of rows that it may not join", () => {
    const state = run([
      ...BEGUN,
      { type: "gap" },
      page(FEED, { messages: [message(90), message(91)] }, 95, { older: "messages?before=90" }),
    ]);
    expect(ids(state)).toEqual([90, 91]);
  });

  test("an agent that was removed is not brought back by a listing asked for before", () => {
    const listed: Action = { type: "agents", agents: [agent("bob"), agent("carol")], asOf: 10 };
    const state = run([...BEGUN, listed, events(event(11, "agent.removed", { agent: agent("bob") })), listed]);
    expect([...state.agents.rows.keys()]).toEqual(["carol"]);
  });

  test("an agent that came while the listing was on its way stays", () => {
    const state = run([
      ...BEGUN,
      events(event(11, "agent.registered", { agent: agent("dave") })),
      { type: "agents", agents: [agent("bob")], asOf: 10 },
    ]);
    expect([...state.agents.rows.keys()].sort()).toEqual(["bob", "dave"]);
  });

  test("an agent that a later listing does not have is gone", () => {
    const state = run([
      ...BEGUN,
      { type: "agents", agents: [agent("bob"), agent("carol")], asOf: 10 },
      { type: "agents", agents: [agent("carol")], asOf: 20 },
    ]);
    expect([...state.agents.rows.keys()]).toEqual(["carol"]);
  });
});

describe("what happens to a message", () => {
  test("readers become more, whether events or pages tell of them", () => {
    const read = (seq: number, by: string) => events(event(seq, "message.read", { messageId: 9, by }));
    const state = run([
      ...BEGUN,
      read(11, "bob"),
      read(12, "carol"),
      page(FEED, { messages: [message(9, { readBy: ["dave"] })] }, 10),
    ]);
    expect(state.messages.rows.get(9)?.readBy.toSorted()).toEqual(["bob", "carol", "dave"]);
  });

  test("a live event, which carries no readers, takes none away", () => {
    const claimed = message(9, { claimable: true, claim: { by: "bob", at: AT, generation: 1 } });
    const state = run([
      ...BEGUN,
      events(
        event(11, "message.read", { messageId: 9, by: "bob" }),
        event(12, "message.claimed", { message: claimed, by: "bob" }),
      ),
    ]);
    expect(state.messages.rows.get(9)?.readBy).toEqual(["bob"]);
  });

  test("a claim, its release and a second claim end with the second holder", () => {
    const work = (claim?: Message["claim"]) => message(9, { claimable: true, ...(claim ? { claim } : {}) });
    const state = run([
      ...BEGUN,
      events(
        event(11, "message.claimed", { message: work({ by: "bob", at: AT, generation: 1 }), by: "bob" }),
        event(12, "message.claim_released", { message: work(), by: "bob", reason: "lapsed" }),
        event(13, "message.new", { message: work(), addressedTo: "carol" }),
        event(14, "message.claimed", { message: work({ by: "carol", at: AT, generation: 2 }), by: "carol" }),
      ),
    ]);
    expect(state.messages.rows.get(9)?.claim).toMatchObject({ by: "carol", generation: 2 });
    expect(ids(state)).toEqual([8, 9]);
  });

  test("waiting mail that is offered again is no new message", () => {
    const state = run([...BEGUN, events(event(11, "message.new", { message: message(9), addressedTo: "carol" }))]);
    expect(state.arrived).toBe(0);
    expect(ids(state)).toEqual([8, 9]);
  });

  test("waiting mail older than what is loaded does not stand in front of the rows between", () => {
    const state = run([...BEGUN, events(event(11, "message.new", { message: message(3), addressedTo: "carol" }))]);
    expect(ids(state)).toEqual([8, 9]);
  });

  test("a deleted message keeps its place and loses its text", () => {
    const state = run([
      ...BEGUN,
      events(event(11, "message.deleted", { message: message(9, { body: "", deletedAt: AT }), by: "alice" })),
    ]);
    expect(ids(state)).toEqual([8, 9]);
    expect(state.messages.rows.get(9)).toMatchObject({ body: "", deletedAt: AT });
  });

  test("the answer of one's own call is seen at once, and the event that follows changes nothing", () => {
    const claimed = message(9, { claimable: true, claim: { by: "human", at: AT, generation: 1 } });
    const state = run([...BEGUN, { type: "saw", rows: { messages: [claimed] }, asOf: 10 }]);
    expect(state.messages.rows.get(9)?.claim?.by).toBe("human");
    expect(run([events(event(11, "message.claimed", { message: claimed }))], state).messages.rows.get(9)).toEqual(
      state.messages.rows.get(9),
    );
  });
});

describe("lists", () => {
  const opened = (key: string): Action[] => [{ type: "reading", key, side: "fresh" }, page(key, {}, 10)];

  test("a thread gets its own messages only", () => {
    const key = "messages?thread=9";
    const state = run([...BEGUN, ...opened(key), events(sent(11, { threadId: 9 }), sent(12))]);
    expect(ids(state, key)).toEqual([11]);
  });

  test("filters that the page can judge are judged here, without case for ids", () => {
    const key = "messages?channel=standup&from=Alice";
    const state = run([
      ...BEGUN,
      ...opened(key),
      events(sent(11, { channel: "standup" }), sent(12), sent(13, { channel: "standup", from: "carol" })),
    ]);
    expect(ids(state, key)).toEqual([11]);
    expect(state.lists.get(key)?.behind).toBe(false);
  });

  test("a search is marked as behind instead of guessing", () => {
    const key = "messages?q=deploy";
    const state = run([...BEGUN, ...opened(key), events(sent(11))]);
    expect(ids(state, key)).toEqual([]);
    expect(state.lists.get(key)?.behind).toBe(true);
    const caught = run(
      [{ type: "reading", key, side: "newer" }, page(key, { messages: [message(11)] }, 11, { side: "newer" })],
      state,
    );
    expect(caught.lists.get(key)).toMatchObject({ behind: false, ids: [11] });
  });

  test("a message that fits no sure filter does not even ask the server", () => {
    const key = "messages?kind=pair&q=deploy";
    expect(run([...BEGUN, ...opened(key), events(sent(11))]).lists.get(key)?.behind).toBe(false);
  });

  test("what could not be caught up with stays behind, so that it is tried again", () => {
    const key = "messages?q=deploy";
    const failed: Action = { type: "failed", key, side: "newer", problem: new Problem(0, "unreachable", "away") };
    const state = run([...BEGUN, ...opened(key), events(sent(11)), { type: "reading", key, side: "newer" }, failed]);
    expect(state.lists.get(key)).toMatchObject({ behind: true, phase: "ready" });
  });

  test("mail that the operator has read is no longer unread", () => {
    const mine = message(9, { to: "human" });
    const state = run([
      ...BEGUN,
      { type: "reading", key: MINE, side: "fresh" },
      page(MINE, { messages: [mine] }, 10),
      events(event(11, "message.read", { messageId: 9, by: "human" })),
    ]);
    expect(ids(state, MINE)).toEqual([]);
  });

  test("a task leaves the active ones when it is finished, and enters those that are done", () => {
    const [active, done] = ["tasks?status=active", "tasks?status=done"];
    const created = events(event(11, "task.created", { task: task(11) }));
    const open = run([...BEGUN, ...opened(active), ...opened(done), created]);
    expect([ids(open, active), ids(open, done)]).toEqual([[11], []]);
    const ended = run([events(event(12, "task.updated", { task: task(11, { status: "done" }) }))], open);
    expect([ids(ended, active), ids(ended, done)]).toEqual([[], [11]]);
  });

  test("the history of a task that is shown goes on, each entry once", () => {
    const created = taskEvent(11, 11, "created");
    const claimed = taskEvent(12, 11, "claimed", { by: "bob" });
    const read: Action = { type: "history", taskId: 11, events: [created, claimed] };
    const live = events(
      event(12, "task.claimed", { task: task(11), taskEvent: claimed }),
      event(13, "task.released", { task: task(11), taskEvent: taskEvent(13, 11, "released") }),
    );
    expect(
      run([...BEGUN, read, live])
        .histories.get(11)
        ?.map(({ id }) => id),
    ).toEqual([11, 12, 13]);
  });

  test("pairs, whose ids have no order, stand in the order in which they came", () => {
    const key = "pairs?";
    const state = run([
      ...BEGUN,
      { type: "reading", key, side: "fresh" },
      page(key, { pairs: [pair("z9"), pair("b2")] }, 10),
      events(event(11, "pair.invited", { pair: pair("a1") })),
      page(key, { pairs: [pair("k5"), pair("z9")] }, 11, { side: "older" }),
    ]);
    expect(ids(state, key)).toEqual(["k5", "z9", "b2", "a1"]);
    const ended = run([events(event(12, "pair.ended", { pair: pair("b2", { status: "ended" }) }))], state);
    expect(ended.pairs.rows.get("b2")?.status).toBe("ended");
  });

  test("lists that were not looked at for longest make room, those that always are there stay", () => {
    const keys = Array.from({ length: 30 }, (_, at) => `messages?q=word${at}`);
    const state = run([...BEGUN, ...keys.map((key): Action => ({ type: "reading", key, side: "fresh" }))]);
    expect(state.lists.size).toBeLessThan(15);
    expect(state.lists.has(FEED)).toBe(true);
    expect(state.lists.has(keys.at(-1)!)).toBe(true);
  });
});

describe("beginning again", () => {
  test("a gap has everything read again, and keeps what is shown meanwhile", () => {
    const before = run(BEGUN);
    const state = run([{ type: "gap" }], before);
    expect(state.generation).toBe(before.generation + 1);
    expect(ids(state)).toEqual([8, 9]);
  });

  test("another database forgets everything but which lists are open", () => {
    const state = run([...BEGUN, { type: "reading", key: "messages?q=x", side: "fresh" }, { type: "began", seq: 3 }]);
    expect(state.cursor).toBe(3);
    expect(state.messages.rows.size).toBe(0);
    expect(state.lists.get("messages?q=x")?.phase).toBe("empty");
  });
});

describe("bounds", () => {
  test("a hundred thousand messages leave the newest twenty thousand", () => {
    let state = run(BEGUN);
    for (let from = 11; from < 100_000; from += 1_000) {
      state = run([events(...Array.from({ length: 1_000 }, (_, at) => sent(from + at)))], state);
    }
    expect(ids(state).length).toBeLessThanOrEqual(MOST_ROWS + 4_000);
    expect(state.messages.rows.size).toBe(ids(state).length);
    expect(ids(state).at(-1)).toBe(state.cursor);
    expect(isFull(state, FEED)).toBe(true);
  }, 60_000);

  test("long texts are fewer", () => {
    const body = "x".repeat(64 * 1024);
    let state = run(BEGUN);
    for (let from = 11; from < 10_000; from += 500) {
      state = run([events(...Array.from({ length: 500 }, (_, at) => sent(from + at, { body })))], state);
    }
    expect(state.messages.rows.size).toBeLessThan(5_000);
  }, 60_000);

  test("rows that no list shows any more are dropped", () => {
    const key = "messages?q=old";
    const found = Array.from({ length: 400 }, (_, at) => message(100_000 + at));
    let state = run([...BEGUN, { type: "reading", key, side: "fresh" }, page(key, { messages: found }, 10)]);
    for (let at = 0; at < 20; at++) state = run([{ type: "reading", key: `messages?q=${at}`, side: "fresh" }], state);
    for (let from = 11; from < 4_000; from += 500)
      state = run([events(...Array.from({ length: 500 }, (_, at) => sent(from + at)))], state);
    expect(state.messages.rows.has(100_000)).toBe(false);
  });
});
