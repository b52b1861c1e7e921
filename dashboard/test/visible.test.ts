import { expect, test } from "vitest";
import { blocks, fold, oneLine, pieces, plain, spans } from "../src/text/visible.ts";

test.each([
  ["plain text, ümläuts, 漢字 and 👩‍👩‍👧 stay", "plain text, ümläuts, 漢字 and 👩‍👩‍👧 stay"],
  ["tabs\tand\nlines\r\nstay", "tabs\tand\nlines\nstay"],
  ["\u001b[31mred\u001b[0m", "[ESC][31mred[ESC][0m"],
  ["\u202Egnp.exe\u202C", "[U+202E]gnp.exe[U+202C]"],
  ["zero\u200Bwidth\uFEFF", "zero[U+200B]width[U+FEFF]"],
  ["a\u0000b\u0007\u007f\u009b", "a[U+0000]b[U+0007][U+007F][U+009B]"],
  ["bare\rreturn", "bare[U+000D]return"],
  ["\u2066isolated\u2069", "[U+2066]isolated[U+2069]"],
  ["x\u{E0048}\u{E0069}y", "x[hidden: Hi]y"],
  ["<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"],
])("%j is shown as %j", (text, shown) => {
  expect(plain(text)).toBe(shown);
});

test("nothing that hides or reorders is left in what is shown as text", () => {
  const all = Array.from({ length: 0x3000 }, (_, code) => String.fromCharCode(code)).join("");
  const left = pieces(all)
    .map((piece) => ("text" in piece ? piece.text : ""))
    .join("");
  expect(left).not.toMatch(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069]/,
  );
});

test("a mark says what it stands for", () => {
  expect(pieces("\u202e")).toEqual([{ mark: "U+202E", name: "right-to-left override" }]);
});

test("code between fences is set apart, a fence left open is text", () => {
  expect(blocks("before\n```ts\nconst a = 1;\n```\nafter")).toEqual([
    { kind: "text", text: "before" },
    { kind: "code", text: "const a = 1;" },
    { kind: "text", text: "after" },
  ]);
  expect(blocks("a\n```\nopen")).toEqual([{ kind: "text", text: "a\n```\nopen" }]);
  expect(blocks("in `line` and ```not a fence``` here")).toHaveLength(1);
});

test("code in a line is set apart, a backtick alone is text", () => {
  expect(spans("run `npm test` now")).toEqual([
    { text: "run ", code: false },
    { text: "npm test", code: true },
    { text: " now", code: false },
  ]);
  expect(spans("it`s")).toEqual([{ text: "it`s", code: false }]);
  expect(spans("a `b\nc` d").some(({ code }) => code)).toBe(false);
});

test("a row has one line of a text, without half a letter at its end", () => {
  expect(oneLine("a\n\n  b\tc ")).toBe("a b c");
  expect(oneLine("x".repeat(300), 10)).toBe(`${"x".repeat(10)}…`);
  expect(oneLine(`${"x".repeat(9)}😀yz`, 10)).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])/);
});

test("only long texts are folded", () => {
  expect(fold("short")).toBeUndefined();
  expect(fold(Array.from({ length: 20 }, () => "line").join("\n"))).toBeUndefined();
  const lines = Array.from({ length: 80 }, (_, at) => `line ${at}`);
  expect(fold(lines.join("\n"))).toEqual({ shown: lines.slice(0, 18).join("\n"), lines: 80 });
  expect(fold("x".repeat(60_000))?.shown.length).toBe(1_600);
});
