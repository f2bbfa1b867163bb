const DAY_MS = 86_400_000;
const US_PER_MS = 1000;

/** Seconds since the midnight (UTC) before `baseUs`, so that round numbers are round times. @param us microseconds since the epoch */
export function dayTime(us: number, baseUs: number): number {
  return (us - dayStartUs(baseUs)) / 1e6;
}

/** Midnight (UTC) before, in microseconds since the epoch. */
function dayStartUs(us: number): number {
  return Math.floor(us / US_PER_MS / DAY_MS) * DAY_MS * US_PER_MS;
}

/** `03:04:05.250` from seconds since midnight; days after the first show as `+1d`. @param digits of the second, 0 to 6 */
export function clockText(daySeconds: number, digits: number): string {
  const unit = 10 ** digits;
  const ticks = Math.round(daySeconds * unit);
  const whole = Math.floor(ticks / unit);
  const days = Math.floor(whole / 86_400);
  const parts = [Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60];
  const time = parts.map((part) => String(part).padStart(2, "0")).join(":");
  const fraction = digits === 0 ? "" : `.${String(ticks - whole * unit).padStart(digits, "0")}`;
  return `${days > 0 ? `+${days}d ` : ""}${time}${fraction}`;
}

/** Digits of the second that multiples of this many seconds need, 6 at most. */
export function digitsFor(seconds: number): number {
  const needed = [0, 1, 2, 3, 4, 5].find(
    (digits) => Math.abs(Math.round(seconds * 10 ** digits) / 10 ** digits - seconds) < 1e-9,
  );
  return needed ?? 6;
}

/** `03:04:05.250000` of microseconds since the epoch. */
export function timeOfDay(us: number): string {
  return clockText(dayTime(us, us), 6);
}

/** `2026-01-02 03:04:05.250000 UTC` of microseconds since the epoch. */
export function fullTime(us: number): string {
  return `${new Date(dayStartUs(us) / US_PER_MS).toISOString().slice(0, 10)} ${timeOfDay(us)} UTC`;
}

/** `250 ms`, `1.5 s`, `2 min`: a width of time. */
export function spanText(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 120_000) return `${Number((ms / 1000).toFixed(2))} s`;
  return ms < 7_200_000 ? `${Number((ms / 60_000).toFixed(1))} min` : `${Number((ms / 3_600_000).toFixed(1))} h`;
}
