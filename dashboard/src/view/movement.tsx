// How much moves, minute by minute: as a chart, and in words.

import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { api } from "../relay.ts";
import { useFetched } from "../state/hooks.ts";
import { clock } from "../text/time.ts";
import Chart from "../ui/chart.tsx";
import { Trouble } from "../ui/state.tsx";
import type { Minute } from "../wire.ts";

const SPANS = [
  [60, "1 hour"],
  [360, "6 hours"],
  [1440, "1 day"],
] as const;

export function Movement({ pulse }: { pulse: number }): JSX.Element {
  const [minutes, setMinutes] = useState(60);
  const { value, problem, again } = useFetched(() => api.get<Minute[]>("stats/series", { minutes }), [minutes, pulse]);
  const series = useMemo(() => (value ? gathered(value, minutes / 60) : undefined), [value]);
  const sum = (pick: (minute: Minute) => number) => (value ?? []).reduce((total, minute) => total + pick(minute), 0);
  const busiest = value?.reduce<Minute | undefined>(
    (most, minute) => (minute.messages > (most?.messages ?? 0) ? minute : most),
    undefined,
  );
  return (
    <section class="panel" aria-label="Messages over time">
      <header>
        <h2>Messages {minutes === 60 ? "per minute" : `per ${minutes / 60} minutes`}</h2>
        <div class="spans" role="group" aria-label="Time shown">
          {SPANS.map(([span, title]) => (
            <button
              key={span}
              type="button"
              class="quiet"
              aria-pressed={minutes === span}
              onClick={() => setMinutes(span)}
            >
              {title}
            </button>
          ))}
        </div>
      </header>
      {problem && <Trouble problem={problem} retry={again} />}
      {series ? <Chart minutes={series} height={170} /> : <div class="chart-bone" aria-hidden="true" />}
      <p class="legend">
        <span class="key messages-key">
          {counted(
            sum(({ messages }) => messages),
            "message",
          )}
        </span>
        <span class="key done-key">
          {counted(
            sum(({ done }) => done),
            "piece",
          )}{" "}
          of work finished
        </span>
        {busiest && (
          <span class="faint">
            busiest minute {clock(busiest.at)} with {busiest.messages}
          </span>
        )}
      </p>
    </section>
  );
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString("en-GB")} ${what}${count === 1 ? "" : "s"}`;
}

/** Sums of as many minutes as one step of the chart stands for. */
export function gathered(minutes: readonly Minute[], step: number): Minute[] {
  if (step <= 1) return [...minutes];
  const out: Minute[] = [];
  for (let at = 0; at < minutes.length; at += step) {
    const some = minutes.slice(at, at + step);
    const total = (pick: (minute: Minute) => number) => some.reduce((sum, minute) => sum + pick(minute), 0);
    out.push({
      at: some[0]!.at,
      messages: total((m) => m.messages),
      claims: total((m) => m.claims),
      done: total((m) => m.done),
    });
  }
  return out;
}
