import { expect, test } from "vitest";
import { labelsOf } from "../src/ui/labels.ts";
import { agent } from "./make.ts";

const of = (...agents: ReturnType<typeof agent>[]) => new Map(agents.map((one) => [one.id, one]));

test("labels stay the same map until one changes", () => {
  const first = labelsOf(of(agent("a", { label: "Alpha" }), agent("b")), new Map());
  expect([...first]).toEqual([["a", "Alpha"]]);
  expect(labelsOf(of(agent("a", { label: "Alpha", status: "busy" }), agent("c")), first)).toBe(first);
  expect(labelsOf(of(agent("a", { label: "Beta" })), first).get("a")).toBe("Beta");
  expect(labelsOf(of(agent("a")), first).size).toBe(0);
  expect(labelsOf(of(agent("a", { label: "Alpha" }), agent("b", { label: "B" })), first).size).toBe(2);
});
