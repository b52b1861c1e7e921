// How this program speaks to the relay: typed by its OpenAPI document, and patient with its absence.

import { setTimeout as sleep } from "node:timers/promises";
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./openapi.js";

export type Schemas = components["schemas"];

/** An answer that is no success. */
export class Refused extends Error {
  constructor(readonly status: number, readonly code: string, message: string, readonly retryAfter = 0) {
    super(`${message} (${status} ${code})`);
  }

  /** Whether the same request may succeed later. */
  get passes(): boolean {
    return this.status === 408 || this.status === 429 || this.status >= 500;
  }

  static async by(response: Response): Promise<Refused> {
    const body = (await response.json().catch(() => undefined)) as Partial<Schemas["ErrorBody"]> | undefined;
    const { code = "unknown", message = response.statusText } = body?.error ?? {};
    return new Refused(response.status, code, message, Number(response.headers.get("retry-after") ?? 0));
  }
}

/** A client whose every path, body and answer is checked by the compiler; refusals are thrown. */
export function client(baseUrl: string, token: () => string | undefined): Client<paths> {
  const relay = createClient<paths>({ baseUrl });
  relay.use({
    onRequest({ request }) {
      const known = token();
      if (known !== undefined) request.headers.set("authorization", `Bearer ${known}`);
      return new Request(request, { signal: AbortSignal.timeout(30_000) });
    },
    async onResponse({ response }) {
      if (!response.ok) throw await Refused.by(response);
    },
  });
  return relay;
}

/** Tries again, after longer and longer pauses, until `attempt` ends or fails for good. */
export async function persist(attempt: () => Promise<void>, stop: AbortSignal): Promise<void> {
  for (let failures = 0; ; failures++) {
    const began = Date.now();
    try {
      return await attempt();
    } catch (error) {
      if (stop.aborted) return;
      if (error instanceof Refused && !error.passes) throw error;
      if (Date.now() - began > 10_000) failures = 0;
      const pause = Math.min(200 * 2 ** failures, 5_000) * (0.5 + Math.random() / 2);
      const asked = error instanceof Refused ? error.retryAfter * 1_000 : 0;
      if (failures === 0) console.error(`${reason(error)}; trying again`);
      await sleep(Math.max(pause, asked), undefined, { signal: stop }).catch(() => {});
    }
  }
}

/** What went wrong: of a failed fetch, the cause says more than the error. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
