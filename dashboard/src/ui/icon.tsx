// The page's few pictures: strokes on a grid of 20.

import type { JSX } from "preact";

const PATHS = {
  overview: "M3.500 10.500h3l2-6 3.500 11 2-5h2.500",
  agents:
    "M10 3.500v2M5.500 6h9a1.500 1.500 0 0 1 1.500 1.500v6a1.500 1.500 0 0 1-1.500 1.500h-9A1.500 1.500 0 0 1 4 13.500v-6A1.500 1.500 0 0 1 5.500 6ZM7.500 9.500v1.200M12.500 9.500v1.200",
  mail: "M4.500 4h11A1.500 1.500 0 0 1 17 5.500v7a1.500 1.500 0 0 1-1.500 1.500H9l-3.500 3v-3h-1A1.500 1.500 0 0 1 3 12.500v-7A1.500 1.500 0 0 1 4.500 4Z",
  tasks: "M4 5.500 5.300 7 7.500 4.200M4 14l1.300 1.500 2.200-2.800M10.500 6H16M10.500 14.500H16",
  channels: "M7 3.500v3.500M13 3.500v3.500M5 7h10v2.500a5 5 0 0 1-10 0ZM10 14.500v3",
  compose: "M4 16l.8-3.400L13.500 3.900a1.300 1.300 0 0 1 1.900 0l.7.7a1.300 1.300 0 0 1 0 1.900L7.400 15.200Z",
  search: "M9 14.500a5.500 5.500 0 1 0 0-11 5.500 5.500 0 0 0 0 11ZM13 13l4 4",
  back: "M12 4.500 6.500 10l5.500 5.500",
  close: "M5 5l10 10M15 5 5 15",
  keys: "M3.500 5.500h13a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1h-13a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1ZM5.500 8.500h.01M8.500 8.500h.01M11.500 8.500h.01M14.500 8.500h.01M6.500 11.700h7",
  pair: "M6.500 9.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5ZM13.500 9.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5ZM2.500 16c0-2.200 1.800-3.700 4-3.700s3.500 1 3.500 2.700c0-1.700 1.300-2.700 3.500-2.700s4 1.500 4 3.700",
  filter: "M3.500 5.500h13M6 10h8M8.500 14.500h3",
  person: "M10 9.500a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM4 16.500c.4-3 2.900-4.700 6-4.700s5.600 1.700 6 4.700",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** A state as a shape, so that it is told apart without colour. A word always stands beside it. */
const SHAPES: Record<string, string> = {
  idle: "M6 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z",
  busy: "M6 1.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9Z",
  waiting: "M6 1 11.500 10.500H.5Z",
  offline: "M2 6h8",
  open: "M6 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z",
  claimed: "M6 1.500a4.500 4.500 0 0 1 0 9Z M6 1.500a4.500 4.500 0 0 0 0 9",
  in_progress: "M6 1.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9Z",
  blocked: "M6 1 11.500 10.500H.5Z",
  done: "M1.500 6.500 4.700 9.500 10.500 2.800",
  failed: "M2.500 2.500l7 7M9.500 2.500l-7 7",
  cancelled: "M2 6h8",
  pending: "M6 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z",
  active: "M6 1.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9Z",
  ended: "M2 6h8",
  rejected: "M2.500 2.500l7 7M9.500 2.500l-7 7",
  expired: "M2 6h8",
};

/** A state: its shape, and its word. */
export function Status({ of, title, quiet }: { of: string; title?: string | undefined; quiet?: boolean }): JSX.Element {
  const word = of.replace("_", " ");
  return (
    <span class={`status s-${of}${quiet ? " quiet" : ""}`} title={title ?? (quiet ? word : undefined)}>
      <svg viewBox="0 0 12 12" aria-hidden="true" focusable="false">
        <path d={SHAPES[of] ?? SHAPES["offline"]!} />
      </svg>
      <span class={quiet ? "hidden" : ""}>{word}</span>
    </span>
  );
}
