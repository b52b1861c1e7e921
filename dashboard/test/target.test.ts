import { expect, test } from "vitest";
import { complete, parseTarget, reaches, sameId } from "../src/text/target.ts";
import { agent } from "./make.ts";

const BACKEND = agent("build-01-shop-1", { label: "Backend", tags: ["eu"], capabilities: ["review"], project: "shop" });
const FRONTEND = agent("build-01-shop-2", { label: "Frontend", capabilities: ["review"] });
const GONE = agent("back-office", { status: "offline", machine: "laptop" });
const ALL = [BACKEND, FRONTEND, GONE];

const values = (typed: string) => complete(typed, ALL).map(({ value }) => value);

test("targets are read as the relay reads them", () => {
  expect(parseTarget(" build-01 ")).toEqual({ kind: "agent", word: "build-01" });
  expect(parseTarget("id:x")).toEqual({ kind: "agent", word: "x" });
  expect(parseTarget("label: Night Shift")).toEqual({ kind: "label", word: "Night Shift" });
  expect(parseTarget("Broadcast")).toEqual({ kind: "broadcast", word: "" });
  expect(parseTarget("team:x")).toEqual({ kind: "unknown", word: "team:x" });
});

test.each([
  ["BUILD-01-SHOP-1", 1],
  ["label:backend", 1],
  ["tag:eu", 1],
  ["tag:EU", 0],
  ["cap:review", 2],
  ["machine:Build-01", 2],
  ["broadcast", 3],
  ["Backend", 0],
])("%s reaches %i", (target, count) => {
  expect(ALL.filter((agent) => reaches(parseTarget(target), agent))).toHaveLength(count);
});

test("what begins with the letters comes first, who is gone comes last", () => {
  expect(values("back")).toEqual(["build-01-shop-1", "label:Backend", "back-office"]);
});

test("groups are found by their word and by their kind, with how many they are", () => {
  expect(values("rev")).toEqual(["cap:review"]);
  expect(values("cap:")).toEqual(["cap:review"]);
  expect(complete("cap:review", ALL)[0]).toEqual({ value: "cap:review", title: "cap:review", detail: "2 agents" });
});

test("an agent is also found by its project, and nothing by what it is not", () => {
  expect(values("shop")).toContain("build-01-shop-1");
  expect(values("zzz")).toEqual([]);
});

test("with nothing typed a few of all kinds are offered, with many only the best", () => {
  expect(values("").slice(0, 2)).toEqual(["build-01-shop-1", "build-01-shop-2"]);
  expect(values("")).toContain("broadcast");
  const many = Array.from({ length: 1_000 }, (_, at) => agent(`worker-${at}`));
  expect(complete("worker", many)).toHaveLength(12);
});

test("ids are compared without case", () => {
  expect(sameId("Alice", "aLICE")).toBe(true);
  expect(sameId("alice", "alice2")).toBe(false);
});
