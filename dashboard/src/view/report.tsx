// Reporting on a task: as its holder, or as who created it.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { report } from "../act/call.ts";
import { keep, kept } from "../act/draft.ts";
import { useAction } from "../state/hooks.ts";
import { sameId } from "../text/target.ts";
import { Trouble } from "../ui/state.tsx";
import type { Task } from "../wire.ts";

export function Report({ task }: { task: Task }): JSX.Element | null {
  const place = `task.${task.id}`;
  const [text, setText] = useState(() => kept(place, { body: "" }).body);
  const { busy, problem, run } = useAction();
  const holder = !!task.claim && sameId(task.claim.by, "human");
  const creator = task.source === "agent:human";
  if (!holder && !creator) return null;

  function set(body: string): void {
    setText(body);
    keep(place, body ? { body } : undefined);
  }

  async function say(status: string): Promise<void> {
    const said = text.trim();
    const field = status === "in_progress" || status === "blocked" ? "progress" : "result";
    if (await run(() => report(task, { status, ...(said ? { [field]: said } : {}) }))) set("");
  }

  return (
    <form class="report" onSubmit={(event) => event.preventDefault()}>
      {holder && (
        <textarea
          rows={2}
          data-reply
          aria-label="What to report"
          placeholder="How far it is, or what came of it…"
          dir="auto"
          value={text}
          onInput={(event) => set(event.currentTarget.value)}
        />
      )}
      <div class="actions">
        {holder && (
          <>
            <button type="button" class="primary" disabled={busy} onClick={() => say("done")}>
              Done
            </button>
            <button type="button" disabled={busy || text.trim() === ""} onClick={() => say("in_progress")}>
              Report progress
            </button>
            <button type="button" disabled={busy} onClick={() => say("blocked")}>
              Blocked
            </button>
            <button type="button" disabled={busy} onClick={() => say("failed")}>
              Failed
            </button>
          </>
        )}
        {creator && (
          <button type="button" disabled={busy} onClick={() => say("cancelled")}>
            Cancel the task
          </button>
        )}
      </div>
      {problem && <Trouble problem={problem} />}
    </form>
  );
}
