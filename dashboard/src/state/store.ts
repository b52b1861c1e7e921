// Holds the state, and tells the components that look at it when their part of it changes.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { reduce } from "./reduce.ts";
import { START, type Action, type State } from "./state.ts";

export interface Store {
  get(): State;
  dispatch(action: Action): void;
  subscribe(listener: () => void): () => void;
}

export function createStore(start: State = START): Store {
  let state = start;
  const listeners = new Set<() => void>();
  return {
    get: () => state,
    dispatch(action) {
      const next = reduce(state, action);
      if (next === state) return;
      state = next;
      for (const listener of [...listeners]) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The one store of the page. */
export const store = createStore();

/** What `select` picks from the state; the component is drawn again when that is another value. */
export function useStore<T>(select: (state: State) => T): T {
  const selecting = useRef(select);
  selecting.current = select;
  const value = select(store.get());
  const shown = useRef(value);
  const [, draw] = useState(0);
  useLayoutEffect(() => {
    shown.current = value;
  });
  useEffect(() => {
    const look = () => {
      if (!Object.is(selecting.current(store.get()), shown.current)) draw((count) => count + 1);
    };
    look();
    return store.subscribe(look);
  }, []);
  return value;
}
