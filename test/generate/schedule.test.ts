import fc from "fast-check";
import { expect, test } from "vitest";
import { Schedule } from "../../src/generate/schedule.js";

test("items leave in the order of their times, however adding and taking mix", () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(20), { nil: undefined }), { maxLength: 200 }), (calls) => {
      const schedule = new Schedule<number>();
      let model: number[] = [];
      for (const time of calls) {
        if (time === undefined) {
          expect(schedule.nextTime).toBe(model[0] ?? Number.POSITIVE_INFINITY);
          expect(schedule.take()).toBe(model[0]);
          model = model.slice(1);
        } else {
          schedule.add(time, time);
          model = [...model, time].sort((a, b) => a - b);
        }
        expect(schedule.size).toBe(model.length);
      }
    }),
  );
});
