// Rows by key, each with the number of the event that last changed it.
//
// A page that was asked for before an event may arrive after it. What the event said is newer, so a
// page never overwrites a row that was touched since it was asked for, nor brings back a removed one.

export interface Table<K, T> {
  readonly rows: ReadonlyMap<K, T>;
  /** The event that last changed the row. A key without a row was removed by that event. */
  readonly touched: ReadonlyMap<K, number>;
}

/** A table that is being changed: a copy that nobody else has seen yet. */
export interface Draft<K, T> extends Table<K, T> {
  readonly rows: Map<K, T>;
  readonly touched: Map<K, number>;
}

export function empty<K, T>(): Table<K, T> {
  return { rows: new Map(), touched: new Map() };
}

export function draft<K, T>(table: Table<K, T>): Draft<K, T> {
  return { rows: new Map(table.rows), touched: new Map(table.touched) };
}

/** What an event says. */
export function put<K, T>(table: Draft<K, T>, key: K, row: T, seq: number): void {
  table.rows.set(key, row);
  table.touched.set(key, seq);
}

export function remove<K, T>(table: Draft<K, T>, key: K, seq: number): void {
  table.rows.delete(key);
  table.touched.set(key, seq);
}

/** What a page says that was asked for when `asOf` was the newest event. False when we know better. */
export function load<K, T>(table: Draft<K, T>, key: K, row: T, asOf: number): boolean {
  if ((table.touched.get(key) ?? 0) > asOf) return table.rows.has(key);
  table.rows.set(key, row);
  return true;
}

/** What a complete listing says: rows that it does not have are gone, unless they are newer. */
export function replace<K, T>(table: Draft<K, T>, listing: ReadonlyMap<K, T>, asOf: number): void {
  for (const key of [...table.rows.keys()]) {
    if (!listing.has(key) && (table.touched.get(key) ?? 0) <= asOf) table.rows.delete(key);
  }
  for (const [key, row] of listing) load(table, key, row, asOf);
  // What is older than the listing needs no more protection.
  for (const [key, seq] of [...table.touched]) if (seq <= asOf) table.touched.delete(key);
}

/** Forgets all rows but those that are wanted. */
export function keep<K, T>(table: Draft<K, T>, wanted: ReadonlySet<K>): void {
  for (const key of [...table.rows.keys()]) {
    if (wanted.has(key)) continue;
    table.rows.delete(key);
    table.touched.delete(key);
  }
}
