// The search field of a list.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icon.tsx";

/** Tells `set` what was typed, once the typing pauses. */
export function Search({
  label,
  value,
  set,
  pause,
}: {
  label: string;
  value: string;
  set: (text: string) => void;
  pause: number;
}): JSX.Element {
  const [text, setText] = useState(value);
  const told = useRef(value);
  const setting = useRef(set);
  setting.current = set;

  // The address was changed by something else: a link, or the way back.
  useEffect(() => {
    if (value === told.current) return;
    told.current = value;
    setText(value);
  }, [value]);

  useEffect(() => {
    if (text === told.current) return;
    const timer = setTimeout(() => tell(text), pause);
    return () => clearTimeout(timer);
  }, [text]);

  function tell(text: string): void {
    told.current = text;
    setting.current(text);
  }

  return (
    <search class="search">
      <Icon name="search" />
      <input
        type="search"
        aria-label={label}
        placeholder={label}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") tell(text);
          if (event.key === "Escape" && text !== "") {
            event.stopPropagation();
            setText("");
            tell("");
          }
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </search>
  );
}
