// What stands where there is nothing, not yet, or not any more.

import type { ComponentChildren, JSX } from "preact";
import type { Problem } from "../api/problem.ts";
import { Words } from "./text.tsx";

export function Empty({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children && <div class="empty-more">{children}</div>}
    </div>
  );
}

/** Grey rows in the place of those that are being read. */
export function Loading({ rows = 8 }: { rows?: number }): JSX.Element {
  return (
    <div class="loading" role="status">
      <span class="hidden">Loading…</span>
      {Array.from({ length: rows }, (_, at) => (
        <div key={at} class="bone" aria-hidden="true" />
      ))}
    </div>
  );
}

/** What the relay refused and why, beside what caused it. */
export function Trouble({ problem, retry }: { problem: Problem; retry?: () => void }): JSX.Element {
  return (
    <div class="trouble" role="alert">
      <p>
        <Words of={sentence(problem.message)} />
        {problem.hint && (
          <>
            {" "}
            <Words of={sentence(problem.hint)} />
          </>
        )}
      </p>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** The relay's messages begin small and end open. */
function sentence(text: string): string {
  const first = /^[a-z][a-z ]/.test(text) ? text[0]!.toUpperCase() + text.slice(1) : text;
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}
