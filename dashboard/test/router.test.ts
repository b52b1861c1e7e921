import { expect, test } from "vitest";
import { format, link, parse, type Address } from "../src/router.ts";

const CASES: [string, Address][] = [
  ["#/", { view: "overview", filter: {} }],
  ["#/agents", { view: "agents", filter: {} }],
  ["#/agents/build-01-shop-3f9c2a1b", { view: "agents", id: "build-01-shop-3f9c2a1b", filter: {} }],
  ["#/agents/x?q=ops&status=waiting", { view: "agents", id: "x", filter: { q: "ops", status: "waiting" } }],
  ["#/mail/42?message=44", { view: "mail", id: "42", filter: { message: "44" } }],
  ["#/mail?q=a+b%26c%3Dd&from=alice", { view: "mail", filter: { q: "a b&c=d", from: "alice" } }],
  ["#/pairs/p7f3k2", { view: "pairs", id: "p7f3k2", filter: {} }],
  ["#/tasks/7?status=all", { view: "tasks", id: "7", filter: { status: "all" } }],
  ["#/channels/telegram-bot", { view: "channels", id: "telegram-bot", filter: {} }],
  ["#/integrations/a%2Fb%3F%23", { view: "integrations", id: "a/b?#", filter: {} }],
];

test.each(CASES)("%s is read and written alike", (text, address) => {
  expect(parse(text)).toEqual(address);
  expect(format(address)).toBe(text);
});

test.each(["", "#", "#/nowhere", "#/overview/x", "#token=abc"])("%s shows the overview", (text) => {
  expect(parse(text)).toEqual({ view: "overview", filter: {} });
});

test("filters that a view does not know are left out, and broken escapes do no harm", () => {
  expect(parse("#/agents?evil=1&q=")).toEqual({ view: "agents", filter: {} });
  expect(parse("#/agents/%E0%A4%A")).toEqual({ view: "agents", id: "%E0%A4%A", filter: {} });
});

test("whatever is put into an address comes out of it", () => {
  for (const text of ["ä ö", "a/b", "?x=1", "#", "100%", "a+b", "\u202e"]) {
    expect(parse(link("mail", 1, { q: text })).filter["q"]).toBe(text);
    expect(parse(link("agents", text)).id).toBe(text);
  }
});

test("a filter that is not set is not in the address", () => {
  expect(link("tasks", 7, { status: "", source: undefined })).toBe("#/tasks/7");
});
