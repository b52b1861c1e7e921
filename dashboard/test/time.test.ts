import { expect, test } from "vitest";
import { ago, dayName, since, span, until } from "../src/text/time.ts";

const NOW = new Date(2026, 4, 4, 12, 0, 0).getTime();
const [S, M, H, D] = [1_000, 60_000, 3_600_000, 86_400_000];

test.each([
  [0, "now"],
  [44 * S, "now"],
  [50 * S, "1 min"],
  [5 * M, "5 min"],
  [59 * M, "59 min"],
  [H, "1 h"],
  [23 * H, "23 h"],
  [D, "1 d"],
  [6 * D, "6 d"],
  [10 * D, "24 Apr"],
  [400 * D, "30 Mar 2025"],
])("%i milliseconds ago is %s", (passed, text) => {
  expect(ago(NOW - passed, NOW)).toBe(text);
});

test("in a sentence it says ago, or on which day", () => {
  expect(since(NOW, NOW)).toBe("just now");
  expect(since(NOW - 5 * M, NOW)).toBe("5 min ago");
  expect(since(NOW - 10 * D, NOW)).toBe("on 24 Apr");
});

test("what is to come is counted down", () => {
  expect(until(NOW + 45 * S, NOW)).toBe("in 45 s");
  expect(until(NOW + 4 * M, NOW)).toBe("in 4 min");
  expect(until(NOW + 5 * H, NOW)).toBe("in 5 h");
  expect(until(NOW - 1, NOW)).toBe("now");
});

test("a clock that is ahead does not put what happened into the future", () => {
  expect(ago(NOW + 45 * S, NOW)).toBe("now");
  expect(since(NOW + 45 * S, NOW)).toBe("just now");
});

test("spans", () => {
  expect([12 * S, 3 * M, 2 * H + 5 * M, 3 * D + H].map(span)).toEqual(["12 s", "3 min", "2 h 5 min", "3 d 1 h"]);
});

test("days have names", () => {
  expect(dayName(NOW, NOW)).toBe("Today");
  expect(dayName(NOW - 13 * H, NOW)).toBe("Yesterday");
  expect(dayName(NOW - 3 * D, NOW)).toMatch(/^Friday,? 1 May 2026$/);
});
