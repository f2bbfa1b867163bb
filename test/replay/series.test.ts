import { describe, expect, it } from "vitest";
import { TRAFFIC_NUMBERS } from "../../src/engine/counters.js";
import { Series } from "../../src/replay/series.js";

const START = 1_790_000_000_000_000_000n;
const ms = (count: number) => START + BigInt(Math.round(count * 1e6));

/** Counts of one egress after so many frames: a connection every ten, one reply each, `live` of them alive, `peak` ports since the last look. */
function traffic(frames: number, live = 3, peak = 1): Float64Array {
  return Float64Array.of(Math.floor(frames / 10), frames, frames * 100, frames, live, peak);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

describe("a series", () => {
  it("has steps of 10 ms, which double until 480 hold all of the time", () => {
    for (const [duration, stepMs, steps] of [
      [0, 10, 1],
      [9.999999, 10, 1],
      [10, 10, 2],
      [4799.999999, 10, 480],
      [4800, 20, 241],
      [9600, 40, 241],
      [3_600_000, 10_240, 352],
      [1e12, 2_684_354_560, 373],
    ] as const) {
      const series = new Series(START);
      series.moveTo(ms(duration));
      expect(series.report()).toMatchObject({ stepMs, steps });
    }
  });

  it("does not depend on how often it is looked at, nor on where it is saved and taken up again", () => {
    const events = Array.from({ length: 2000 }, (_, i) => ({
      at: i * 7.3 + (i > 1500 ? 60_000 : 0),
      frames: i * 3 + 1,
    }));
    const play = (lookEvery: number, saveAt: number) => {
      let series = new Series(START);
      let lost = 0;
      let forgotten = 0;
      events.forEach(({ at, frames }, i) => {
        if (ms(at) >= series.endNs) {
          series.look(traffic(i === 0 ? 0 : events[i - 1]!.frames), lost - forgotten);
          series.moveTo(ms(at));
        }
        if (i % 5 === 0) series.addMoved(i % 10 === 0);
        if (i % 3 === 0) lost++;
        if (i % lookEvery === 0) series.look(traffic(frames), lost - forgotten);
        if (i !== saveAt) return;
        series.look(traffic(frames), lost - forgotten);
        series = new Series(JSON.parse(JSON.stringify(series.save())));
        forgotten = lost;
      });
      series.look(traffic(events.at(-1)!.frames), lost - forgotten);
      return series.report();
    };
    const once = play(10_000, -1);
    expect(sum(once.lost)).toBe(667);
    expect(sum(once.broken) + sum(once.rebound)).toBe(400);
    expect(sum(once.gateways[0]!.frames)).toBe(events.at(-1)!.frames);
    expect(once.gateways[0]!.bytes).toEqual(once.gateways[0]!.frames.map((frames) => frames * 100));
    expect(play(1, -1)).toEqual(once);
    expect(play(7, 3)).toEqual(once);
    expect(play(2, 1600)).toEqual(once);
  });

  it("counts from zero again after another policy was loaded, and rows of later egresses are whole", () => {
    const series = new Series(START);
    series.look(traffic(40), 0);
    series.restart();
    series.look(Float64Array.of(...traffic(5), ...traffic(20)), 0);
    const { gateways } = series.report();
    expect(gateways.map(({ gateway, frames }) => [gateway, frames])).toEqual([
      [0, [45]],
      [1, [20]],
    ]);
    expect(TRAFFIC_NUMBERS).toBe(traffic(0).length);
  });

  it("keeps the ports in use where nobody opens a connection, as far as connections are left", () => {
    const series = new Series(START);
    const steps = [traffic(100, 9, 7), traffic(105, 9, 0), traffic(106, 4, 0), traffic(120, 5, 2)];
    steps.forEach((counts, i) => {
      series.moveTo(ms(i * 10));
      series.look(counts, 0);
    });
    series.moveTo(ms(70));
    expect(series.report().gateways[0]!.ports).toEqual([7, 7, 4, 4, 4, 4, 4, 4]);
  });

  it("takes less for in use where connections ended and nothing else happened, also in steps that become one", () => {
    const play = (...times: number[]) => {
      const series = new Series(START);
      [traffic(100, 9, 7), traffic(100, 4, 0), traffic(100, 2, 0)].forEach((counts, i) => {
        series.moveTo(ms(times[i]!));
        series.look(counts, 0);
      });
      series.moveTo(ms(4800));
      return series.report().gateways[0]!.ports.slice(0, 4);
    };
    // Steps of 10 ms became steps of 20 ms.
    expect(play(0, 20, 40)).toEqual([7, 4, 2, 2]);
    expect(play(0, 20, 30)).toEqual([7, 2, 2, 2]);
  });
});
