// The store kept true over real connections: pages that arrive late, a server that restarts, another database.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { connect } from "../src/api/client.ts";
import { FEED } from "../src/state/list.ts";
import { createStore, type Store } from "../src/state/store.ts";
import { startSync, type Sync } from "../src/sync.ts";
import type { Event, Message } from "../src/wire.ts";
import { message, sent } from "./make.ts";

/** A server with just what the page reads: messages, their events, and nothing else. */
class Small {
  rows: Message[] = [];
  events: Event[] = [];
  searched: string[] = [];
  /** What the newest page waits for before it is sent. */
  hold: Promise<void> | undefined;
  seq = 0;
  readonly streams = new Set<ServerResponse>();
  server: Server | undefined;
  port = 0;

  async listen(): Promise<void> {
    this.server = createServer((request, response) => void this.answer(request, response));
    await new Promise<void>((resolve) => this.server!.listen(this.port, "127.0.0.1", resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) => this.server?.close(resolve));
  }

  say(more: Partial<Message> = {}): void {
    const event = sent(++this.seq, more);
    this.rows.push(event.message!);
    this.events.push(event);
    for (const stream of this.streams) stream.write(frame(event));
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, "http://x");
    if (url.pathname === "/api/events") return this.stream(request, response);
    let rows: unknown = [];
    if (url.pathname === "/api/messages/cursor") rows = { cursor: this.seq, seq: this.seq };
    if (url.pathname === "/api/messages") rows = this.page(url.searchParams, response);
    if (url.search === "?limit=200") await this.hold;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(rows));
  }

  page(query: URLSearchParams, response: ServerResponse): Message[] {
    if (query.has("for") || query.has("claimable")) return [];
    const q = query.get("q");
    if (q) this.searched.push(query.toString());
    const since = Number(query.get("since") ?? 0);
    const before = Number(query.get("before") ?? Infinity);
    const limit = Number(query.get("limit"));
    const found = this.rows.filter(({ id, body }) => id > since && id < before && (!q || body.includes(q)));
    const page = query.has("since") ? found.slice(0, limit) : found.slice(-limit);
    const older = !query.has("since") && found.length > limit;
    if (older) response.setHeader("link", `</api/messages?before=${page[0]!.id}&limit=${limit}>; rel="next"`);
    return page;
  }

  stream(request: IncomingMessage, response: ServerResponse): void {
    const since = Number(request.headers["last-event-id"]);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`id: ${since}\nevent: hello\ndata: {"cursor":${since},"version":"1"}\n\n`);
    for (const event of this.events.filter(({ seq }) => seq > since)) response.write(frame(event));
    this.streams.add(response);
    response.on("close", () => this.streams.delete(response));
  }
}

function frame(event: Event): string {
  return `id: ${event.seq}\nevent: ${event.name}\ndata: ${JSON.stringify(event)}\n\n`;
}

const small: Small[] = [];
let sync: Sync | undefined;

afterEach(async () => {
  sync?.stop();
  await Promise.all(small.splice(0).map((one) => one.close()));
});

async function start(messages: number): Promise<{ relay: Small; store: Store; feed: () => number[] }> {
  const relay = new Small();
  small.push(relay);
  for (let count = 0; count < messages; count++) relay.say();
  await relay.listen();
  const store = createStore();
  sync = startSync(
    connect(new URL(`http://127.0.0.1:${relay.port}/`), () => null),
    store,
    () => () => {},
  );
  return { relay, store, feed: () => [...store.get().lists.get(FEED)!.ids] as number[] };
}

const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_, at) => from + at);

test("the newest page comes first, older ones when they are asked for, and what happens meanwhile too", async () => {
  const { relay, feed } = await start(450);
  await vi.waitFor(() => expect(feed()).toEqual(upTo(450, 251)));
  relay.say();
  await vi.waitFor(() => expect(feed()).toEqual(upTo(451, 251)));
  await sync!.older(FEED);
  await sync!.older(FEED);
  await sync!.older(FEED);
  expect(feed()).toEqual(upTo(451));
});

test("a message that is sent while the first page is on its way is there once", async () => {
  let release = () => {};
  const { relay, store, feed } = await start(3);
  await vi.waitFor(() => expect(feed()).toEqual([1, 2, 3]));
  relay.hold = new Promise((resolve) => (release = resolve));
  const reading = sync!.reload(FEED);
  relay.say();
  await vi.waitFor(() => expect(store.get().cursor).toBe(4));
  release();
  await reading;
  expect(feed()).toEqual([1, 2, 3, 4]);
});

test("what happened while the relay was away is there after it has come back, once and in order", async () => {
  const { relay, store, feed } = await start(3);
  await vi.waitFor(() => expect(store.get().link.phase).toBe("live"));
  await relay.close();
  await vi.waitFor(() => expect(store.get().link.phase).toBe("lost"));
  for (let count = 0; count < 5; count++) relay.say();
  await relay.listen();
  await vi.waitFor(() => expect(feed()).toEqual(upTo(8)), 15_000);
  expect(store.get().arrived).toBe(5);
  expect(store.get().link.phase).toBe("live");
}, 30_000);

test("another database in its place is read anew", async () => {
  const { relay, store, feed } = await start(50);
  await vi.waitFor(() => expect(feed()).toHaveLength(50));
  await relay.close();
  relay.rows = [message(2, { body: "restored" })];
  relay.events = [];
  relay.seq = 2;
  await relay.listen();
  await vi.waitFor(() => expect(feed()).toEqual([2]), 15_000);
  expect(store.get().messages.rows.get(2)?.body).toBe("restored");
  relay.say();
  await vi.waitFor(() => expect(feed()).toEqual([2, 3]));
}, 30_000);

test("a reader who was away for very long reads the newest page, not every event", async () => {
  const { relay, store, feed } = await start(3);
  await vi.waitFor(() => expect(store.get().link.phase).toBe("live"));
  await relay.close();
  for (let count = 0; count < 6_000; count++) relay.say();
  await relay.listen();
  await vi.waitFor(() => expect(feed()).toEqual(upTo(6_003, 5_804)), 15_000);
  expect(store.get().arrived).toBe(0);
}, 30_000);

test("a search follows what arrives by asking the server for what is newer", async () => {
  const { relay, store } = await start(3);
  const key = "messages?q=needle";
  await vi.waitFor(() => expect(store.get().link.phase).toBe("live"));
  relay.say({ body: "a needle" });
  sync!.need(key);
  await vi.waitFor(() => expect(store.get().lists.get(key)?.ids).toEqual([4]));
  relay.say({ body: "straw" });
  relay.say({ body: "another needle" });
  await vi.waitFor(() => expect(store.get().lists.get(key)?.ids).toEqual([4, 6]), 10_000);
  expect(relay.searched.slice(1).every((query) => query.includes("since="))).toBe(true);
});

test("lists that could not be read while the relay was away are read when it is back", async () => {
  const { relay, store } = await start(3);
  const key = "messages?q=text";
  await vi.waitFor(() => expect(store.get().link.phase).toBe("live"));
  await relay.close();
  sync!.need(key);
  await vi.waitFor(() => expect(store.get().lists.get(key)?.phase).toBe("failed"));
  await relay.listen();
  await vi.waitFor(() => expect(store.get().lists.get(key)?.ids).toEqual([1, 2, 3]), 15_000);
}, 30_000);
