// The two halves of a view: a list, and what is open in it.

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Address } from "../router.ts";
import { Icon } from "./icon.tsx";
import { back } from "./shortcuts.tsx";

export function ListPane({
  title,
  tools,
  children,
}: {
  title: string;
  tools?: ComponentChildren;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <section class="list-pane" aria-label={`${title}: list`}>
      <div class="pane-head">
        <h1>{title}</h1>
        {tools}
      </div>
      {children}
    </section>
  );
}

/** What is open. Its heading takes the focus when something else is opened by keyboard. */
export function DetailPane({
  address,
  label,
  children,
}: {
  address: Address;
  label: string;
  children: ComponentChildren;
}): JSX.Element {
  const section = useRef<HTMLElement>(null);
  useEffect(() => {
    if (document.activeElement?.closest(".list-pane")) section.current?.focus({ preventScroll: true });
  }, [address.id]);
  return (
    <section class="detail-pane" aria-label={label} tabIndex={-1} ref={section} onKeyDown={scroll}>
      <button type="button" class="quiet back" onClick={() => back(address)}>
        <Icon name="back" />
        <span>Back</span>
      </button>
      {children}
    </section>
  );
}

const STEPS: Record<string, number> = { ArrowDown: 40, ArrowUp: -40, PageDown: 400, PageUp: -400, " ": 400 };

/** The pane has the focus, what scrolls is in it. */
function scroll(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const step = STEPS[event.key];
  if (!step || event.target !== event.currentTarget) return;
  event.currentTarget.querySelector(".scroller, .detail-scroll")?.scrollBy({ top: step });
  event.preventDefault();
}

export function Nothing({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <section class="detail-pane nothing" aria-label="Nothing is open">
      <p class="faint">{children}</p>
    </section>
  );
}

/** Facts with their names. What is not known is left out. */
export function Facts({ of }: { of: readonly (readonly [string, ComponentChildren])[] }): JSX.Element {
  return (
    <dl class="facts">
      {of
        .filter(([, value]) => value !== undefined && value !== null && value !== "")
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** Links that choose which rows a list shows. */
export function Tabs({
  label,
  items,
}: {
  label: string;
  items: readonly { href: string; title: string; here: boolean; count?: number }[];
}): JSX.Element {
  return (
    <nav class="tabs" aria-label={label}>
      {items.map(({ href, title, here, count }) => (
        <a key={title} href={href} aria-current={here ? "true" : undefined}>
          {title}
          {count ? <span class="count">{count}</span> : null}
        </a>
      ))}
    </nav>
  );
}
