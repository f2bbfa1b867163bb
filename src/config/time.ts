export const NS_PER_MS = 1_000_000n;
export const NS_PER_SECOND = 1_000_000_000n;

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const LONGEST_DURATION_MS = 0xffff_ffff;

/**
 * A duration such as `2h13m20s`, `1.5s` or `250ms`, the form that Go programs write; a bare number has no unit and is refused, `0` excepted.
 * @returns whole milliseconds (a part of one counts as one), 0 … 2^32-1, or undefined where `text` is not a duration
 */
export function parseDurationMs(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(amount) * UNIT_MS[unit!]!;
  }
  const rounded = Math.max(0, Math.ceil(total - 1e-9));
  return rounded <= LONGEST_DURATION_MS ? rounded : undefined;
}

const UNIT_NS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  ms: NS_PER_MS,
  s: NS_PER_SECOND,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
/** Last instant and longest duration that 64 bits of nanoseconds hold. */
export const LAST_NS = 0xffff_ffff_ffff_ffffn;
const LONGEST_DURATION_TEXT = 100;

/**
 * The same without loss: for places on a time line of nanoseconds, up to its very end.
 * @returns nanoseconds (a part of one counts as one), 0 … 2^64-1, or undefined where `text` is not a duration
 */
export function parseDurationNs(text: string): bigint | undefined {
  if (text === "0") return 0n;
  if (text.length > LONGEST_DURATION_TEXT || !/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0n;
  for (const [, whole, fraction = "", unit] of text.matchAll(/(\d+)(?:\.(\d+))?(ns|us|µs|ms|s|m|h)/g)) {
    const scale = 10n ** BigInt(fraction.length);
    total += (BigInt(whole + fraction) * UNIT_NS[unit!]! + scale - 1n) / scale;
  }
  return total <= LAST_NS ? total : undefined;
}

const RFC_3339 = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d{2}:\d{2})$/;

/**
 * An RFC 3339 time stamp as Kubernetes writes it.
 * @returns nanoseconds since the epoch, or undefined where `text` is not such a stamp
 */
export function parseTimestampNs(text: string): bigint | undefined {
  const match = RFC_3339.exec(text);
  if (!match) return undefined;
  const [, date, time, fraction = "", zone] = match;
  const seconds = Date.parse(`${date}T${time}${zone!.toUpperCase()}`);
  if (Number.isNaN(seconds)) return undefined;
  return BigInt(seconds) * NS_PER_MS + BigInt(fraction.padEnd(9, "0"));
}
