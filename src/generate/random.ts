/**
 * Random numbers and the few functions that distributions need, from additions, multiplications and divisions only:
 * those are exact by IEEE 754, while `Math.log` and its like may differ in the last bit between engines.
 */

const UINT32 = 2 ** 32;
const { LN2, SQRT1_2 } = Math;
const NORMAL_TERMS = 12;

/** xoshiro128** of Blackman and Vigna, seeded with splitmix32. Not for secrets. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** @param seed a whole number from 0 to 2^32 − 1 */
  constructor(seed: number) {
    const next = splitmix32(seed);
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next();
  }

  /** 0 … 2^32 − 1 */
  uint32(): number {
    const scrambled = Math.imul(this.#b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** At least 0, below 1, in steps of 2^-32. */
  unit(): number {
    return this.uint32() / UINT32;
  }

  /** 0 … `limit` − 1; `limit` is far below 2^32, so the bias of the scaling does not show. */
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }

  /** `low` … `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(share: number): boolean {
    return this.unit() < share;
  }

  /** Exponentially distributed with mean 1. */
  exponential(): number {
    return -naturalLog((this.uint32() + 1) / UINT32);
  }

  /** Nearly normal, mean 0, deviation 1: the sum of twelve uniform numbers. */
  normal(): number {
    let sum = 0;
    for (let i = 0; i < NORMAL_TERMS; i++) sum += this.unit();
    return sum - NORMAL_TERMS / 2;
  }
}

/** ln x for finite x > 0, to about 1e-15. */
export function naturalLog(x: number): number {
  let mantissa = x;
  let exponent = 0;
  for (; mantissa < SQRT1_2; mantissa *= 2) exponent--;
  for (; mantissa > 2 * SQRT1_2; mantissa /= 2) exponent++;
  const z = (mantissa - 1) / (mantissa + 1);
  const square = z * z;
  let sum = 0;
  for (let k = 21; k >= 1; k -= 2) sum = sum * square + 1 / k;
  return 2 * z * sum + exponent * LN2;
}

/** e^x for |x| below 700, to about 1e-15 of the result. */
export function exponential(x: number): number {
  const exponent = Math.round(x / LN2);
  const rest = x - exponent * LN2;
  let sum = 1;
  for (let k = 18; k >= 1; k--) sum = 1 + (sum * rest) / k;
  return sum * twoTo(exponent);
}

/** base^power for base > 0. */
export function raise(base: number, power: number): number {
  return exponential(power * naturalLog(base));
}

function twoTo(exponent: number): number {
  let result = 1;
  const factor = exponent < 0 ? 0.5 : 2;
  for (let i = Math.abs(exponent); i > 0; i--) result *= factor;
  return result;
}

function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) | 0;
  };
}
