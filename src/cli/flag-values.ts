import { isLifetime, TIMEOUT_NAMES } from "../config/settings.js";
import { parseDurationMs } from "../config/time.js";
import type { Timeouts } from "../config/types.js";
import { UsageError } from "../errors.js";

/** Turns the text of a flag into its value. @throws {UsageError} naming the flag, what it is and what it should be */
export type FlagParser<T> = (text: string, flag: string) => T;

const MAX_SEED = 0xffff_ffff;
const LONGEST_LIFETIME_MS = 12 * 24 * 3_600_000;
const NS_PER_UNIT: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };

/** The text as it is; an empty one is refused (`--report ""` is a shell variable that was not set). */
export const text: FlagParser<string> = (value, flag) => {
  if (value === "") throw refused(flag, value, "a text that is not empty");
  return value;
};

/** An integer within `low` and `high`, in plain decimal digits. */
export function integer(low: number, high: number): FlagParser<number> {
  return (value, flag) => {
    const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= low && number <= high) return number;
    throw refused(flag, value, `an integer from ${low} to ${high}`);
  };
}

/** Seeds are 32-bit, so that a report's `seed` is exact in every reader of JSON. */
export const seed = integer(0, MAX_SEED);

/** One of a few words. */
export function oneOf<const T extends string>(...words: readonly T[]): FlagParser<T> {
  return (value, flag) => {
    const word = words.find((known) => known === value);
    if (word !== undefined) return word;
    throw refused(flag, value, `one of ${words.join(", ")}`);
  };
}

export interface PortRange {
  readonly low: number;
  readonly high: number;
}

/** `LOW-HIGH`, both included, 1 to 65535. */
export const portRange: FlagParser<PortRange> = (value, flag) => {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(value);
  const [low, high] = [Number(match?.[1]), Number(match?.[2])];
  if (match && low >= 1 && low <= high && high <= 65535) return { low, high };
  throw refused(flag, value, "LOW-HIGH within 1-65535, such as 32768-65535");
};

/** `NAME=DURATION`: a lifetime of connections, in milliseconds. */
export const timeout: FlagParser<readonly [keyof Timeouts, number]> = (value, flag) => {
  const [name, duration, ...rest] = value.split("=");
  const known = TIMEOUT_NAMES.find((one) => one === name);
  if (!known) throw refused(flag, value, `NAME=DURATION with one of ${TIMEOUT_NAMES.join(", ")}`);
  const ms = rest.length === 0 ? parseDurationMs(duration ?? "") : undefined;
  if (ms !== undefined && ms <= LONGEST_LIFETIME_MS && isLifetime(known, ms)) return [known, ms];
  throw refused(flag, value, `${known}= and a duration above zero such as 90s or 1h30m, at most 12 days`);
};

export interface FrameRange {
  /** 1-based, inclusive; undefined = from the start, to the end. */
  readonly from: number | undefined;
  readonly to: number | undefined;
}

/** `FROM-TO`, `FROM-`, `-TO` or one number. */
export const frameRange: FlagParser<FrameRange> = (value, flag) => {
  const match = /^(\d{0,15})(-?)(\d{0,15})$/.exec(value);
  const [from, to] = [match?.[1], match?.[2] ? match[3] : match?.[1]].map((digits) =>
    digits ? Number(digits) : undefined,
  );
  const isRange = (from !== undefined || to !== undefined) && from !== 0 && to !== 0 && (from ?? 1) <= (to ?? Infinity);
  if (match && isRange) return { from, to };
  throw refused(flag, value, "FROM-TO counted from 1, such as 1-1000, 500- or 12");
};

export interface Skew {
  /** Capture file as given on the command line. */
  readonly file: string;
  /** Added to its timestamps. */
  readonly ns: bigint;
}

/** `FILE=±T` with T in seconds or with a unit: `uplink.pcap=-0.25`, `uplink.pcap=+3ms`. */
export const skew: FlagParser<Skew> = (value, flag) => {
  const at = value.lastIndexOf("=");
  const match = /^([+-]?)(\d{1,9})(?:\.(\d{1,9}))?(ns|us|ms|s)?$/.exec(value.slice(at + 1));
  if (at < 1 || !match) throw refused(flag, value, "FILE=±T such as uplink.pcap=-0.25 (seconds) or uplink.pcap=+3ms");
  const [, sign, whole = "0", fraction = "", unit = "s"] = match;
  const scale = BigInt(NS_PER_UNIT[unit]!);
  // Digits below a nanosecond are cut off.
  const ns = BigInt(whole) * scale + (BigInt(fraction.padEnd(9, "0")) * scale) / 1_000_000_000n;
  return { file: value.slice(0, at), ns: sign === "-" ? -ns : ns };
};

/** The error for a value that a flag cannot take. */
export function refused(flag: string, value: string, expected: string): UsageError {
  return new UsageError(`${flag} is ${JSON.stringify(value)}, expected ${expected}`);
}

/** Kinds of traffic whose share `generate` lets one choose. */
export const SHARE_KINDS = [
  "ipv6",
  "udp",
  "icmp",
  "sctp",
  "error",
  "fragment",
  "malformed",
  "zero-checksum",
  "reuse",
  "fin",
  "reset",
] as const;

export interface Share {
  readonly kind: (typeof SHARE_KINDS)[number];
  /** 0 to 1. */
  readonly fraction: number;
}

/** `KIND=FRACTION` */
export const share: FlagParser<Share> = (value, flag) => {
  const match = /^([a-z0-9-]+)=(\d(?:\.\d{1,9})?)$/.exec(value);
  const kind = SHARE_KINDS.find((known) => known === match?.[1]);
  const fraction = Number(match?.[2]);
  if (kind && fraction >= 0 && fraction <= 1) return { kind, fraction };
  throw refused(flag, value, `KIND=FRACTION with a fraction from 0 to 1 and KIND one of ${SHARE_KINDS.join(", ")}`);
};
