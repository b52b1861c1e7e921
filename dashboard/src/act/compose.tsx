// Writing something new: a message, work for whoever takes it first, or a task.

import type { JSX } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import { go, link } from "../router.ts";
import { useAction } from "../state/hooks.ts";
import { useStore } from "../state/store.ts";
import { parseTarget, reaches } from "../text/target.ts";
import { close, Dialog } from "../ui/dialog.tsx";
import { Field, TargetField } from "../ui/field.tsx";
import { Trouble } from "../ui/state.tsx";
import { createTask, send } from "./call.ts";
import { BLANK, keep, kept, keyring, type Draft } from "./draft.ts";

const KINDS = [
  ["message", "Message", "Everybody it reaches reads it."],
  ["work", "Work", "A claimable message: whoever takes it first has it."],
  ["task", "Task", "Work with a state and a history."],
] as const;

export function Compose({ draft: given }: { draft: Partial<Draft> | undefined }): JSX.Element {
  const [draft, setDraft] = useState<Draft>(() => ({ ...kept("compose", BLANK), ...given }));
  const [more, setMore] = useState(draft.urgency !== "normal" || draft.channel !== "");
  const key = useRef(keyring());
  const { busy, problem, run } = useAction();

  function set(changes: Partial<Draft>): void {
    const next = { ...draft, ...changes };
    setDraft(next);
    keep("compose", next);
  }

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (busy) return;
    let opened = "";
    const done = await run(async () => {
      opened = draft.what === "task" ? await asTask(draft) : await asMessage(draft, key.current);
    });
    if (!done) return;
    keep("compose", undefined);
    close();
    go(opened);
  }

  const task = draft.what === "task";
  return (
    <Dialog title="Write" wide>
      <form class="form" onSubmit={submit} onKeyDown={(event) => sendsNow(event) && submit(event)}>
        <fieldset class="segments">
          <legend class="hidden">What it is</legend>
          {KINDS.map(([what, title]) => (
            <label key={what}>
              <input type="radio" name="what" checked={draft.what === what} onChange={() => set({ what })} />
              <span>{title}</span>
            </label>
          ))}
        </fieldset>
        <p class="form-note">{KINDS.find(([what]) => what === draft.what)![2]}</p>
        <TargetField
          label="To"
          first={!draft.to}
          value={draft.to}
          set={(to) => set({ to })}
          placeholder="An agent, label:, tag:, cap:, machine: or broadcast"
        />
        <Reach target={draft.to} />
        <Field label={task ? "Title" : "Subject"}>
          <input
            value={draft.subject}
            maxLength={200}
            required={task}
            placeholder={task ? "" : "Optional"}
            onInput={(event) => set({ subject: event.currentTarget.value })}
          />
        </Field>
        <Field label="Text">
          <textarea
            rows={8}
            data-first={draft.to ? "" : undefined}
            value={draft.body}
            dir="auto"
            required={!task}
            onInput={(event) => set({ body: event.currentTarget.value })}
          />
        </Field>
        {task && (
          <Field label="Severity">
            <select
              value={draft.severity}
              onChange={(event) => set({ severity: event.currentTarget.value as Draft["severity"] })}
            >
              {["info", "warning", "error", "critical"].map((severity) => (
                <option key={severity}>{severity}</option>
              ))}
            </select>
          </Field>
        )}
        {more ? (
          <div class="pair-of-fields">
            {!task && (
              <Field label="Urgency">
                <select
                  value={draft.urgency}
                  onChange={(event) => set({ urgency: event.currentTarget.value as Draft["urgency"] })}
                >
                  <option value="normal">normal: as soon as it fits</option>
                  <option value="later">later: when idle</option>
                  <option value="interrupt">interrupt: stop and read</option>
                </select>
              </Field>
            )}
            <Field label="Channel" hint="Only who subscribes to it gets it.">
              <input
                value={draft.channel}
                placeholder="None"
                onInput={(event) => set({ channel: event.currentTarget.value })}
              />
            </Field>
          </div>
        ) : (
          <button type="button" class="link" onClick={() => setMore(true)}>
            Urgency, channel…
          </button>
        )}
        {problem && <Trouble problem={problem} />}
        <footer>
          <span class="faint hint-keys">
            <kbd>Ctrl</kbd> <kbd>Enter</kbd> sends
          </span>
          <button
            type="button"
            class="quiet"
            onClick={() => {
              keep("compose", undefined);
              close();
            }}
          >
            Discard
          </button>
          <button type="submit" class="primary" disabled={busy}>
            {busy ? "Sending…" : task ? "Create" : "Send"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

/** How many would get it now, said before it is sent. */
function Reach({ target }: { target: string }): JSX.Element | null {
  const agents = useStore((state) => state.agents.rows);
  const text = useMemo(() => {
    const parsed = parseTarget(target);
    if (target.trim() === "" || (parsed.kind === "agent" && parsed.word === "human")) return "";
    if (parsed.kind === "unknown") return "No kind of target: use an id, label:, tag:, cap:, machine: or broadcast.";
    const all = [...agents.values()].filter((agent) => reaches(parsed, agent));
    const away = all.filter(({ status }) => status === "offline").length;
    if (all.length === 0) return parsed.kind === "agent" ? "Nobody here has this id." : "Nobody fits this now.";
    const who = all.length === 1 ? "1 agent" : `${all.length} agents`;
    return `Reaches ${who}${away === 0 ? "" : all.length === 1 ? ", who is offline: it waits" : `, ${away} of them offline`}.`;
  }, [target, agents]);
  return text ? <p class="form-note reach">{text}</p> : null;
}

export function sendsNow(event: KeyboardEvent): boolean {
  return event.key === "Enter" && (event.ctrlKey || event.metaKey);
}

async function asMessage(draft: Draft, key: (body: unknown) => string): Promise<string> {
  const message = {
    to: draft.to.trim(),
    body: draft.body,
    ...(draft.subject.trim() ? { subject: draft.subject.trim() } : {}),
    ...(draft.channel.trim() ? { channel: draft.channel.trim() } : {}),
    ...(draft.urgency === "normal" ? {} : { urgency: draft.urgency }),
    ...(draft.what === "work" ? { claimable: true } : {}),
  };
  const sent = await send(message, key(message));
  return link("mail", sent.threadId);
}

async function asTask(draft: Draft): Promise<string> {
  const channel = draft.channel.trim();
  const task = await createTask({
    title: draft.subject.trim(),
    body: draft.body,
    target: draft.to.trim(),
    severity: draft.severity,
    ...(channel ? { channel } : {}),
  });
  return link("tasks", task.id);
}
