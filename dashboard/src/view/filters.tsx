// The filters of the conversation.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Field, TargetField } from "../ui/field.tsx";

export function Filters({
  filter,
  set,
}: {
  filter: Readonly<Record<string, string>>;
  set: (changes: Record<string, string>) => void;
}): JSX.Element {
  return (
    <div class="filters">
      <Slow name="from" label="From" filter={filter} set={set} single />
      <Slow name="to" label="Sent to" filter={filter} set={set} />
      <Slow name="for" label="In the mail of" filter={filter} set={set} single />
      <Field label="Kind">
        <select value={filter["kind"] ?? ""} onChange={(event) => set({ kind: event.currentTarget.value })}>
          {["", "chat", "task", "pair", "system"].map((kind) => (
            <option key={kind} value={kind}>
              {kind || "any"}
            </option>
          ))}
        </select>
      </Field>
      <Words name="channel" label="Channel" filter={filter} set={set} />
      <div class="filter-ends">
        <label class="check">
          <input
            type="checkbox"
            checked={filter["claimable"] === "true"}
            onChange={(event) => set({ claimable: event.currentTarget.checked ? "true" : "" })}
          />
          <span>Work only</span>
        </label>
        <button
          type="button"
          class="link"
          onClick={() => set({ from: "", to: "", for: "", kind: "", channel: "", claimable: "", unread: "" })}
        >
          Clear
        </button>
      </div>
    </div>
  );
}

interface Props {
  name: string;
  label: string;
  filter: Readonly<Record<string, string>>;
  set: (changes: Record<string, string>) => void;
  single?: boolean;
}

/** What is typed becomes the filter once the typing pauses. */
function useSlow(
  name: string,
  filter: Readonly<Record<string, string>>,
  set: Props["set"],
): [string, (text: string) => void] {
  const value = filter[name] ?? "";
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => set({ [name]: text.trim() }), 500);
    return () => clearTimeout(timer);
  }, [text]);
  return [text, setText];
}

function Slow({ name, label, filter, set, single }: Props): JSX.Element {
  const [text, setText] = useSlow(name, filter, set);
  return <TargetField label={label} value={text} set={setText} placeholder="Anybody" {...(single ? { single } : {})} />;
}

function Words({ name, label, filter, set }: Props): JSX.Element {
  const [text, setText] = useSlow(name, filter, set);
  return (
    <Field label={label}>
      <input value={text} placeholder="any" onInput={(event) => setText(event.currentTarget.value)} />
    </Field>
  );
}
