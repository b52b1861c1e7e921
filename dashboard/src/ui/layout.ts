// The arithmetic of a list of which only the visible rows are drawn.

/** Where each row begins, and at the end how high all are. Rows that were not measured are estimated. */
export function offsets(count: number, height: (index: number) => number): Float64Array {
  const tops = new Float64Array(count + 1);
  for (let index = 0; index < count; index++) tops[index + 1] = tops[index]! + height(index);
  return tops;
}

/** The row at a height: the last that begins at or above it. */
export function rowAt(tops: Float64Array, y: number): number {
  let low = 0;
  let high = Math.max(0, tops.length - 2);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (tops[middle]! <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The rows to draw, the last not included: what is visible and some around it. */
export function range(tops: Float64Array, top: number, height: number, around: number): [number, number] {
  const count = tops.length - 1;
  if (count === 0) return [0, 0];
  return [rowAt(tops, Math.max(0, top - around)), Math.min(count, rowAt(tops, top + height + around) + 1)];
}

/** How far to scroll so that a row is wholly visible; as little as possible. */
export function reveal(tops: Float64Array, index: number, top: number, height: number): number {
  const above = tops[index] ?? 0;
  const below = tops[index + 1] ?? above;
  if (above < top) return above;
  return below > top + height ? Math.min(above, below - height) : top;
}

/** A row that stays where it is on the screen, whatever comes or goes above it. */
export interface Anchor<K> {
  readonly key: K;
  /** How far the row's beginning is below the upper edge; negative when it is above. */
  readonly below: number;
}

/** The rows on the screen, nearest to the upper edge first: if one goes, the next one holds. */
export function anchors<K>(tops: Float64Array, keys: readonly K[], top: number, height: number): Anchor<K>[] {
  const [from, to] = range(tops, top, height, 0);
  const out: Anchor<K>[] = [];
  for (let index = from; index < to; index++) out.push({ key: keys[index]!, below: tops[index]! - top });
  return out;
}

/** Where to scroll so that the first anchor that is still there has not moved. */
export function hold<K>(
  tops: Float64Array,
  indexOf: (key: K) => number | undefined,
  held: readonly Anchor<K>[],
): number | undefined {
  for (const { key, below } of held) {
    const index = indexOf(key);
    if (index !== undefined) return Math.max(0, tops[index]! - below);
  }
  return undefined;
}
