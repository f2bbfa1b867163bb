/** Seeded 32-bit generator (xorshift32, Marsaglia 2003). The same seed gives the same traffic on every machine. */
export class Random {
  #state: number;

  /** @param seed any integer; 0 is taken as 1 */
  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** Next number, 0 … limit - 1. */
  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return Math.floor((this.#state / 0x1_0000_0000) * limit);
  }
}

/** 0 … count-1, each `count / distinct` times, in random order. @param count a multiple of `distinct` */
export function shuffledRepeats(count: number, distinct: number, seed: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i % distinct);
  const random = new Random(seed);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const was = order[i]!;
    order[i] = order[j]!;
    order[j] = was;
  }
  return order;
}
