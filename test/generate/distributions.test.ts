import { describe, expect, test } from "vitest";
import { boundedPareto, GapFactors, PacketSizes, Zipf } from "../../src/generate/distributions.js";
import { Random } from "../../src/generate/random.js";

const DRAWS = 100_000;

describe("Zipf's law", () => {
  test("the first rank is drawn twice as often as the second and ten times as often as the tenth", () => {
    const random = new Random(1);
    const zipf = new Zipf(1000, 1);
    const counts = new Array<number>(1000).fill(0);
    for (let i = 0; i < DRAWS; i++) counts[zipf.draw(random)]++;
    expect(counts[0] / counts[1]).toBeCloseTo(2, 0);
    expect(counts[0] / counts[9] / 10).toBeCloseTo(1, 0);
    expect(counts[999]).toBeGreaterThan(0);
  });

  test("a population of one has one rank", () => {
    expect(new Zipf(1, 1.1).draw(new Random(3))).toBe(0);
  });
});

test("the bounded Pareto tail has its exponent by Hill's estimate, and its bounds", () => {
  const random = new Random(2);
  const sizes = Float64Array.from({ length: DRAWS }, () => boundedPareto(random, 1.15, 3, 5_000_000)).sort();
  expect(sizes[0]).toBe(3);
  const tail = sizes.subarray(DRAWS - 2000);
  const hill = tail.length / tail.reduce((sum, size) => sum + Math.log(size / tail[0]), 0);
  expect(hill).toBeGreaterThan(1.05);
  expect(hill).toBeLessThan(1.25);
  const bounded = Array.from({ length: 10_000 }, () => boundedPareto(random, 1.15, 3, 50));
  expect([Math.min(...bounded), Math.max(...bounded) <= 50]).toEqual([3, true]);
});

test("gap factors are log-normal with median 1", () => {
  const random = new Random(4);
  const gaps = new GapFactors(random, 0.5);
  const logs = Float64Array.from({ length: DRAWS }, () => Math.log(gaps.draw(random))).sort();
  expect(logs[DRAWS / 2]).toBeCloseTo(0, 1);
  expect(Math.sqrt(logs.reduce((sum, log) => sum + log * log, 0) / DRAWS)).toBeCloseTo(0.5, 1);
});

describe("packet sizes", () => {
  test("follow the measured histogram together with the control packets counted in", () => {
    const random = new Random(5);
    const sizes = new PacketSizes("measured");
    const lengths = Array.from({ length: DRAWS }, (_, i) => {
      if (i % 8 !== 0) return sizes.draw(random);
      sizes.note(52);
      return 52;
    });
    const shares = [64, 128, 575, 1199, 1500].map((high) => lengths.filter((length) => length <= high).length / DRAWS);
    [0.235, 0.335, 0.415, 0.455, 1].forEach((share, i) => {
      expect(Math.abs(shares[i] - share)).toBeLessThan(0.01);
    });
  });

  test("are 40, 576 and 1,500 bytes at 7:4:1, or all small", () => {
    const random = new Random(6);
    const imix = new PacketSizes("imix");
    imix.note(60);
    const lengths = Array.from({ length: 12_000 }, () => imix.draw(random));
    const counts = [40, 576, 1500].map((length) => lengths.filter((drawn) => drawn === length).length / 1000);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(12);
    [7, 4, 1].forEach((parts, i) => {
      expect(Math.abs(counts[i] - parts)).toBeLessThan(0.2);
    });
    expect(new PacketSizes("small").draw(random)).toBe(46);
  });
});
