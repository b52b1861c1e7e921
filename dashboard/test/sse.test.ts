import { expect, test } from "vitest";
import { parser } from "../src/api/sse.ts";

const TEXT =
  'id: 0\nevent: hello\nretry: 2000\ndata: {"cursor":0}\n\n: keep-alive\n\nid: 2\nevent: agent.registered\ndata: {"seq":2,\ndata: "x":"ü😀"}\n\n';
const FRAMES = [
  { id: "0", name: "hello", data: '{"cursor":0}' },
  { id: "2", name: "agent.registered", data: '{"seq":2,\n"x":"ü😀"}' },
];

test("frames are read, comments are not", () => {
  expect(parser()(TEXT)).toEqual(FRAMES);
});

test("it does not matter where the stream is cut, nor how its lines end", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const text = TEXT.replaceAll("\n", end);
    for (let cut = 0; cut <= text.length; cut++) {
      const read = parser();
      // With a bare carriage return the last blank line is known to be complete once something follows.
      expect([...read(text.slice(0, cut)), ...read(text.slice(cut)), ...read(": x")]).toEqual(FRAMES);
    }
  }
});

test("letter by letter gives the same", () => {
  const read = parser();
  expect([...TEXT].flatMap((letter) => read(letter))).toEqual(FRAMES);
});

test("a frame that never ends is never given", () => {
  expect(parser()('id: 3\nevent: message.new\ndata: {"seq":3}\n')).toEqual([]);
});

test("a name or an id belongs to its own frame only", () => {
  expect(parser()("event: a\nid: 1\ndata: x\n\ndata: y\n\n")).toEqual([
    { id: "1", name: "a", data: "x" },
    { id: undefined, name: "message", data: "y" },
  ]);
});

test("a mark at the beginning and a value without a space are read", () => {
  expect(parser()("\uFEFFdata:x\n\n")).toEqual([{ id: undefined, name: "message", data: "x" }]);
});
