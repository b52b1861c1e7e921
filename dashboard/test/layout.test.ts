import { expect, test } from "vitest";
import { anchors, hold, offsets, range, reveal, rowAt } from "../src/ui/layout.ts";

const HEIGHTS = [10, 50, 20, 20, 100];
const TOPS = offsets(HEIGHTS.length, (at) => HEIGHTS[at]!);

test("rows begin where those before them end", () => {
  expect([...TOPS]).toEqual([0, 10, 60, 80, 100, 200]);
});

test.each([
  [-5, 0],
  [0, 0],
  [9, 0],
  [10, 1],
  [59, 1],
  [60, 2],
  [199, 4],
  [5_000, 4],
])("at %i there is row %i", (y, row) => {
  expect(rowAt(TOPS, y)).toBe(row);
});

test("only what is visible is drawn, and as much around it as asked for", () => {
  expect(range(TOPS, 65, 20, 0)).toEqual([2, 4]);
  expect(range(TOPS, 65, 20, 60)).toEqual([0, 5]);
  expect(
    range(
      offsets(0, () => 1),
      0,
      100,
      100,
    ),
  ).toEqual([0, 0]);
  const many = offsets(100_000, () => 60);
  const [from, to] = range(many, 3_000_000, 800, 400);
  expect(to - from).toBeLessThan(30);
  expect(from).toBe(49_993);
});

test("a row is revealed with as little movement as possible", () => {
  expect(reveal(TOPS, 2, 0, 100)).toBe(0);
  expect(reveal(TOPS, 0, 50, 100)).toBe(0);
  expect(reveal(TOPS, 3, 0, 90)).toBe(10);
  expect(reveal(TOPS, 4, 0, 50)).toBe(100);
});

test("what is on the screen stays where it is when rows come above it", () => {
  const keys = ["a", "b", "c", "d", "e"];
  const held = anchors(TOPS, keys, 65, 60);
  expect(held.map(({ key }) => key)).toEqual(["c", "d", "e"]);
  const now = ["x", "y", ...keys];
  const tops = offsets(now.length, (at) => (at < 2 ? 30 : HEIGHTS[at - 2]!));
  expect(hold(tops, (key) => now.indexOf(key), held)).toBe(65 + 60);
});

test("when the row at the edge is gone, the next one holds", () => {
  const held = anchors(TOPS, ["a", "b", "c", "d", "e"], 65, 60);
  const now = ["a", "b", "d", "e"];
  const tops = offsets(4, (at) => [10, 50, 20, 100][at]!);
  const find = (key: string) => (now.includes(key) ? now.indexOf(key) : undefined);
  expect(hold(tops, find, held)).toBe(60 - 15);
  expect(hold(tops, () => undefined, held)).toBeUndefined();
});
