import { describe, expect, it, test } from "vitest";
import { Random } from "../../src/bench/random.js";
import { estimate, familyWidth, logError, median, quantile, spread } from "../../src/bench/statistics.js";

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

describe("the width of a family of intervals", () => {
  // Percentage points of Student's distribution as tables print them.
  it.each([
    [1, 0.05, 1, 12.7062],
    [1, 0.05, 4, 2.7764],
    [1, 0.01, 8, 3.3554],
    [1, 0.05, 11, 2.201],
    [1, 0.01, 100_000, 2.5759],
  ])("of %i interval with error rate %d and %i degrees of freedom is %d", (count, errorRate, freedom, width) => {
    expect(familyWidth(count, errorRate, freedom)).toBeCloseTo(width, 3);
  });

  it("of many is that of one with as small a share of the error rate", () => {
    expect(familyWidth(6, 0.06, 11)).toBeCloseTo(familyWidth(1, 0.01, 11), 5);
    expect(familyWidth(6, 0.01, 11)).toBeGreaterThan(familyWidth(1, 0.01, 11));
  });
});

describe("the standard error of a logarithm", () => {
  const random = new Random(9);
  const around = (middle: number) => middle * (0.98 + random.below(401) / 10_000);
  const turns = (middle: number) => Array.from({ length: 40 }, () => around(middle));

  it("of equal values is 0, and the same for the same values", () => {
    const placements = [turns(2), turns(2)];
    expect(
      logError([
        [3, 3],
        [3, 3],
      ]),
    ).toBeCloseTo(0, 10);
    expect(logError(placements)).toBe(logError(placements));
  });

  it("comes from what placements lie apart, however many turns each has", () => {
    const apart = [2, 2.1, 2.2, 2.3].map(turns);
    const alike = [2, 2, 2, 2].map(turns);
    expect(logError(apart)).toBeGreaterThan(5 * logError(alike));
    expect(logError(apart)).toBeGreaterThan(0.02);
  });

  it("does not depend on the unit", () => {
    const placements = [turns(1), turns(1.05), turns(1.1)];
    expect(logError(placements.map((values) => values.map((value) => value * 1000)))).toBeCloseTo(
      logError(placements),
      12,
    );
  });
});
