import { describe, expect, it, test } from "vitest";
import { Random } from "../../src/bench/random.js";
import { estimate, median, quantile, spread } from "../../src/bench/statistics.js";

test("the median of an even number of values is the middle of the two in the middle", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([7])).toBe(7);
  expect(median([])).toBeNaN();
});

test("a quantile between two values lies between them in proportion", () => {
  expect(quantile([0, 10, 20, 30, 40], 0.25)).toBe(10);
  expect(quantile([0, 10], 0.3)).toBeCloseTo(3);
});

test("the spread is the distance of the quartiles as a share of the median", () => {
  expect(spread([8, 9, 10, 11, 12])).toBeCloseTo(0.2);
  expect(spread([5, 5, 5])).toBe(0);
});

describe("an estimate", () => {
  const noisy = (count: number, scale: number) => {
    const random = new Random(5);
    return Array.from({ length: count }, () => 100 + random.below(scale) - scale / 2);
  };

  it("of equal values has no width", () => {
    expect(estimate([3, 3, 3, 3])).toEqual({ median: 3, low: 3, high: 3 });
  });

  it("holds its median, and is the same for the same values", () => {
    const values = noisy(15, 20);
    const first = estimate(values);
    expect(first.low).toBeLessThanOrEqual(first.median);
    expect(first.high).toBeGreaterThanOrEqual(first.median);
    expect(estimate(values)).toEqual(first);
  });

  it("gets narrower with more values and wider with more noise", () => {
    const width = ({ low, high }: { low: number; high: number }) => high - low;
    expect(width(estimate(noisy(200, 20)))).toBeLessThan(width(estimate(noisy(15, 20))));
    expect(width(estimate(noisy(15, 60)))).toBeGreaterThan(width(estimate(noisy(15, 20))));
  });

  it("is not moved by a few turns in which the machine did something else", () => {
    const values = [...noisy(13, 4), 300, 900];
    expect(Math.abs(estimate(values).median - 100)).toBeLessThan(2);
  });
});
