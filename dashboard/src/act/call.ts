// What a person does: each is one call, and its answer is put into the store at once.

import { api } from "../relay.ts";
import { actor, speaker } from "../session.ts";
import type { Rows } from "../state/state.ts";
import { store } from "../state/store.ts";
import { isTask } from "../state/select.ts";
import type { Agent, DeadLetter, Message, Pair, SendMessage, Sent, Task, UpdateAgent } from "../wire.ts";

async function seen<T>(call: (asOf: number) => Promise<T>, rows: (answer: T) => Rows): Promise<T> {
  const asOf = store.get().cursor;
  const answer = await call(asOf);
  store.dispatch({ type: "saw", rows: rows(answer), asOf });
  return answer;
}

export function send(message: Omit<SendMessage, "from">, key: string): Promise<Sent> {
  const body = { ...speaker(), ...message };
  return api.send<Sent>("POST", "messages", body, { "idempotency-key": key });
}

export function createTask(task: {
  title: string;
  body: string;
  target: string;
  severity: string;
  channel?: string;
}): Promise<Task> {
  return seen(
    () => api.send<Task>("POST", "tasks", { ...speaker(), ...task }),
    (task) => ({ tasks: [task] }),
  );
}

/** Claims, releases or finishes work, under the grant that is shown. */
export async function work(what: Message | Task, verb: "claim" | "release" | "done", result?: string): Promise<void> {
  const grant = verb === "claim" || !what.claim ? {} : { generation: what.claim.generation };
  const body = { ...actor(), ...grant };
  if (!isTask(what)) {
    await seen(
      () => api.send<Message>("POST", `messages/${what.id}/${verb}`, body),
      (message) => ({ messages: [message] }),
    );
  } else if (verb === "done") {
    await report(what, { status: "done", ...(result ? { result } : {}) });
  } else {
    await seen(
      () => api.send<Task>("POST", `tasks/${what.id}/${verb}`, body),
      (task) => ({ tasks: [task] }),
    );
  }
}

export function report(task: Task, what: { status: string; progress?: string; result?: string }): Promise<Task> {
  const grant = task.claim && what.status !== "cancelled" ? { generation: task.claim.generation } : {};
  return seen(
    () => api.send<Task>("PATCH", `tasks/${task.id}/status`, { ...actor(), ...grant, ...what }),
    (task) => ({ tasks: [task] }),
  );
}

export function markRead(message: Message): Promise<unknown> {
  return api.send("PATCH", `messages/${message.id}`, { ...actor(), read: true, via: "dashboard" });
}

export function erase(message: Message): Promise<unknown> {
  return api.send("DELETE", `messages/${message.id}`);
}

export function editAgent(id: string, changes: UpdateAgent): Promise<Agent> {
  const path = `agents/${encodeURIComponent(id)}`;
  return seen(
    () => api.send<Agent>("PATCH", path, changes),
    (agent) => ({ agents: [agent] }),
  );
}

export function removeAgent(id: string): Promise<unknown> {
  return api.send("DELETE", `agents/${encodeURIComponent(id)}`);
}

export function invite(from: string, target: string, objective: string): Promise<Pair> {
  const body = { from, target, ...(objective ? { objective } : {}) };
  return seen(
    () => api.send<Pair>("POST", "pairs", body),
    (pair) => ({ pairs: [pair] }),
  );
}

export function actOnPair(pair: Pair, verb: "accept" | "reject" | "hangup", as: string): Promise<Pair> {
  return seen(
    () => api.send<Pair>("POST", `pairs/${pair.id}/${verb}`, { agentId: as }),
    (pair) => ({ pairs: [pair] }),
  );
}

export function sayInPair(pair: Pair, body: string): Promise<Sent> {
  return api.send<Sent>("POST", `pairs/${pair.id}/messages`, { ...speaker(), body });
}

export function resend(letter: DeadLetter): Promise<DeadLetter> {
  return api.send<DeadLetter>("POST", `integrations/dead-letters/${letter.id}/retry`);
}
