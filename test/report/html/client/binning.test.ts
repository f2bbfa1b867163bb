import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { binsOf, greatest, peaks, stacked, sums } from "../../../../src/report/html/client/binning.js";

describe("bins", () => {
  test("are as narrow as the room allows, and their edges stay put while one moves along", () => {
    expect(binsOf(0, 480, 480)).toEqual({ first: 0, width: 1, count: 480, end: 480 });
    expect(binsOf(0, 480, 100)).toEqual({ first: 0, width: 5, count: 96, end: 480 });
    expect(binsOf(7, 107, 100)).toEqual({ first: 7, width: 1, count: 100, end: 107 });
    expect(binsOf(7, 107, 50)).toEqual({ first: 5, width: 5, count: 21, end: 107 });
    expect(binsOf(0, 1, 0)).toEqual({ first: 0, width: 1, count: 1, end: 1 });
  });

  test("hold every step once: nothing is lost between them", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1000), { minLength: 1, maxLength: 200 }),
        fc.integer({ min: 1, max: 50 }),
        (steps, most) => {
          const bins = binsOf(0, steps.length, most);
          expect(bins.count).toBeLessThanOrEqual(most);
          const all = steps.reduce((sum, value) => sum + value, 0);
          expect(sums(steps, bins).reduce((sum, value) => sum + value, 0)).toBe(all);
          expect(Math.max(...peaks(steps, bins))).toBe(Math.max(...steps));
        },
      ),
    );
  });

  test("stop at the end that is shown", () => {
    expect(sums([1, 2, 3, 4, 5], binsOf(0, 3, 2))).toEqual([3, 3]);
    expect(peaks([1, 2, 3, 4, 5], binsOf(0, 3, 2))).toEqual([2, 3]);
  });
});

test("rows are laid upon each other", () => {
  expect(
    stacked([
      [1, 2],
      [10, 0],
      [0, 5],
    ]),
  ).toEqual([
    [1, 2],
    [11, 2],
    [11, 7],
  ]);
  expect(stacked([])).toEqual([]);
});

test("the greatest rows keep their order", () => {
  expect(greatest([[1], [9], [5], [9]], 2)).toEqual([1, 3]);
  expect(greatest([[1], [9], [5], [9]], 3)).toEqual([1, 2, 3]);
  expect(greatest([], 3)).toEqual([]);
});
