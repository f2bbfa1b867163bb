/** Microseconds since the epoch of a report's time. Later digits are cut off. */
export function microseconds(at: string): number {
  const [, whole = "", fraction = ""] = /^(.*?)(?:\.(\d+))?Z?$/.exec(at) ?? [];
  return Date.parse(`${whole}Z`) * 1000 + Number(fraction.slice(0, 6).padEnd(6, "0"));
}

/** `2026-01-02 03:04:05.250` of a report's time, in UTC: nobody needs nanoseconds of an event. */
export function shownTime(at: string): string {
  return at.replace("T", " ").replace(/(\.\d{3})\d*Z$|Z$/, "$1");
}
