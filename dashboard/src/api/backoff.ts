// How long to wait before coming back, so that a relay that restarts is not met by everybody at once.

const FIRST = 500;
const MOST = 15_000;

/**
 * The wait before the attempt after `failures` failed ones: it doubles, up to fifteen seconds, and a
 * random half of it is left out. What the relay asked for is the least.
 */
export function wait(failures: number, random: number, least = 0): number {
  const full = Math.min(MOST, FIRST * 2 ** Math.min(failures, 10));
  return Math.max(least, Math.round(full * (0.5 + random / 2)));
}
