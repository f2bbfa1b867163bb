import type { Random } from "./random.js";

/** 65,536 words, so that a sum of 16-bit words still fits into 32 bits. */
const POOL_SIZE = 131_072;

/** Random bytes drawn once; payloads are slices of it, whose checksum takes two look-ups instead of a walk. */
export class PayloadPool {
  readonly bytes = new Uint8Array(POOL_SIZE);
  /** Entry n is the sum of the first n big-endian 16-bit words. */
  readonly #sums = new Uint32Array(POOL_SIZE / 2 + 1);

  constructor(random: Random) {
    const words = new DataView(this.bytes.buffer);
    for (let at = 0; at < POOL_SIZE; at += 4) words.setUint32(at, random.uint32());
    for (let word = 0; word < POOL_SIZE / 2; word++) {
      this.#sums[word + 1] = this.#sums[word]! + words.getUint16(word * 2);
    }
  }

  /** @returns an even place with `length` bytes behind it */
  draw(random: Random, length: number): number {
    return random.below((POOL_SIZE - length) / 2) * 2;
  }

  /** Sum of the 16-bit words of the slice, a last odd byte taken as the upper half of a word. Not folded. */
  sum(at: number, length: number): number {
    const even = length - (length & 1);
    const whole = this.#sums[(at + even) >>> 1]! - this.#sums[at >>> 1]!;
    return length === even ? whole : whole + this.bytes[at + even]! * 256;
  }
}
