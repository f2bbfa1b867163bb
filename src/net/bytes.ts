/** A copy of bytes[from, to). `slice` would share memory where the bytes are a Buffer. */
export function copyBytes(bytes: Uint8Array, from = 0, to = bytes.length): Uint8Array {
  return new Uint8Array(bytes.subarray(from, to));
}

/** Where the first byte differs, or -1. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  return differenceIn(a, b, 0, a.length);
}

/** Spans longer than this are compared by the platform's memory comparison first. */
const LONG_SPAN = 64;

/** The same within bytes [from, to) of both. */
export function differenceIn(a: Uint8Array, b: Uint8Array, from: number, to: number): number {
  if (to - from > LONG_SPAN && Buffer.compare(a.subarray(from, to), b.subarray(from, to)) === 0) return -1;
  for (let at = from; at < to; at++) if (a[at] !== b[at]) return at;
  return -1;
}
