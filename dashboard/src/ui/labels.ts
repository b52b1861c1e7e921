// What people call the agents.

import type { Agent } from "../wire.ts";

/** The same map as before when no label has changed: a status that changes draws no names. */
export function labelsOf(
  agents: ReadonlyMap<string, Agent>,
  before: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  let same = true;
  for (const [id, { label }] of agents) {
    if (!label) continue;
    labels.set(id, label);
    same &&= before.get(id) === label;
  }
  return same && labels.size === before.size ? before : labels;
}
