// A long list of which only the visible rows are drawn. What is on the screen stays where it is when
// something arrives; whoever is not at the end is told how much is new.

import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { anchors, hold, offsets, range, reveal, type Anchor } from "./layout.ts";

export type Key = string | number;

export interface Props<T> {
  items: readonly T[];
  keyOf: (item: T) => Key;
  /** A number that is larger the newer the item is. */
  stamp: (item: T) => number;
  row: (item: T, focusable: { tabIndex: number }) => ComponentChildren;
  /** The height of a row that was not drawn yet. */
  estimate: number;
  /** At which end new items arrive. */
  arrive: "top" | "bottom";
  label: string;
  /** What the new items are called: `new`, `new messages`. */
  news?: string;
  /** Loads what lies beyond the other end. */
  more?: () => void;
  /** What stands at the other end: that more is loading, or that this is all. */
  edge?: ComponentChildren;
  /** The row to be shown first, and again whenever it becomes another one. */
  show?: Key | undefined;
  /**
   * Rows of one height, moved through with the arrow keys; each draws one element that takes the focus.
   * Nothing needs to be measured then but the first, so that scrolling never waits for a layout.
   */
  roving?: boolean;
}

/** How much is drawn beyond the screen; and how little of it may be left before more is drawn. */
const AROUND = 450;
const LEFT = 150;
/** The one height of rows that are all alike. */
const UNIFORM = "";
const AT_END = 24;

interface Drawn<T> {
  item: T;
  by: Props<T>["row"];
  tabIndex: number;
  content: ComponentChildren;
}

export function Windowed<T>(props: Props<T>): JSX.Element {
  const { items, keyOf, stamp, estimate, arrive, label, more, show, roving } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const heights = useRef(new Map<string, number>());
  const observer = useRef<ResizeObserver | null>(null);
  const watched = useRef(new WeakSet<HTMLElement>());
  const held = useRef<Anchor<Key>[]>([]);
  const atEnd = useRef(true);
  const shown = useRef<Key | undefined>(undefined);
  const [view, setView] = useState({ top: 0, height: 800 });
  const drawnRows = useRef(new Map<Key, Drawn<T>>());
  const [measured, setMeasured] = useState(0);
  const [active, setActive] = useState<Key | undefined>(undefined);
  const [seen, setSeen] = useState(Infinity);

  const keys = useMemo(() => items.map(keyOf), [items]);
  const index = useMemo(() => new Map(keys.map((key, at) => [key, at])), [keys]);
  const tops = useMemo(
    () => offsets(keys.length, (at) => heights.current.get(roving ? UNIFORM : String(keys[at])) ?? estimate),
    [keys, measured, estimate],
  );
  const total = tops[keys.length] ?? 0;
  const newest = useMemo(() => items.reduce((most, item) => Math.max(most, stamp(item)), 0), [items]);
  const unseen = useMemo(() => (newest > seen ? items.filter((item) => stamp(item) > seen).length : 0), [items, seen]);
  const [from, to] = range(tops, view.top, view.height, AROUND);
  const current =
    active !== undefined && index.has(active) ? active : show !== undefined && index.has(show) ? show : keys[0];

  const latest = useRef({ tops, keys, newest, more, from, to });
  latest.current = { tops, keys, newest, more, from, to };

  // Keeps the screen still, or at the end, after the items or their heights have changed.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    if (show !== undefined && show !== shown.current && index.has(show)) {
      shown.current = show;
      scrollTo(element, reveal(tops, index.get(show)!, topOf(element), element.clientHeight));
      atEnd.current = isAtEnd(element, arrive);
    } else if (atEnd.current) {
      element.scrollTop = arrive === "top" ? 0 : element.scrollHeight;
    } else {
      const top = hold(tops, (key) => index.get(key), held.current);
      if (top !== undefined && Math.abs(top - topOf(element)) > 0.5) scrollTo(element, top);
    }
    look();
  }, [tops, show]);

  // Measures what was drawn, before it is painted, and later whenever a row unfolds.
  useLayoutEffect(() => {
    const fresh: HTMLElement[] = [];
    for (const row of canvasOf(scroller.current!).children as HTMLCollectionOf<HTMLElement>) {
      if (watched.current.has(row)) continue;
      watched.current.add(row);
      if (roving && fresh.length + measured > 0) continue;
      observer.current?.observe(row);
      fresh.push(row);
    }
    note(fresh);
  });

  useLayoutEffect(() => {
    const element = scroller.current!;
    observer.current = new ResizeObserver((entries) => {
      note(
        entries.map(({ target }) => target as HTMLElement).filter((target) => target !== element && target.isConnected),
      );
      look();
    });
    observer.current.observe(element);
    for (const row of canvasOf(element).children) if (!roving) observer.current.observe(row);
    return () => observer.current?.disconnect();
  }, []);

  function note(rows: readonly HTMLElement[]): void {
    if (measure(rows, heights.current, roving)) setMeasured((count) => count + 1);
  }

  function look(): void {
    const element = scroller.current;
    if (!element) return;
    const { tops, keys, newest, more, from, to } = latest.current;
    const top = topOf(element);
    const height = element.clientHeight;
    atEnd.current = isAtEnd(element, arrive);
    held.current = anchors(tops, keys, top, height);
    const [first, last] = range(tops, top, height, LEFT);
    if (first < from || last > to) setView({ top, height });
    // What a list begins with is no news, wherever it is scrolled to.
    if (keys.length > 0) setSeen((old) => (atEnd.current || old === Infinity ? newest : old));
    const far = arrive === "top" ? (tops.at(-1) ?? 0) - top - height : top;
    if (far < height * 2 && keys.length > 0) more?.();
  }

  function toEnd(): void {
    const element = scroller.current!;
    element.scrollTop = arrive === "top" ? 0 : element.scrollHeight;
    look();
  }

  function focus(at: number): void {
    const key = keys[Math.max(0, Math.min(keys.length - 1, at))];
    const element = scroller.current;
    if (key === undefined || !element) return;
    setActive(key);
    scrollTo(element, reveal(tops, index.get(key)!, topOf(element), element.clientHeight));
    look();
    requestAnimationFrame(() =>
      element.querySelector<HTMLElement>('[role="listitem"] [tabindex="0"]')?.focus({ preventScroll: true }),
    );
  }

  function keyDown(event: KeyboardEvent): void {
    const at = current === undefined ? 0 : (index.get(current) ?? 0);
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 600) / estimate) - 1);
    const focused = scroller.current?.contains(document.activeElement) && document.activeElement !== scroller.current;
    const to = next(event.key, focused ? at : at - step(event.key), page, keys.length);
    if (!roving || to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    focus(to);
  }

  // A row that is drawn already is the same as before, unless its item or who draws it is another one.
  const before = drawnRows.current;
  const rows = new Map<Key, Drawn<T>>();
  const drawn = [];
  for (let at = from; at < to; at++) {
    const item = items[at]!;
    const key = keys[at]!;
    const tabIndex = key === current ? 0 : -1;
    const old = before.get(key);
    const same = old && old.item === item && old.by === props.row && old.tabIndex === tabIndex;
    const row = same ? old : { item, by: props.row, tabIndex, content: props.row(item, { tabIndex }) };
    rows.set(key, row);
    drawn.push(
      <div
        key={key}
        role="listitem"
        class="slot"
        data-key={key}
        aria-setsize={more ? -1 : keys.length}
        aria-posinset={at + 1}
        style={{ transform: `translateY(${tops[at]}px)` }}
      >
        {row.content}
      </div>,
    );
  }
  drawnRows.current = rows;

  return (
    <div class="windowed">
      <div
        class="scroller"
        ref={scroller}
        onScroll={look}
        onKeyDown={keyDown}
        onFocusIn={(event) => {
          const slot = (event.target as HTMLElement).closest<HTMLElement>("[data-key]");
          const key = slot && keys[Number(slot.getAttribute("aria-posinset")) - 1];
          if (key !== null && key !== undefined) setActive(key);
        }}
        data-roving={roving ? "" : undefined}
        tabIndex={roving ? undefined : 0}
      >
        {arrive === "bottom" && <div class="edge">{props.edge}</div>}
        <div role="list" aria-label={label} class="canvas" style={{ height: `${total}px` }}>
          {drawn}
        </div>
        {arrive === "top" && <div class="edge">{props.edge}</div>}
      </div>
      {unseen > 0 && (
        <button type="button" class={`pill ${arrive}`} onClick={toEnd}>
          {unseen} {props.news ?? "new"} {arrive === "top" ? "↑" : "↓"}
        </button>
      )}
    </div>
  );
}

function isAtEnd(element: HTMLElement, arrive: "top" | "bottom"): boolean {
  return arrive === "top"
    ? element.scrollTop < AT_END
    : element.scrollHeight - element.scrollTop - element.clientHeight < AT_END;
}

/** How far the upper edge of the screen is below the first row. */
function topOf(element: HTMLElement): number {
  return element.scrollTop - above(element);
}

function scrollTo(element: HTMLElement, top: number): void {
  element.scrollTop = top + above(element);
}

/** What stands above the rows: nothing, or the edge of a list that grows downwards. */
function above(element: HTMLElement): number {
  const canvas = canvasOf(element);
  return canvas.previousElementSibling ? canvas.offsetTop : 0;
}

function canvasOf(element: HTMLElement): HTMLElement {
  return element.querySelector<HTMLElement>(":scope > .canvas")!;
}

/** Notes the heights of the rows that are drawn; true when one has changed. */
function measure(rows: Iterable<HTMLElement>, heights: Map<string, number>, uniform: boolean | undefined): boolean {
  let changed = false;
  for (const row of rows) {
    const key = uniform ? UNIFORM : row.dataset["key"]!;
    const height = row.offsetHeight;
    if (height > 0 && heights.get(key) !== height) {
      heights.set(key, height);
      changed = true;
    }
  }
  return changed;
}

function step(key: string): number {
  return key === "j" || key === "ArrowDown" ? 1 : key === "k" || key === "ArrowUp" ? -1 : 0;
}

function next(key: string, at: number, page: number, count: number): number | undefined {
  if (step(key) !== 0) return at + step(key);
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  if (key === "PageDown") return at + page;
  return key === "PageUp" ? at - page : undefined;
}
