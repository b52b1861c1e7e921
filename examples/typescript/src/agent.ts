// An agent that joins a relay, listens, and answers whoever writes to it.

import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import path from "node:path";
import { frames, type Frame } from "./events.js";
import { client, persist, reason, Refused, type Schemas } from "./relay.js";

/** What the agent says to a message: your work goes here. */
async function answer(message: Schemas["Message"]): Promise<string> {
  return `You wrote ${message.body.trim().split(/\s+/).length} words.`;
}

const { env } = process;
const id = process.argv[2] ?? env["AGENT_RELAY_ID"] ?? "typescript-example";
const url = (env["AGENT_RELAY_URL"] ?? "http://localhost:4850").replace(/\/+$/, "");
const state = env["XDG_STATE_HOME"] ?? path.join(homedir(), ".local", "state");
const tokenFile = path.join(state, "agent-relay-typescript", `${id}.json`);
const me: { instanceId: string; epoch?: number } = { instanceId: randomUUID() };
const stop = new AbortController();

let token = keptToken() ?? env["AGENT_RELAY_TOKEN"];
let cursor: string | undefined;
const relay = client(url, () => token);

/** Registers, with the agent's own token as the proof that the id is ours, and keeps the token. */
async function join(): Promise<void> {
  const body = { id, instanceId: me.instanceId, provider: "typescript", machine: hostname() };
  const register = () => relay.POST("/api/agents", { body });
  const { data: agent } = await register().catch((error: unknown) => {
    if (!(error instanceof Refused && error.status === 401)) throw error;
    token = env["AGENT_RELAY_TOKEN"]; // The relay does not know the kept one any more.
    return register();
  });
  if (!agent) throw new Error("the relay answered without an agent");
  me.epoch = agent.epoch;
  if (agent.token) keep(agent.token);
  console.log(`joined ${url} as ${agent.id}`);
}

/** Follows the stream from where it was left, and ends only by failing. */
async function listen(): Promise<never> {
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  if (cursor !== undefined) headers["last-event-id"] = cursor;
  for await (const frame of frames(`${url}/api/events?for=${encodeURIComponent(id)}`, headers, stop.signal)) {
    await handle(frame);
    cursor = frame.id; // Only now: what fails on the way comes again.
  }
  throw new Error("the relay closed the stream");
}

async function handle(frame: Frame): Promise<void> {
  // What came before the stream began, or was pruned from it, waits in the inbox.
  if (cursor === undefined || frame.name === "gap") await catchUp();
  else if (frame.name === "message.new" && frame.data.message) await reply(frame.data.message);
}

async function catchUp(): Promise<void> {
  for (let since = 0; ; ) {
    const query = { for: id, unread: true, since, limit: 500 };
    const { data: unread = [] } = await relay.GET("/api/messages", { params: { query } });
    for (const message of unread) await reply(message);
    const last = unread.at(-1);
    if (!last) return;
    since = last.id;
  }
}

/** Answers a message and marks it. Work and pairs are for others; answers to answers would never end. */
async function reply(message: Schemas["Message"]): Promise<void> {
  console.log(`[msg:${message.id}] from ${message.from}`);
  if (message.kind === "chat" && message.replyTo == null && !message.claimable) {
    const text = await answer(message).catch((error: unknown) => `I failed: ${reason(error)}`);
    // With the key, a message that comes twice is answered once.
    const body = { to: message.from, replyTo: message.id, body: text, idempotencyKey: `answer-${message.id}`, ...me };
    await settle(relay.POST("/api/messages", { body }));
  }
  const target = { params: { path: { id: message.id } } };
  await settle(relay.PATCH("/api/messages/{id}", { ...target, body: { read: true, handled: true, ...me } }));
}

/** Goes on after a refusal that concerns one message; what concerns the agent or the relay ends the stream. */
async function settle(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    const ours = !(error instanceof Refused) || error.passes || error.status === 401 || error.code === "stale_session";
    if (ours) throw error;
    console.error(`the relay refused: ${error.message}`);
  });
}

function keptToken(): string | undefined {
  try {
    const kept = JSON.parse(readFileSync(tokenFile, "utf8")) as { url: string; token: string };
    return kept.url === url ? kept.token : undefined; // A token goes only to the relay that gave it.
  } catch {
    return undefined;
  }
}

function keep(given: string): void {
  token = given;
  mkdirSync(path.dirname(tokenFile), { recursive: true, mode: 0o700 });
  writeFileSync(tokenFile, JSON.stringify({ url, token }), { mode: 0o600 });
}

/** Says that the agent is alive. Where a newer process has its id, this one ends: nobody is helped by a fight. */
async function beat(): Promise<void> {
  const call = relay.POST("/api/agents/{id}/heartbeat", { params: { path: { id } }, body: me });
  await call.catch((error: unknown) => {
    if (error instanceof Refused && error.code === "stale_session") stop.abort(error);
  });
}

/** Joins where the relay does not know us yet, or not any more, and listens. */
async function live(): Promise<void> {
  if (me.epoch === undefined) await join();
  await listen().catch((error: unknown) => {
    if (!(error instanceof Refused && [401, 404].includes(error.status))) throw error;
    delete me.epoch;
    throw new Error("the relay does not know this agent any more");
  });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort(signal));
const heartbeat = setInterval(() => void beat(), Number(env["AGENT_RELAY_HEARTBEAT_MS"] ?? 30_000));
await persist(live, stop.signal).catch((error: unknown) => stop.abort(error));
clearInterval(heartbeat);
if (stop.signal.reason instanceof Error) {
  console.error(`error: ${reason(stop.signal.reason)}`);
  process.exitCode = 1;
} else {
  const offline = { params: { path: { id } }, body: { status: "offline" as const } };
  await relay.PATCH("/api/agents/{id}/status", offline).catch(() => {}); // The relay notices by itself, too.
}
