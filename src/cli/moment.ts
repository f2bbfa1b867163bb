import { type FlagParser, refused } from "./flag-values.js";

/** A time as a user writes it: nanoseconds since the first frame, or since the epoch. */
export type Moment = { readonly fromStartNs: bigint } | { readonly absoluteNs: bigint };

/** One moment, or one every so many nanoseconds from the first frame to the last. */
export type Moments = Moment | { readonly everyNs: bigint };

const NS_PER_UNIT: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const DURATION = /^(\d{1,9})(?:\.(\d{1,9}))?(ns|us|ms|s|m|h)$/;
const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.(\d{1,9}))?(?:Z|[+-]\d{2}:\d{2})$/;
const EXAMPLES = "a time since the first frame such as 12.5s or 2m, or RFC 3339 such as 2026-11-23T07:58:50Z";

/** @returns nanoseconds, or undefined where `text` is no duration */
function durationNs(text: string): bigint | undefined {
  const match = DURATION.exec(text);
  if (!match) return undefined;
  const [, whole = "", fraction = "", unit = ""] = match;
  const scale = NS_PER_UNIT[unit]!;
  return BigInt(whole) * scale + (BigInt(fraction.padEnd(9, "0")) * scale) / 1_000_000_000n;
}

/** A duration such as `2s`, `500ms`; more than zero. */
export const duration: FlagParser<bigint> = (value, flag) => {
  const ns = durationNs(value);
  if (ns !== undefined && ns > 0n) return ns;
  throw refused(flag, value, "a duration above zero such as 2s, 500ms or 10m");
};

/** `12.5s` since the first frame, or RFC 3339. */
export const moment: FlagParser<Moment> = (value, flag) => {
  const fromStartNs = durationNs(value);
  if (fromStartNs !== undefined) return { fromStartNs };
  const match = RFC_3339.exec(value);
  const seconds = match ? Date.parse(value.replace(/\.\d+/, "")) / 1000 : Number.NaN;
  if (Number.isNaN(seconds)) throw refused(flag, value, EXAMPLES);
  return { absoluteNs: BigInt(seconds) * 1_000_000_000n + BigInt((match?.[1] ?? "").padEnd(9, "0")) };
};

/** The same, or `every 10s`. */
export const moments: FlagParser<Moments> = (value, flag) => {
  const every = /^every\s+(\S+)$/.exec(value);
  return every ? { everyNs: duration(every[1]!, flag) } : moment(value, flag);
};

/** A comma-separated list of durations. */
export const durations: FlagParser<bigint[]> = (value, flag) =>
  value.split(",").map((one) => duration(one.trim(), flag));
