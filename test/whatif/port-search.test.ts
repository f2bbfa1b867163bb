import { describe, expect, test } from "vitest";
import { CompleteSearch, OriginalSearch } from "../../src/whatif/port-search.js";
import { Random } from "../../src/whatif/random.js";

const RANGE = { low: 32_768, high: 65_535 };
const PORTS = 32_768;
const FOR_EVER = Number.POSITIVE_INFINITY;

interface Attempt {
  /** Share of the ports that was in use before it. */
  readonly fill: number;
  readonly refused: boolean;
}

/** Opens connections that never end, from Linux's source ports, until that share of the ports is in use. */
function fillUp(share: number, seed: number): Attempt[] {
  const random = new Random(seed);
  const search = new OriginalSearch(RANGE, random);
  const attempts: Attempt[] = [];
  for (let used = 0; used < share * PORTS; ) {
    const refused = !search.claim(random.between(32_768, 60_999), 0, FOR_EVER);
    attempts.push({ fill: used / PORTS, refused });
    if (!refused) used++;
  }
  return attempts;
}

/** Share of the attempts that were refused between two fills. */
function refusals(attempts: readonly Attempt[], from: number, to: number): number {
  const within = attempts.filter(({ fill }) => fill >= from && fill < to);
  return within.filter(({ refused }) => refused).length / within.length;
}

describe("the original's search for a port, modelled", () => {
  const runs = [1, 2, 3].flatMap((seed) => fillUp(0.93, seed));

  test("refuses nobody while half of the ports are free", () => {
    expect(refusals(runs, 0, 0.5)).toBe(0);
  });

  test("refuses nobody below 45 %, wherever the source ports lie", () => {
    const random = new Random(9);
    const search = new OriginalSearch(RANGE, random);
    let refused = 0;
    for (let used = 0; used < 0.45 * PORTS; used++) if (!search.claim(1024, 0, FOR_EVER)) refused++;
    expect(refused).toBe(0);
  });

  test("is exhausted in practice from about 70 % on: one in eight to one in three is refused", () => {
    expect(refusals(runs, 0.55, 0.6)).toBeLessThan(0.02);
    expect(refusals(runs, 0.69, 0.71)).toBeGreaterThan(1 / 8);
    expect(refusals(runs, 0.69, 0.71)).toBeLessThan(1 / 3);
  });

  test("refuses 27.6 % at three quarters and 74 % at nine tenths of the ports", () => {
    expect(refusals(runs, 0.74, 0.76)).toBeCloseTo(0.276, 1);
    expect(refusals(runs, 0.89, 0.91)).toBeCloseTo(0.74, 1);
  });

  test("refuses 7 % in all by three quarters", () => {
    expect(refusals(runs, 0, 0.75)).toBeLessThan(0.07);
    expect(refusals(runs, 0, 0.75)).toBeGreaterThan(0.02);
  });

  test("keeps the endpoint's own port where it can, and gives a port back when its connection ends", () => {
    const search = new OriginalSearch({ low: 40_000, high: 40_000 }, new Random(1));
    expect(search.claim(40_000, 0, 100)).toBe(true);
    expect(search.claim(40_000, 99, 200)).toBe(false);
    expect(search.claim(40_000, 100, 200)).toBe(true);
  });

  test("walks a short orbit of scaled ports, and gives up at its end while all others are free", () => {
    const alwaysOwn = { next: () => ((40_000 - RANGE.low) * 2) << 16 };
    const search = new OriginalSearch(RANGE, alwaysOwn);
    const ports: (number | undefined)[] = [];
    for (let i = 0; i < 32; i++) {
      ports.push(search.find(40_000, 0));
      search.claim(40_000, 0, FOR_EVER);
    }
    expect(ports.slice(0, 16)).toEqual([
      40_000, 52_768, 59_152, 62_344, 63_940, 64_738, 65_137, 65_337, 65_437, 65_487, 65_512, 65_524, 65_530, 65_533,
      65_535, 32_768,
    ]);
    expect(ports.slice(16, 30)).toEqual([
      49_152, 57_344, 61_440, 63_488, 64_512, 65_024, 65_280, 65_408, 65_472, 65_504, 65_520, 65_528, 65_532, 65_534,
    ]);
    expect(ports.slice(30)).toEqual([undefined, undefined]);
  });
});

describe("the complete search, modelled", () => {
  test("refuses only when every port is in use", () => {
    const search = new CompleteSearch({ low: 1, high: 3 });
    expect([10, 30, 20].map((until) => search.claim(9, 0, until))).toEqual([true, true, true]);
    expect(search.claim(9, 9, 50)).toBe(false);
    expect(search.claim(9, 10, 50)).toBe(true);
    expect(search.claim(9, 19, 50)).toBe(false);
    expect([search.claim(9, 30, 50), search.claim(9, 30, 50), search.claim(9, 30, 50)]).toEqual([true, true, false]);
  });
});

test("the same seed draws the same numbers, another one others, all within bounds", () => {
  const draw = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 1000 }, () => random.between(5, 14));
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  expect(new Set(draw(7))).toEqual(new Set([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]));
});
