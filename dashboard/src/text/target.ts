// Whom a message is for: what can be typed into `to`, and whom it reaches.

import type { Agent } from "../wire.ts";

/** Ids are compared without case. */
export function sameId(a: string, b: string): boolean {
  return a === b || a.toLowerCase() === b.toLowerCase();
}

export type Target =
  | { kind: "agent" | "tag" | "cap" | "label" | "machine"; word: string }
  | { kind: "broadcast"; word: "" }
  | { kind: "unknown"; word: string };

const KINDS = ["tag", "cap", "label", "machine"] as const;

export function parseTarget(text: string): Target {
  const trimmed = text.trim();
  if (trimmed.toLowerCase() === "broadcast") return { kind: "broadcast", word: "" };
  const colon = trimmed.indexOf(":");
  if (colon < 0) return { kind: "agent", word: trimmed };
  const [before, word] = [trimmed.slice(0, colon), trimmed.slice(colon + 1).trim()];
  if (before === "id") return { kind: "agent", word };
  const kind = KINDS.find((kind) => kind === before);
  return kind ? { kind, word } : { kind: "unknown", word: trimmed };
}

/** Whether an agent is among those that a target means. */
export function reaches(target: Target, agent: Agent): boolean {
  switch (target.kind) {
    case "agent":
      return sameId(agent.id, target.word);
    case "tag":
      return agent.tags.includes(target.word);
    case "cap":
      return agent.capabilities.includes(target.word);
    case "label":
      return (agent.label ?? "").toLowerCase() === target.word.toLowerCase();
    case "machine":
      return agent.machine.toLowerCase() === target.word.toLowerCase();
    case "broadcast":
      return true;
    case "unknown":
      return false;
  }
}

export interface Suggestion {
  /** What is put into the field. */
  value: string;
  /** What a person calls it. */
  title: string;
  /** What tells it apart from others. */
  detail: string;
  /** How it is doing, for a single agent. */
  status?: Agent["status"];
}

const MOST = 12;

/** What `typed` may become: agents by id, label, name or project, and the groups that there are. */
export function complete(typed: string, agents: Iterable<Agent>): Suggestion[] {
  const text = typed.trim().toLowerCase();
  const groups = new Map<string, number>();
  const single: { suggestion: Suggestion; rank: number }[] = [];
  let all = 0;
  const count = (value: string) => groups.set(value, (groups.get(value) ?? 0) + 1);
  for (const agent of agents) {
    all += 1;
    for (const tag of agent.tags) count(`tag:${tag}`);
    for (const capability of agent.capabilities) count(`cap:${capability}`);
    count(`machine:${agent.machine}`);
    if (agent.label) count(`label:${agent.label}`);
    const rank = rankOf(text, agent);
    if (rank !== undefined)
      single.push({ suggestion: ofAgent(agent), rank: rank + (agent.status === "offline" ? 10 : 0) });
  }
  const grouped = [...groups]
    .filter(([value]) => fits(text, value))
    .map(([value, members]) => ({
      suggestion: ofGroup(value, members),
      rank: value.toLowerCase().startsWith(text) && text ? 2 : 5,
    }));
  if (all > 0 && fits(text, "broadcast")) grouped.push({ suggestion: ofGroup("broadcast", all), rank: 6 });
  return [...single, ...grouped]
    .toSorted((a, b) => a.rank - b.rank || (a.suggestion.value < b.suggestion.value ? -1 : 1))
    .slice(0, MOST)
    .map(({ suggestion }) => suggestion);
}

/** 0 is best: what is typed is how the id or the label begins. */
function rankOf(text: string, agent: Agent): number | undefined {
  if (text === "") return 4;
  const names = [agent.label ?? "", agent.id].map((name) => name.toLowerCase());
  if (names.some((name) => name.startsWith(text))) return 0;
  if (names.some((name) => name.includes(text))) return 1;
  return [agent.name, agent.project ?? ""].some((name) => name.toLowerCase().includes(text)) ? 3 : undefined;
}

function fits(text: string, value: string): boolean {
  const lower = value.toLowerCase();
  return lower.startsWith(text) || lower.slice(lower.indexOf(":") + 1).startsWith(text);
}

function ofAgent({ id, label, provider, machine, project, status }: Agent): Suggestion {
  const where = [provider, project, machine].filter(Boolean).join(" · ");
  return { value: id, title: label ?? id, detail: label ? `${id} · ${where}` : where, status };
}

function ofGroup(value: string, members: number): Suggestion {
  const who = members === 1 ? "1 agent" : `${members} agents`;
  return { value, title: value, detail: value === "broadcast" ? `everybody: ${who}` : who };
}
