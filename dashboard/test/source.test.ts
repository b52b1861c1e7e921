// What no file of the page may contain: text of others never becomes markup, and nothing leaves the relay.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const root = path.join(import.meta.dirname, "..");
const files = readdirSync(path.join(root, "src"), { recursive: true })
  .map((name) => path.join("src", String(name)))
  .filter((name) => /\.(tsx?|css|svg)$/.test(name) && !name.endsWith("api.d.ts"));

const FORBIDDEN: [string, RegExp][] = [
  [
    "markup from text",
    /innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|createContextualFragment|DOMParser|srcdoc/,
  ],
  ["code from text", /\beval\(|new Function\(|javascript:/],
  ["a style that the policy forbids", /style=["'`]|setAttribute\(["']style/],
  ["a handler that the policy forbids", /\son[a-z]+="/],
  ["an address outside", /https?:\/\/(?!www\.w3\.org\/2000\/svg)/],
  ["a token in an address", /[?&](token|access_token)=/],
];

test("there are files to look at", () => {
  expect(files.length).toBeGreaterThan(40);
});

test.each(FORBIDDEN)("no file holds %s", (_, pattern) => {
  const found = [...files, "index.html"].filter((name) => pattern.test(readFileSync(path.join(root, name), "utf8")));
  expect(found).toEqual([]);
});

test("no file has grown past four hundred lines", () => {
  const long = files.filter((name) => readFileSync(path.join(root, name), "utf8").split("\n").length > 400);
  expect(long.filter((name) => !name.endsWith(".css"))).toEqual([]);
});
