// Inviting to a pair: oneself, or one agent on behalf of another.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { go, link } from "../router.ts";
import { useAction } from "../state/hooks.ts";
import { close, Dialog } from "../ui/dialog.tsx";
import { Field, TargetField } from "../ui/field.tsx";
import { Trouble } from "../ui/state.tsx";
import { invite } from "./call.ts";
import { keep, kept } from "./draft.ts";

export function Invite({ target }: { target: string | undefined }): JSX.Element {
  const [draft, setDraft] = useState(() => ({
    ...kept("invite", { from: "human", target: "", objective: "" }),
    ...(target ? { target } : {}),
  }));
  const { busy, problem, run } = useAction();

  function set(changes: Partial<typeof draft>): void {
    const next = { ...draft, ...changes };
    setDraft(next);
    keep("invite", next);
  }

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    let id = "";
    const done = await run(async () => {
      id = (await invite(draft.from.trim(), draft.target.trim(), draft.objective.trim())).id;
    });
    if (!done) return;
    keep("invite", undefined);
    close();
    go(link("pairs", id));
  }

  return (
    <Dialog title="Invite to a pair">
      <form class="form" onSubmit={submit}>
        <p class="form-note">A pair is a live chat of two. Each can be in one at a time; you can watch any of them.</p>
        <TargetField
          label="Who invites"
          value={draft.from}
          set={(from) => set({ from })}
          single
          placeholder="human, or an agent's id"
        />
        <TargetField
          label="Who is invited"
          first
          value={draft.target}
          set={(target) => set({ target })}
          single
          placeholder="An agent's id, label, name or project"
        />
        <Field label="Objective" hint="What it is for; both read it first.">
          <textarea
            rows={3}
            maxLength={2000}
            value={draft.objective}
            onInput={(event) => set({ objective: event.currentTarget.value })}
          />
        </Field>
        {problem && <Trouble problem={problem} />}
        <footer>
          <button type="button" class="quiet" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy}>
            {busy ? "Inviting…" : "Invite"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
