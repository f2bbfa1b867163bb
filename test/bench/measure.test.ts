import { describe, expect, it } from "vitest";
import type { Clock } from "../../src/bench/cpu-clock.js";
import { type Contestant, type MeasureOptions, measurePairs } from "../../src/bench/measure.js";
import { EngineError } from "../../src/errors.js";

/** A clock that only contestants move, so that every figure is known beforehand. */
class MadeUpClock implements Clock {
  readonly name = "cpu";
  us = 0;

  now(): number {
    return this.us;
  }
}

/** Works on `frames` frames in `us` microseconds; restoring takes time too, which must not count. */
function worker(clock: MadeUpClock, us: number, frames: number, log: string[], name: string): Contestant {
  return {
    restore: () => {
      clock.us += 1_000_000;
      log.push(`restore ${name}`);
    },
    run: () => {
      clock.us += us;
      log.push(`run ${name}`);
      return frames;
    },
    verify: () => log.push(`verify ${name}`),
  };
}

function setUp(turns: number, blockMs = 1) {
  const clock = new MadeUpClock();
  const log: string[] = [];
  const begun: string[] = [];
  const options: MeasureOptions = { turns, blockMs, clock, onPair: (id) => begun.push(id) };
  return { clock, log, begun, options };
}

describe("measuring pairs", () => {
  it("gives nanoseconds per frame of both contestants, turn by turn, without the time for restoring", () => {
    const { clock, log, begun, options } = setUp(7);
    const pair = (id: string, us: number) => ({
      id,
      subject: worker(clock, us, 1000, log, "subject"),
      yardstick: worker(clock, 40, 2000, log, "yardstick"),
    });
    const results = measurePairs("made up", [pair("a", 60), pair("b", 90)], options);
    expect(results.map(({ id }) => id)).toEqual(["a", "b"]);
    expect(results[0]!.samples).toEqual(Array.from({ length: 7 }, () => [60, 20]));
    expect(results[1]!.samples).toEqual(Array.from({ length: 7 }, () => [90, 20]));
    expect(begun).toEqual(["a", "b"]);
  });

  it("lets each work until its block is full", () => {
    const { clock, log, options } = setUp(3, 1);
    const subject = worker(clock, 300, 10, log, "subject");
    measurePairs("made up", [{ id: "a", subject, yardstick: worker(clock, 1000, 10, log, "yardstick") }], options);
    const runs = log.filter((line) => line.startsWith("run"));
    const subjectRuns = runs.filter((line) => line === "run subject").length;
    // 300 µs of work fill 1 ms in the fourth run.
    expect(subjectRuns).toBe(4 * (runs.length - subjectRuns));
  });

  it("takes the figure of a contestant that times itself, and does not restore or run it", () => {
    const { clock, log, options } = setUp(3, 7);
    const asked: number[] = [];
    const yardstick: Contestant = {
      ...worker(clock, 1000, 10, log, "B"),
      block: (ms) => {
        asked.push(ms);
        return 25;
      },
    };
    const pair = { id: "a", subject: worker(clock, 8000, 100_000, log, "A"), yardstick };
    expect(measurePairs("made up", [pair], options)[0]!.samples).toEqual(Array.from({ length: 3 }, () => [80, 25]));
    expect(new Set(asked)).toEqual(new Set([7]));
    expect(log).not.toContain("run B");
    expect(log).not.toContain("restore B");
  });

  it("goes on until the runs make a whole where several do", () => {
    const { clock, log, options } = setUp(3, 1);
    const subject = { ...worker(clock, 300, 10, log, "subject"), rounds: 3 };
    measurePairs("made up", [{ id: "a", subject, yardstick: worker(clock, 1000, 10, log, "yardstick") }], options);
    const runs = log.filter((line) => line.startsWith("run"));
    const subjectRuns = runs.filter((line) => line === "run subject").length;
    // Four would fill the block; the next multiple of three is six.
    expect(subjectRuns).toBe(6 * (runs.length - subjectRuns));
  });

  it("takes turns in changing order: A B, B A, A B", () => {
    const { clock, log, options } = setUp(4);
    const [subject, yardstick] = [worker(clock, 2000, 1, log, "A"), worker(clock, 2000, 1, log, "B")];
    measurePairs("made up", [{ id: "a", subject, yardstick }], options);
    const order = log.filter((line) => line.startsWith("run")).map((line) => line.at(-1));
    const turns = order.join("").match(/../g)!;
    expect(turns.length).toBeGreaterThanOrEqual(4);
    expect(turns.every((turn, i) => turn === (i % 2 === 0 ? "AB" : "BA"))).toBe(true);
  });

  it("verifies both contestants before the first block and after the last", () => {
    const { clock, log, options } = setUp(3);
    const [subject, yardstick] = [worker(clock, 2000, 1, log, "A"), worker(clock, 2000, 1, log, "B")];
    measurePairs("made up", [{ id: "a", subject, yardstick }], options);
    expect(log.slice(0, 2)).toEqual(["verify A", "verify B"]);
    expect(log.slice(-2)).toEqual(["verify A", "verify B"]);
  });

  it("reports no time at all where work was not done", () => {
    const { clock, log, options } = setUp(3);
    const lazy: Contestant = {
      ...worker(clock, 2000, 1, log, "lazy"),
      verify: () => {
        throw new EngineError("benchmark: nothing was done");
      },
    };
    const pair = { id: "a", subject: lazy, yardstick: worker(clock, 2000, 1, log, "B") };
    expect(() => measurePairs("made up", [pair], options)).toThrow("benchmark: nothing was done");
    expect(log.filter((line) => line.startsWith("run"))).toEqual([]);
  });

  it("passes on what a contestant throws in the middle of its work", () => {
    const { clock, log, options } = setUp(3);
    let left = 5;
    const failing = worker(clock, 2000, 1, log, "A");
    const subject: Contestant = {
      ...failing,
      run: () => {
        if (left-- === 0) throw new EngineError("engine: process 256 frames: refused");
        return failing.run();
      },
    };
    const pair = { id: "a", subject, yardstick: worker(clock, 2000, 1, log, "B") };
    expect(() => measurePairs("made up", [pair], options)).toThrow("engine: process 256 frames: refused");
  });
});
