import type { SizeProfileName } from "./options.js";
import { exponential, type Random, raise } from "./random.js";

/** Draws ranks 0 … count − 1 by Zipf's law: the weight of rank k is 1 / (k + 1)^exponent. */
export class Zipf {
  readonly #cumulative: Float64Array;

  constructor(count: number, exponent: number) {
    this.#cumulative = new Float64Array(count);
    let sum = 0;
    for (let rank = 0; rank < count; rank++) {
      sum += 1 / raise(rank + 1, exponent);
      this.#cumulative[rank] = sum;
    }
  }

  draw(random: Random): number {
    const cumulative = this.#cumulative;
    const wanted = random.unit() * cumulative[cumulative.length - 1]!;
    let low = 0;
    let high = cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulative[middle]! <= wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A whole number from `least` to `most` whose tail falls like x^-alpha (bounded Pareto). */
export function boundedPareto(random: Random, alpha: number, least: number, most: number): number {
  const ratio = raise(least / most, alpha);
  const x = least / raise(1 - random.unit() * (1 - ratio), 1 / alpha);
  return Math.min(most, Math.floor(x));
}

/** Factors by which gaps between frames vary: log-normal, median 1. Drawn once, since one is needed for every frame. */
export class GapFactors {
  readonly #factors: Float64Array;

  constructor(random: Random, sigma: number) {
    this.#factors = Float64Array.from({ length: 4096 }, () => exponential(sigma * random.normal()));
  }

  draw(random: Random): number {
    return this.#factors[random.uint32() >>> 20]!;
  }
}

interface SizeClass {
  readonly low: number;
  readonly high: number;
  readonly share: number;
}

/** Lengths of IP packets in bytes; `measured` is the histogram of a flow-rich ISP trace of 4,096 packets. */
const PROFILES: Readonly<Record<SizeProfileName, readonly SizeClass[]>> = {
  measured: [
    { low: 40, high: 64, share: 0.235 },
    { low: 65, high: 128, share: 0.1 },
    { low: 129, high: 575, share: 0.08 },
    { low: 576, high: 1199, share: 0.04 },
    { low: 1200, high: 1500, share: 0.545 },
  ],
  imix: [
    { low: 40, high: 40, share: 7 / 12 },
    { low: 576, high: 576, share: 4 / 12 },
    { low: 1500, high: 1500, share: 1 / 12 },
  ],
  small: [{ low: 46, high: 46, share: 1 }],
};

/**
 * Draws packet lengths so that all packets of the trace together follow the profile: control packets, whose lengths are
 * given, are counted too, and a class that has had its share for now is drawn again.
 */
export class PacketSizes {
  readonly #classes: readonly SizeClass[];
  readonly #seen: Float64Array;
  #total = 0;
  /** Only where the profile speaks of all packets, not of data packets alone. */
  readonly #countsControl: boolean;

  constructor(profile: SizeProfileName) {
    this.#classes = PROFILES[profile];
    this.#seen = new Float64Array(this.#classes.length);
    this.#countsControl = profile === "measured";
  }

  /** Counts a packet whose length is given by its protocol. */
  note(length: number): void {
    if (!this.#countsControl) return;
    let at = 0;
    while (at < this.#classes.length - 1 && length > this.#classes[at]!.high) at++;
    this.#count(at);
  }

  /** Draws the length of a data packet. */
  draw(random: Random): number {
    let at = this.#drawClass(random);
    for (let again = 0; again < 4 && this.#hadItsShare(at); again++) at = this.#drawClass(random);
    this.#count(at);
    const { low, high } = this.#classes[at]!;
    return low === high ? low : random.between(low, high);
  }

  #drawClass(random: Random): number {
    let rest = random.unit();
    let at = 0;
    while (at < this.#classes.length - 1 && rest >= this.#classes[at]!.share) rest -= this.#classes[at++]!.share;
    return at;
  }

  #hadItsShare(at: number): boolean {
    return this.#countsControl && this.#seen[at]! > this.#classes[at]!.share * (this.#total + 1);
  }

  #count(at: number): void {
    this.#seen[at] = this.#seen[at]! + 1;
    this.#total++;
  }
}
