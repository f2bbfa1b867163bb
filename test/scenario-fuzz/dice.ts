/** Chance from a seed: the same rolls for the same seed on every machine. Not for anything that must not be guessed. */
export class Dice {
  #state: number;

  /** @param seed integer; neighbours give unrelated rolls */
  constructor(seed: number) {
    this.#state = Math.imul(seed ^ (seed / 0x1_0000_0000), 0x9e3779b1) ^ 0x5bd1e995;
    for (let i = 0; i < 4; i++) this.#next();
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** Whole number from `low` to `high`, both inclusive. */
  int(low: number, high: number): number {
    return low + Math.floor((this.#next() / 0x1_0000_0000) * (high - low + 1));
  }

  /** True with a probability of `percent` in a hundred. */
  chance(percent: number): boolean {
    return this.int(0, 9999) < percent * 100;
  }

  /** One of `list`, which is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.int(0, list.length - 1)];
  }

  /** `count` different ones of `list`, in its order; all of it where it has fewer. */
  some<T>(list: readonly T[], count: number): T[] {
    const left = [...list.keys()];
    const taken = new Set<number>();
    while (taken.size < Math.min(count, list.length)) taken.add(left.splice(this.int(0, left.length - 1), 1)[0]);
    return list.filter((_, i) => taken.has(i));
  }

  /** One of some choices, each as often as its weight says. */
  weighted<T>(choices: readonly (readonly [weight: number, choice: T])[]): T {
    let roll = this.int(
      1,
      choices.reduce((sum, [weight]) => sum + weight, 0),
    );
    for (const [weight, choice] of choices) {
      roll -= weight;
      if (roll <= 0) return choice;
    }
    throw new Error("no choice has a weight");
  }
}
