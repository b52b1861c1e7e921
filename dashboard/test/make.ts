// Rows and events to test with.

import type { Agent, Event, Message, Pair, Task, TaskEvent } from "../src/wire.ts";

export const AT = Date.UTC(2026, 4, 4, 12, 0, 0);

export function message(id: number, more: Partial<Message> = {}): Message {
  return {
    id,
    from: "alice",
    to: "bob",
    body: `text ${id}`,
    kind: "chat",
    urgency: "normal",
    threadId: id,
    claimable: false,
    payload: {},
    meta: {},
    readBy: [],
    verified: true,
    createdAt: AT + id,
    ...more,
  };
}

export function agent(id: string, more: Partial<Agent> = {}): Agent {
  return {
    id,
    name: id,
    provider: "claude",
    machine: "build-01",
    tags: [],
    capabilities: [],
    channels: "all",
    approval: "open",
    status: "idle",
    ready: true,
    epoch: 1,
    meta: {},
    createdAt: AT,
    lastSeenAt: AT,
    statusAt: AT,
    ...more,
  };
}

export function task(id: number, more: Partial<Task> = {}): Task {
  return {
    id,
    source: "monitoring",
    type: "alert",
    severity: "error",
    title: `task ${id}`,
    body: "",
    target: "cap:ops",
    status: "open",
    occurrenceCount: 1,
    meta: {},
    createdAt: AT,
    lastSeenAt: AT,
    updatedAt: AT,
    ...more,
  };
}

export function pair(id: string, more: Partial<Pair> = {}): Pair {
  return { id, initiator: "alice", partner: "bob", status: "pending", createdAt: AT, ...more };
}

export function taskEvent(
  id: number,
  taskId: number,
  type: TaskEvent["type"],
  more: Partial<TaskEvent> = {},
): TaskEvent {
  return { id, taskId, type, data: {}, at: AT + id, ...more };
}

export function event(seq: number, name: Event["name"], more: Partial<Event> = {}): Event {
  return { seq, name, at: AT + seq, ...more };
}

export function sent(id: number, more: Partial<Message> = {}): Event {
  return event(id, "message.new", { message: message(id, more) });
}
