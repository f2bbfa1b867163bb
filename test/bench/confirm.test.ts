import { describe, expect, it } from "vitest";
import type { BenchOptions } from "../../src/bench/bench.js";
import { runAgainst, runBuilds, withMore } from "../../src/bench/confirm.js";
import type { BenchReport } from "../../src/bench/report-types.js";
import { syntheticReport } from "./synthetic.js";

const SLOW = "forward/10000/batched";
const OTHER = "forward/1000/batched";

function report(seed: number, slowRatio: number): BenchReport {
  return syntheticReport([
    { id: OTHER, seed, ratio: 2 },
    { id: SLOW, seed: seed + 100, ratio: slowRatio },
  ]);
}

/** Runs that come out as given, one after the other; cut down to the cases asked for. */
function measuring(...runs: readonly BenchReport[]) {
  const asked: BenchOptions[] = [];
  const measure = async (options: BenchOptions): Promise<BenchReport> => {
    const run = runs[asked.length]!;
    asked.push(options);
    return { ...run, cases: run.cases.filter(({ id }) => !options.only || options.only.has(id)) };
  };
  return { asked, measure };
}

describe("a run judged by an earlier one", () => {
  it("fails where a case is slower each time that it is measured, and only that case is measured again", async () => {
    const { asked, measure } = measuring(report(2, 2.4), report(3, 2.4), report(4, 2.4));
    const { report: now, comparison } = await runAgainst(report(1, 2), {}, measure);
    expect(comparison.regressed).toBe(true);
    expect(asked.map(({ only }) => only && [...only])).toEqual([undefined, [SLOW], [SLOW]]);
    expect(now.cases.map(({ placements }) => placements.length)).toEqual([3, 9]);
  });

  it("does not fail where a case was slow once and is not when measured again", async () => {
    const { asked, measure } = measuring(report(2, 2.4), report(3, 2), report(4, 2));
    const { comparison } = await runAgainst(report(1, 2), {}, measure);
    expect(comparison.regressed).toBe(false);
    expect(asked.length).toBeGreaterThan(1);
  });

  it("is not measured again where nothing is slower", async () => {
    const { asked, measure } = measuring(report(2, 2));
    expect((await runAgainst(report(1, 2), {}, measure)).comparison.regressed).toBe(false);
    expect(asked).toHaveLength(1);
  });
});

describe("a build judged by another one", () => {
  const builds = (seed: number, slowRatio: number): BenchReport =>
    syntheticReport([
      { id: "forward/1000", seed, ratio: 1, placements: 12 },
      { id: "new/1000", seed: seed + 100, ratio: slowRatio, placements: 12 },
    ]);

  it("fails where a case is slower each time that it is measured", async () => {
    const { asked, measure } = measuring(builds(1, 1.1), builds(2, 1.1), builds(3, 1.1));
    const { report: now, comparison } = await runBuilds({ against: "before.wasm" }, measure);
    expect(comparison.regressed).toBe(true);
    expect(asked.map(({ only }) => only && [...only])).toEqual([undefined, ["new/1000"], ["new/1000"]]);
    expect(asked.map(({ against }) => against)).toEqual(["before.wasm", "before.wasm", "before.wasm"]);
    expect(now.cases.map(({ placements }) => placements.length)).toEqual([12, 36]);
  });

  it("does not fail where a case was slow once and is not when measured again", async () => {
    const { asked, measure } = measuring(builds(1, 1.1), builds(2, 0.95), builds(3, 0.95));
    expect((await runBuilds({ against: "before.wasm" }, measure)).comparison.regressed).toBe(false);
    expect(asked.length).toBeGreaterThan(1);
  });
});

it("placements added to a case count like its first ones", () => {
  const both = withMore(report(1, 2), report(2, 3));
  const slow = both.cases.find(({ id }) => id === SLOW)!;
  expect(slow.placements).toHaveLength(6);
  expect(slow.ratio.median).toBeGreaterThan(2.2);
  expect(slow.ratio.median).toBeLessThan(2.8);
  expect(both.bounds).toMatchObject([{ caseId: SLOW, value: slow.ratio.median }]);
});
