// What people call an agent, and the groups it belongs to.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useAction } from "../state/hooks.ts";
import { store } from "../state/store.ts";
import { close, Dialog } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import { Trouble } from "../ui/state.tsx";
import { editAgent } from "./call.ts";

export function EditAgent({ id }: { id: string }): JSX.Element {
  const [before] = useState(() => store.get().agents.rows.get(id));
  const [label, setLabel] = useState(before?.label ?? "");
  const [tags, setTags] = useState(before?.tags.join(" ") ?? "");
  const { busy, problem, run } = useAction();

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const words = [...new Set(tags.split(/[\s,]+/).filter(Boolean))];
    const done = await run(() => editAgent(id, { label: label.trim() || null, tags: words }));
    if (done) close();
  }

  return (
    <Dialog title="Label and tags">
      <form class="form" onSubmit={submit}>
        <p class="form-note mono">{id}</p>
        <Field label="Label" hint="What people call it; mail to label:… reaches whoever bears it. Empty clears it.">
          <input data-first value={label} maxLength={64} onInput={(event) => setLabel(event.currentTarget.value)} />
        </Field>
        <Field label="Tags" hint="Words with spaces between; mail to tag:… reaches all who have it.">
          <input
            value={tags}
            autocapitalize="off"
            spellcheck={false}
            onInput={(event) => setTags(event.currentTarget.value)}
          />
        </Field>
        {problem && <Trouble problem={problem} />}
        <footer>
          <button type="button" class="quiet" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy}>
            {busy ? "Saving…" : "Save"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
