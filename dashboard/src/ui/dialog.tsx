// Dialogs: the browser's own, which keep the focus inside and give it back.

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Draft } from "../act/draft.ts";
import { Icon } from "./icon.tsx";

export type Opened =
  | { name: "compose"; draft?: Partial<Draft> }
  | { name: "invite"; target?: string }
  | { name: "edit"; id: string }
  | { name: "keys" }
  | { name: "token" };

let show: (opened: Opened | undefined) => void = () => {};

export function shownBy(set: typeof show): void {
  show = set;
}

export function open(opened: Opened | "compose" | "invite" | "keys" | "token"): void {
  show(typeof opened === "string" ? { name: opened } : opened);
}

export function close(): void {
  show(undefined);
}

export function Dialog({
  title,
  wide,
  children,
}: {
  title: string;
  wide?: boolean;
  children: ComponentChildren;
}): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    element.current?.showModal();
    element.current?.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => before?.isConnected && before.focus();
  }, []);
  return (
    <dialog
      ref={element}
      class={wide ? "wide" : ""}
      aria-labelledby="dialog-title"
      onClose={close}
      onClick={(event) => event.target === element.current && close()}
    >
      <div class="dialog">
        <header>
          <h2 id="dialog-title">{title}</h2>
          <button type="button" class="quiet icon-only" aria-label="Close" onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
