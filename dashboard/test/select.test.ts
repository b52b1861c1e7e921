import { expect, test } from "vitest";
import { held, mentions, openWork, pairOf, sorted, threads, waitingMail } from "../src/state/select.ts";
import { agent, AT, message, pair, task } from "./make.ts";

const MINUTE = 60_000;

test("threads stand in the order of their newest message, with who wrote in them", () => {
  const found = threads([
    message(1, { subject: "Start" }),
    message(2),
    message(3, { threadId: 1, from: "bob", to: "alice" }),
  ]);
  expect(found.map(({ id, count, people }) => ({ id, count, people }))).toEqual([
    { id: 1, count: 2, people: ["bob", "alice"] },
    { id: 2, count: 1, people: ["alice"] },
  ]);
  expect(found[0]?.first?.subject).toBe("Start");
});

test("older pages never move a thread that is already there", () => {
  const newer = [message(5, { threadId: 2 }), message(6)];
  const before = threads(newer).map(({ id }) => id);
  const after = threads([message(1), message(2), ...newer]).map(({ id }) => id);
  expect(after.slice(0, before.length)).toEqual(before);
});

test("a thread is unread when mail to the operator in it is", () => {
  const to = (id: number, readBy: string[]) => message(id, { to: "human", readBy });
  expect(threads([to(1, [])])[0]?.unread).toBe(true);
  expect(threads([to(1, ["human"])])[0]?.unread).toBe(false);
});

test("direct mail that nobody has read for five minutes is waiting, groups and work are not", () => {
  const now = AT + 6 * MINUTE;
  const old = [
    message(1),
    message(2, { readBy: ["bob"] }),
    message(3, { to: "tag:x" }),
    message(4, { claimable: true }),
    message(5, { to: "human" }),
    message(6, { expiresAt: AT + MINUTE }),
  ];
  const fresh = message(7, { createdAt: now - MINUTE });
  expect(waitingMail([...old, fresh], now).map(({ id }) => id)).toEqual([1]);
});

test("claims are about to lapse when nobody renews them, and stall without progress", () => {
  const claim = (since: number, left?: number) => ({
    by: "bob",
    at: AT - since,
    generation: 1,
    ...(left === undefined ? {} : { expiresAt: AT + left }),
  });
  const messages = [
    message(1, { claimable: true, claim: claim(MINUTE, 4 * MINUTE) }),
    message(2, { claimable: true, claim: claim(4 * MINUTE, MINUTE) }),
    message(3, { claimable: true, claim: claim(20 * MINUTE, 4 * MINUTE) }),
    message(4, { claimable: true, claim: { ...claim(MINUTE), doneAt: AT } }),
    message(5, { claimable: true, claim: claim(MINUTE), taskId: 9 }),
  ];
  const tasks = [task(9, { status: "in_progress", claim: claim(30 * MINUTE, 4 * MINUTE), updatedAt: AT - MINUTE })];
  expect(held(messages, tasks, AT).map(({ what, trouble }) => [what.id, trouble])).toEqual([
    [9, undefined],
    [3, "stalled"],
    [2, "lapsing"],
    [1, undefined],
  ]);
});

test("open work is what nobody has: a task once, not also its message", () => {
  const messages = [
    message(1, { claimable: true }),
    message(2, { claimable: true, taskId: 3 }),
    message(4, { claimable: true, expiresAt: AT - 1 }),
    message(5),
  ];
  const tasks = [task(3), task(6, { status: "claimed" })];
  expect(openWork(messages, tasks, AT).map(({ id }) => id)).toEqual([3, 1]);
});

test("agents are sorted by what people call them, those who are gone at the end", () => {
  const agents = [agent("zed"), agent("b", { label: "Alpha", status: "offline" }), agent("c", { label: "beta" })];
  expect(sorted(agents).map(({ id }) => id)).toEqual(["c", "zed", "b"]);
});

test("an agent is found by all words that it says of itself", () => {
  const found = agent("x-1", { label: "Backend", tags: ["eu"], project: "shop" });
  expect(mentions(found, "back EU")).toBe(true);
  expect(mentions(found, "back us")).toBe(false);
});

test("only a pair that is not over keeps an agent busy", () => {
  const pairs = [pair("p1", { status: "ended" }), pair("p2", { status: "active", initiator: "Carol" })];
  expect(pairOf("carol", pairs)?.id).toBe("p2");
  expect(pairOf("alice", [pairs[0]!])).toBeUndefined();
});
