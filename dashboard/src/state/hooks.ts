// What components ask of the state.

import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { Problem } from "../api/problem.ts";
import { sync } from "../relay.ts";
import type { Message, Pair, Task } from "../wire.ts";
import type { List } from "./list.ts";
import { isFull } from "./reduce.ts";
import { store, useStore } from "./store.ts";

export interface Listed<T> {
  list: List | undefined;
  rows: T[];
  older: () => void;
  reload: () => void;
  /** The bound is reached: what is older is found by searching. */
  full: boolean;
}

/** The rows of a list, which is read when nobody has read it yet. */
export function useList<T extends Message | Task | Pair>(key: string): Listed<T> {
  const list = useStore((state) => state.lists.get(key));
  const table = useStore((state) => (list ? (state[list.kind].rows as ReadonlyMap<unknown, unknown>) : undefined));
  const started = useStore((state) => state.generation > 0);
  useEffect(() => sync.need(key), [key, started, list === undefined]);
  const ids = list?.ids;
  const rows = useMemo(
    () => (ids ?? []).map((id) => table?.get(id) as T | undefined).filter((row) => row !== undefined),
    [ids, table],
  );
  return {
    list,
    rows,
    older: useCallback(() => void sync.older(key), [key]),
    reload: useCallback(() => void sync.reload(key), [key]),
    full: isFull(store.get(), key),
  };
}

/** Runs a call at a time, and keeps what went wrong until the next. */
export function useAction(): {
  busy: boolean;
  problem: Problem | undefined;
  run: (call: () => Promise<unknown>) => Promise<boolean>;
  clear: () => void;
} {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  const run = useCallback(async (call: () => Promise<unknown>) => {
    setBusy(true);
    setProblem(undefined);
    try {
      await call();
      return true;
    } catch (error) {
      setProblem(Problem.from(error));
      return false;
    } finally {
      setBusy(false);
    }
  }, []);
  return { busy, problem, run, clear: useCallback(() => setProblem(undefined), []) };
}

export interface Fetched<T> {
  value: T | undefined;
  problem: Problem | undefined;
  again: () => void;
}

/**
 * Reads something that the store does not keep; again whenever one of `on` changes. What was read stays
 * meanwhile. Nothing is asked before the relay has let this page in: attempts without a token are counted.
 */
export function useFetched<T>(read: () => Promise<T>, on: unknown[]): Fetched<T> {
  const [value, setValue] = useState<T | undefined>(undefined);
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  const [count, setCount] = useState(0);
  const begun = useStore((state) => state.generation > 0);
  useEffect(() => {
    if (!begun) return;
    let gone = false;
    read().then(
      (value) => {
        if (gone) return;
        setValue(value);
        setProblem(undefined);
      },
      (error: unknown) => {
        if (!gone) setProblem(Problem.from(error));
      },
    );
    return () => {
      gone = true;
    };
  }, [...on, count, begun]);
  return { value, problem, again: useCallback(() => setCount((count) => count + 1), []) };
}

/** A number that rises at most once in so many milliseconds while events come in. */
export function usePulse(least: number): number {
  const cursor = useStore((state) => state.cursor);
  const [pulse, setPulse] = useState(0);
  const [last, setLast] = useState(cursor);
  useEffect(() => {
    if (cursor === last) return;
    const timer = setTimeout(() => {
      setLast(store.get().cursor);
      setPulse((count) => count + 1);
    }, least);
    return () => clearTimeout(timer);
  }, [cursor === last, least]);
  return pulse;
}

/** A number that rises every so many milliseconds while something is awaited of which no event tells. */
export function usePoll(every: number, awaited: boolean): number {
  const [count, setCount] = useState(0);
  useEffect(() => {
    if (!awaited) return;
    const timer = setInterval(() => setCount((count) => count + 1), every);
    return () => clearInterval(timer);
  }, [every, awaited]);
  return count;
}
