/** Microseconds since the epoch of a report's time: RFC 3339 with nanoseconds, or seconds past the year 9999. Later digits are cut off. */
export function microseconds(at: string): number {
  const [, whole = "", fraction = ""] = /^(.*?)(?:\.(\d+))?Z?$/.exec(at) ?? [];
  const seconds = /^\d+$/.test(whole) ? Number(whole) : Date.parse(`${whole}Z`) / 1000;
  return seconds * 1e6 + Number(fraction.slice(0, 6).padEnd(6, "0"));
}

/** `2026-01-02 03:04:05.250` of a report's time, in UTC: nobody needs nanoseconds of an event. */
export function shownTime(at: string): string {
  return /^\d{4}-/.test(at) ? at.replace("T", " ").replace(/(\.\d{3})\d*Z$|Z$/, "$1") : at;
}
