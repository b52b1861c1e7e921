// Times, as people say them.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

// To make one of these takes longer than to draw a row, so each is made once.
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const DATE_AND_YEAR = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const LONG_DATE = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/**
 * How long ago, short enough for a column: `now`, `3 min`, `2 h`, `5 d`, then the date. The relay's clock
 * may be ahead of the browser's: what it says is still to come has just happened.
 */
export function ago(at: number, now: number): string {
  const passed = now - at;
  if (passed < 45_000) return "now";
  if (passed < HOUR) return `${Math.max(1, Math.round(passed / MINUTE))} min`;
  if (passed < DAY) return `${Math.floor(passed / HOUR)} h`;
  if (passed < 7 * DAY) return `${Math.floor(passed / DAY)} d`;
  return day(at, now);
}

/** The same in a sentence: `just now`, `3 min ago`, `on 24 Apr`. */
export function since(at: number, now: number): string {
  const text = ago(at, now);
  if (text === "now") return "just now";
  return now - at < 7 * DAY ? `${text} ago` : `on ${text}`;
}

/** How long until then: `in 40 s`, `in 4 min`. */
export function until(at: number, now: number): string {
  const left = at - now;
  if (left <= 0) return "now";
  return left < 2 * MINUTE
    ? `in ${Math.ceil(left / 1000)} s`
    : left < 2 * HOUR
      ? `in ${Math.round(left / MINUTE)} min`
      : `in ${Math.round(left / HOUR)} h`;
}

/** A span: `40 s`, `12 min`, `3 h 20 min`, `2 d`. */
export function span(time: number): string {
  if (time < MINUTE) return `${Math.max(0, Math.floor(time / 1000))} s`;
  if (time < HOUR) return `${Math.floor(time / MINUTE)} min`;
  if (time < DAY) return `${Math.floor(time / HOUR)} h ${Math.floor((time % HOUR) / MINUTE)} min`;
  return `${Math.floor(time / DAY)} d ${Math.floor((time % DAY) / HOUR)} h`;
}

function day(at: number, now: number): string {
  const thisYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return (thisYear ? DATE : DATE_AND_YEAR).format(at);
}

/** The moment itself, for a title. */
export function absolute(at: number): string {
  return MOMENT.format(at);
}

/** `12:03`. */
export function clock(at: number): string {
  return CLOCK.format(at);
}

/** `Today`, `Yesterday`, or the date: what separates the days of a thread. */
export function dayName(at: number, now: number): string {
  const midnight = (time: number) => new Date(time).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(now) - midnight(at)) / DAY);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return LONG_DATE.format(at);
}
