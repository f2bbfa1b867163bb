import fc from "fast-check";
import { expect, it } from "vitest";
import { minimize } from "../../src/shrink/minimize.js";

const NUMBERS = Array.from({ length: 40 }, (_, i) => i);

it("finds exactly the items that it takes, wherever they stand, in their order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(39), { minLength: 1, maxLength: 5 }), async (needed) => {
      const fails = async (part: readonly number[]) => needed.every((item) => part.includes(item));
      expect(await minimize(NUMBERS, fails)).toEqual([...needed].sort((a, b) => a - b));
    }),
  );
});

it("leaves no single item that can be left out, whatever else makes it fail", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2, max: 300 }), fc.nat(6), async (least, modulus) => {
      const fails = async (part: readonly number[]) =>
        part.reduce((sum, item) => sum + item, 0) >= least && part.length % (modulus + 1) !== 1;
      const left = await minimize(NUMBERS, fails);
      fc.pre(left.length > 1);
      expect(await fails(left)).toBe(true);
      for (const item of left) expect(await fails(left.filter((other) => other !== item))).toBe(false);
    }),
  );
});

it("tries few parts where one item is enough, and the same ones each time", async () => {
  const tried: string[][] = [];
  for (let round = 0; round < 2; round++) {
    const parts: string[] = [];
    await minimize(NUMBERS, async (part) => {
      parts.push(part.join());
      return part.includes(29);
    });
    tried.push(parts);
  }
  expect(tried[1]).toEqual(tried[0]);
  expect(tried[0].length).toBeLessThan(15);
});
