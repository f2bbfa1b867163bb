/** A small seeded generator for forecasts (xorshift, Marsaglia 2003): the same seed gives the same numbers on every machine. */
export class Random {
  #state: number;

  /** @param seed any number; it is mixed, so that neighbouring seeds give unlike sequences */
  constructor(seed: number) {
    let mixed = Math.imul((seed >>> 0) ^ 0x5bd1e995, 0x27d4eb2d);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x165667b1) ^ Math.floor(seed / 2 ** 32);
    this.#state = mixed >>> 0 || 1;
  }

  /** An integer of 32 bits. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor((this.next() / 2 ** 32) * (high - low + 1));
  }
}
