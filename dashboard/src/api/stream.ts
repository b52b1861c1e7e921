// The live stream, kept open: read with fetch, because EventSource cannot send the token in a header.

import type { Event } from "../wire.ts";
import type { Api } from "./client.ts";
import { wait } from "./backoff.ts";
import { Problem } from "./problem.ts";
import { parser } from "./sse.ts";

/** The relay says something every 15 seconds; who is silent for three times as long is gone. */
const SILENCE = 45_000;

export interface Reader {
  /** Where to resume: the number of the last event that was handled. Null stops the stream. */
  resume(): Promise<number | null>;
  hello(version: string): void;
  event(event: Event): void;
  /** Events are missing: read the state itself again. */
  gap(): void;
  /** The connection is gone. `failures` counts the attempts since the last success. */
  lost(failures: number): void;
  /** The relay refused in a way that asking again does not change. */
  refused(problem: Problem): void;
}

export interface Follow {
  /** Comes back at once instead of waiting for the next attempt. */
  hurry(): void;
  stop(): void;
}

/** Follows until stopped or refused. */
export function follow(api: Api, reader: Reader): Follow {
  const stop = new AbortController();
  let wake = () => {};
  void run();
  return {
    hurry: () => wake(),
    stop: () => {
      stop.abort();
      wake();
    },
  };

  async function run(): Promise<void> {
    let failures = 0;
    while (!stop.signal.aborted) {
      let least = 0;
      try {
        const since = await reader.resume();
        if (since === null || stop.signal.aborted) return;
        await connection(since, () => {
          failures = 0;
        });
      } catch (error) {
        if (stop.signal.aborted) return;
        const problem = Problem.from(error);
        if ([401, 403, 404].includes(problem.status)) return reader.refused(problem);
        least = problem.retryAfter ?? 0;
      }
      if (stop.signal.aborted) return;
      failures += 1;
      reader.lost(failures);
      await pause(wait(failures - 1, Math.random(), least));
    }
  }

  async function connection(since: number, opened: () => void): Promise<void> {
    const silent = new AbortController();
    const signal = AbortSignal.any([stop.signal, silent.signal]);
    let timer = setTimeout(() => silent.abort(), SILENCE);
    try {
      const headers = { accept: "text/event-stream", "last-event-id": String(since) };
      const response = await api.open("events", headers, signal);
      if (!response.body) return;
      const text = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const frames = parser();
      for (;;) {
        const { done, value } = await text.read();
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), SILENCE);
        for (const frame of frames(value)) {
          if (frame.name === "hello") opened();
          if (deliver(frame.name, frame.data)) return;
        }
      }
    } finally {
      clearTimeout(timer);
      silent.abort();
    }
  }

  /** True when the relay says good-bye. */
  function deliver(name: string, data: string): boolean {
    const value = JSON.parse(data) as Event & { version: string };
    if (name === "hello") reader.hello(value.version);
    else if (name === "gap") reader.gap();
    else if (name === "server.shutdown") return true;
    else reader.event(value);
    return false;
  }

  function pause(time: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, time);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
