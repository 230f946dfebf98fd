// Times, ages and ids as people read them.

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});
const day = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });

/** How far this browser's clock is ahead of the server's, in ms. */
let ahead = 0;

/** Learns the server's time, so that ages are right where clocks differ. */
export function serverTime(now) {
  ahead = Date.now() - Date.parse(now);
}

/** Now, by the server's clock, in ms. */
export function now() {
  return Date.now() - ahead;
}

/** `84 ms`, `1.25 s`, `3 min 20 s`, `2 h 5 min`, `4 d`. */
export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(2)} s`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return parts(seconds, 60, "min", "s");
  if (seconds < 86_400) return parts(Math.floor(seconds / 60), 60, "h", "min");
  return parts(Math.floor(seconds / 3600), 24, "d", "h");
}

function parts(amount, base, large, small) {
  const rest = amount % base;
  return `${Math.floor(amount / base)} ${large}${rest ? ` ${rest} ${small}` : ""}`;
}

/** How long ago, in whole seconds at least: `now`, `12 s`, `3 min`. */
export function age(time) {
  const seconds = Math.max(0, Math.floor((now() - Date.parse(time)) / 1000));
  if (seconds < 1) return "now";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** The time of the day, to the millisecond, in the reader's zone. */
export function exact(time) {
  return clock.format(new Date(time));
}

/** With the day. */
export function dated(time) {
  return `${day.format(new Date(time))}, ${exact(time)}`;
}

/** The end of an id: ids of one moment begin alike. */
export function short(id) {
  return `…${id.slice(-12)}`;
}

/** `1,234`. */
export function number(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString("en");
}

/** `a`, `a and b`, `a, b and c`. */
export function list(words, joint = "and") {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${joint} ${words.at(-1)}`;
}
