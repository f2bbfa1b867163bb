import type { FrameIndex } from "./types.js";

const NANOSECOND_EXPONENT = 9;
const NANOSECONDS_PER_SECOND = 1_000_000_000;
/** Largest power of ten by which a 53-bit division of two 32-bit words stays exact. */
const DIVIDER_EXPONENT = 6;
const WORD = 2 ** 32;

/** The 96-bit number that a conversion works on, lowest word first; shared, since a conversion never waits. */
const words = new Uint32Array(3);

/**
 * Ticks of a pcapng interface to nanoseconds since the epoch, exactly and without an object or a BigInt per frame.
 * All steps are done in three 32-bit words, which holds every 64-bit tick count at every resolution and offset;
 * fractions of a nanosecond are cut off. Results before 1970 or after 2^64 − 1 ns (year 2554) are clamped.
 */
export class TickScale {
  readonly #exponent: number;
  readonly #binary: boolean;
  readonly #factor: number;
  readonly #shifted: boolean;
  readonly #offset0: number;
  readonly #offset1: number;
  readonly #offset2: number;

  /**
   * @param resolution the byte of if_tsresol: bit 7 clear = 10^-n seconds, set = 2^-n seconds
   * @param offsetSeconds if_tsoffset, signed 64 bit
   */
  constructor(resolution: number, offsetSeconds: bigint) {
    this.#exponent = resolution & 0x7f;
    this.#binary = (resolution & 0x80) !== 0;
    this.#factor = this.#binary ? NANOSECONDS_PER_SECOND : 10 ** Math.max(0, NANOSECOND_EXPONENT - this.#exponent);
    this.#shifted = offsetSeconds !== 0n;
    const offset = BigInt.asUintN(96, offsetSeconds * BigInt(NANOSECONDS_PER_SECOND));
    this.#offset0 = Number(offset & 0xffffffffn);
    this.#offset1 = Number((offset >> 32n) & 0xffffffffn);
    this.#offset2 = Number(offset >> 64n);
  }

  /**
   * Writes the time of `high`·2^32 + `low` ticks to frame `at` of `index`.
   * @returns false where the time had to be clamped
   */
  convert(high: number, low: number, index: FrameIndex, at: number): boolean {
    if (this.#factor === 1 && !this.#shifted && this.#exponent === NANOSECOND_EXPONENT) {
      index.timeLow[at] = low;
      index.timeHigh[at] = high;
      return true;
    }
    this.#multiply(high, low);
    if (this.#binary) shiftRight(this.#exponent);
    else if (this.#exponent > NANOSECOND_EXPONENT) divideByPowerOfTen(this.#exponent - NANOSECOND_EXPONENT);
    if (this.#shifted) this.#addOffset();
    return storeClamped(index, at);
  }

  #multiply(high: number, low: number): void {
    const factor = this.#factor;
    const limb0 = (low & 0xffff) * factor;
    const limb1 = (low >>> 16) * factor + Math.floor(limb0 / 65536);
    const limb2 = (high & 0xffff) * factor + Math.floor(limb1 / 65536);
    const limb3 = (high >>> 16) * factor + Math.floor(limb2 / 65536);
    words[0] = (limb1 << 16) | (limb0 & 0xffff);
    words[1] = (limb3 << 16) | (limb2 & 0xffff);
    words[2] = Math.floor(limb3 / 65536);
  }

  #addOffset(): void {
    const sum0 = words[0]! + this.#offset0;
    const sum1 = words[1]! + this.#offset1 + (sum0 >= WORD ? 1 : 0);
    words[0] = sum0;
    words[1] = sum1;
    words[2] = words[2]! + this.#offset2 + (sum1 >= WORD ? 1 : 0);
  }
}

/**
 * Writes `seconds` (32 bit) + `nanoseconds` (below 2^46) to frame `at` of `index`, as the record headers of pcap files give time.
 * A second's worth of nanoseconds or more is carried into the seconds.
 */
export function storeSeconds(seconds: number, nanoseconds: number, index: FrameIndex, at: number): void {
  const lower = (seconds & 0xffff) * NANOSECONDS_PER_SECOND + nanoseconds;
  const upper = (seconds >>> 16) * NANOSECONDS_PER_SECOND + Math.floor(lower / 65536);
  index.timeLow[at] = (upper << 16) | (lower & 0xffff);
  index.timeHigh[at] = Math.floor(upper / 65536);
}

function shiftRight(bits: number): void {
  let rest = bits;
  while (rest >= 32) {
    words[0] = words[1]!;
    words[1] = words[2]!;
    words[2] = 0;
    rest -= 32;
  }
  if (rest === 0) return;
  words[0] = (words[0]! >>> rest) | (words[1]! << (32 - rest));
  words[1] = (words[1]! >>> rest) | (words[2]! << (32 - rest));
  words[2] = words[2]! >>> rest;
}

/** Cutting off in steps equals cutting off once: floor(floor(x / a) / b) = floor(x / (a·b)). */
function divideByPowerOfTen(exponent: number): void {
  for (let rest = exponent; rest > 0; rest -= DIVIDER_EXPONENT) {
    const divisor = 10 ** Math.min(rest, DIVIDER_EXPONENT);
    let remainder = 0;
    for (let i = 2; i >= 0; i--) {
      const dividend = remainder * WORD + words[i]!;
      remainder = dividend % divisor;
      words[i] = (dividend - remainder) / divisor;
    }
  }
}

function storeClamped(index: FrameIndex, at: number): boolean {
  const inRange = words[2] === 0;
  const limit = words[2]! >= 0x8000_0000 ? 0 : 0xffff_ffff;
  index.timeLow[at] = inRange ? words[0]! : limit;
  index.timeHigh[at] = inRange ? words[1]! : limit;
  return inRange;
}
