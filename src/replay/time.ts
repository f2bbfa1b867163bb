import { NS_PER_SECOND } from "../config/time.js";

/** RFC 3339 in UTC with nanoseconds. @param ns nanoseconds since the epoch; the last one of 64 bits is in the year 2554 */
export function formatTime(ns: bigint): string {
  const seconds = ns / NS_PER_SECOND;
  const fraction = (ns % NS_PER_SECOND).toString().padStart(9, "0");
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}

/** A timestamp from its halves. */
export function nanoseconds(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** The halves of a timestamp, the low one first. */
export function halves(ns: bigint): [low: number, high: number] {
  return [Number(ns & 0xffff_ffffn), Number(ns >> 32n)];
}

/** Time from `start` to another timestamp, both by halves; the same number as of the difference of the two in full. */
export function millisecondsSince([startLow, startHigh]: readonly [number, number], low: number, high: number): number {
  return ((high - startHigh) * 0x1_0000_0000 + (low - startLow)) / 1e6;
}

/** A frame's timestamp as the machine takes it: the last instant of 64 bits, which stands for "never", counts as the one before. */
export function frameTime(low: number, high: number): bigint {
  const ns = nanoseconds(low, high);
  return ns === 0xffff_ffff_ffff_ffffn ? ns - 1n : ns;
}

/** The later of two times. */
export function laterOf(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** The earlier of two times. */
export function earlierOf(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
