// The stream over a real connection: what a reader gets when the relay goes away and comes back.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { connect } from "../src/api/client.ts";
import { follow, type Follow, type Reader } from "../src/api/stream.ts";
import { wait } from "../src/api/backoff.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server | undefined;
let following: Follow | undefined;

afterEach(() => {
  following?.stop();
  server?.closeAllConnections();
  server?.close();
});

async function relay(answer: Answer): Promise<URL> {
  server = createServer(answer);
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

/** A reader that notes what it is told, as the store would. */
function reader(start = 0): Reader & { seen: number[]; told: string[] } {
  let cursor = start;
  const seen: number[] = [];
  const told: string[] = [];
  return {
    seen,
    told,
    resume: async () => cursor,
    hello: (version) => void told.push(`hello ${version}`),
    event({ seq }) {
      seen.push(seq);
      cursor = seq;
    },
    gap: () => void told.push("gap"),
    lost: (failures) => void told.push(`lost ${failures}`),
    refused: (problem) => void told.push(`refused ${problem.code}`),
  };
}

function frame(seq: number, name = "message.new"): string {
  return `id: ${seq}\nevent: ${name}\ndata: ${JSON.stringify({ seq, name, at: 0, from: 1, to: 2 })}\n\n`;
}

const HELLO = 'id: 0\nevent: hello\ndata: {"cursor":0,"version":"1.2.3"}\n\n';

function streaming(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(HELLO);
}

test("after a lost connection it resumes behind the last event that was handled", async () => {
  const asked: (string | undefined)[] = [];
  const base = await relay((request, response) => {
    const since = Number(request.headers["last-event-id"]);
    asked.push(request.headers["last-event-id"] as string);
    streaming(response);
    for (let seq = since + 1; seq <= since + 3; seq++) response.write(frame(seq));
    // The connection breaks in the middle of the next frame.
    response.write(frame(since + 4).slice(0, 20));
    setTimeout(() => response.destroy(), 20);
  });
  const seen = reader(5);
  following = follow(
    connect(base, () => null),
    seen,
  );
  await vi.waitFor(() => expect(seen.seen.length).toBeGreaterThanOrEqual(9), 10_000);
  expect(seen.seen.slice(0, 9)).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14]);
  expect(asked.slice(0, 3)).toEqual(["5", "8", "11"]);
  expect(seen.told).toContain("hello 1.2.3");
  expect(seen.told).toContain("lost 1");
});

test("the token goes into the header, and the address has none", async () => {
  const requests: { url: string | undefined; token: string | undefined }[] = [];
  const base = await relay((request, response) => {
    requests.push({ url: request.url, token: request.headers.authorization });
    streaming(response);
  });
  following = follow(
    connect(base, () => "arl_operator_x"),
    reader(),
  );
  await vi.waitFor(() => expect(requests).toHaveLength(1));
  expect(requests[0]).toEqual({ url: "/api/events", token: "Bearer arl_operator_x" });
});

test("a gap is told, a good-bye ends the connection, and then it comes back", async () => {
  let connections = 0;
  const base = await relay((_, response) => {
    connections += 1;
    streaming(response);
    response.write(frame(1, connections === 1 ? "gap" : "message.new"));
    if (connections === 1) response.write(frame(1, "server.shutdown"));
  });
  const seen = reader();
  following = follow(
    connect(base, () => null),
    seen,
  );
  await vi.waitFor(() => expect(seen.seen).toEqual([1]), 10_000);
  expect(seen.told).toEqual(["hello 1.2.3", "gap", "lost 1", "hello 1.2.3"]);
});

test("a refusal stops it: asking again would not help", async () => {
  let asked = 0;
  const base = await relay((_, response) => {
    asked += 1;
    response.writeHead(401, { "content-type": "application/json" });
    response.end('{"error":{"code":"unauthorized","message":"no token"}}');
  });
  const seen = reader();
  following = follow(
    connect(base, () => null),
    seen,
  );
  await vi.waitFor(() => expect(seen.told).toEqual(["refused unauthorized"]));
  following.hurry();
  expect(asked).toBe(1);
});

test("a relay that is too busy is left alone as long as it asks for", async () => {
  const times: number[] = [];
  const base = await relay((_, response) => {
    times.push(performance.now());
    response.writeHead(429, { "content-type": "application/json", "retry-after": "1" });
    response.end('{"error":{"code":"too_many_streams","message":"later"}}');
  });
  following = follow(
    connect(base, () => null),
    reader(),
  );
  await vi.waitFor(() => expect(times.length).toBeGreaterThan(1), 10_000);
  expect(times[1]! - times[0]!).toBeGreaterThan(950);
});

test("the waits grow, are spread, and end at fifteen seconds", () => {
  expect(wait(0, 1)).toBe(500);
  expect(wait(0, 0)).toBe(250);
  expect(wait(3, 1)).toBe(4_000);
  expect(wait(50, 1)).toBe(15_000);
  expect(wait(0, 0, 9_000)).toBe(9_000);
});
