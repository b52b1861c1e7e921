// What every row needs to know: the time, and what people call whom. Given once for all, because rows
// are many and come and go while one scrolls.

import type { ComponentChildren, JSX } from "preact";
import { createContext } from "preact";
import { useContext, useRef } from "preact/hooks";
import { useStore } from "../state/store.ts";
import { labelsOf } from "./labels.ts";
import { useClock } from "./text.tsx";

const Labels = createContext<ReadonlyMap<string, string>>(new Map());
const Now = createContext(0);

/** How often texts about times are looked at. */
const TICK = 5_000;

export function Surroundings({ children }: { children: ComponentChildren }): JSX.Element {
  const agents = useStore((state) => state.agents.rows);
  const last = useRef<ReadonlyMap<string, string>>(new Map());
  last.current = labelsOf(agents, last.current);
  return (
    <Labels.Provider value={last.current}>
      <Now.Provider value={useClock(TICK)}>{children}</Now.Provider>
    </Labels.Provider>
  );
}

/** What people call an agent: its label, else its id. */
export function useName(id: string): string {
  return useContext(Labels).get(id) ?? id;
}

/** The time, every few seconds. */
export function useNow(): number {
  return Math.max(useContext(Now), Date.now());
}
