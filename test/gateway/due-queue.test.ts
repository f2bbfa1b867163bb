import fc from "fast-check";
import { expect, test } from "vitest";
import { DueQueue } from "../../src/gateway/due-queue.js";

test("a queue hands out everything by time, whatever was put in and taken in between", () => {
  const times = fc.array(fc.option(fc.bigInt({ min: 0n, max: 20n }), { nil: undefined }), { maxLength: 60 });
  fc.assert(
    fc.property(times, (steps) => {
      const queue = new DueQueue<number>();
      let expected: bigint[] = [];
      steps.forEach((atNs, item) => {
        if (atNs === undefined) {
          queue.drop();
          expected = expected.slice(1);
        } else {
          queue.push({ atNs, item });
          expected = [...expected, atNs].sort((a, b) => Number(a - b));
        }
        expect(queue.first?.atNs).toBe(expected[0]);
        if (queue.first) expect(steps[queue.first.item]).toBe(queue.first.atNs);
      });
    }),
  );
});
