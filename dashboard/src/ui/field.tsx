// Fields that say what they are, and one that completes targets.

import type { ComponentChildren, JSX } from "preact";
import { useId, useMemo, useRef, useState } from "preact/hooks";
import { useStore } from "../state/store.ts";
import { complete } from "../text/target.ts";
import { Status } from "./icon.tsx";
import { Words } from "./text.tsx";

export function Field({
  label,
  hint,
  children,
}: {
  label: string;
  hint?: string | undefined;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <label class="field">
      <span class="field-name">{label}</span>
      {children}
      {hint && <span class="field-hint">{hint}</span>}
    </label>
  );
}

interface TargetProps {
  value: string;
  set: (value: string) => void;
  label: string;
  placeholder?: string;
  first?: boolean;
  /** Only single agents, where a group makes no sense. */
  single?: boolean;
}

/** An agent's id, or a group; what fits is offered while typing. */
export function TargetField({ value, set, label, placeholder, first, single }: TargetProps): JSX.Element {
  const id = useId();
  const agents = useStore((state) => state.agents.rows);
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const offers = useMemo(() => {
    if (!open) return [];
    const all = complete(value, agents.values());
    return single ? all.filter(({ status }) => status) : all;
  }, [open, value, agents, single]);

  function take(index: number): void {
    const offer = offers[index];
    if (!offer) return;
    set(offer.value);
    setOpen(false);
    setAt(-1);
  }

  function keyDown(event: KeyboardEvent): void {
    if (event.key === "Escape" && open && offers.length > 0) {
      event.preventDefault();
      event.stopPropagation();
      setOpen(false);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setOpen(true);
      if (offers.length > 0) setAt((at + (event.key === "ArrowDown" ? 1 : -1) + offers.length) % offers.length);
    } else if (event.key === "Enter" && open && at >= 0) {
      event.preventDefault();
      take(at);
    }
  }

  const listed = open && offers.length > 0;
  return (
    <div class="field completed">
      <label class="field-name" for={id}>
        {label}
      </label>
      <input
        id={id}
        ref={input}
        data-first={first ? "" : undefined}
        role="combobox"
        aria-expanded={listed}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={listed && at >= 0 ? `${id}-${at}` : undefined}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        placeholder={placeholder}
        value={value}
        onInput={(event) => {
          set(event.currentTarget.value);
          setOpen(true);
          setAt(-1);
        }}
        onFocus={() => setOpen(value === "")}
        onBlur={() => setTimeout(() => setOpen(false), 150)}
        onKeyDown={keyDown}
      />
      <ul id={`${id}-list`} role="listbox" aria-label="What fits" class="offers" hidden={!listed}>
        {offers.map((offer, index) => (
          <li
            key={offer.value}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === at}
            onMouseDown={(event) => {
              event.preventDefault();
              take(index);
            }}
          >
            <strong>
              <Words of={offer.title} />
            </strong>
            {offer.status && <Status of={offer.status} quiet />}
            <small>
              <Words of={offer.detail} />
            </small>
          </li>
        ))}
      </ul>
    </div>
  );
}
