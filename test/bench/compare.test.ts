import { describe, expect, it, test } from "vitest";
import { type BenchComparison, compareBench, compareBuilds, parseBenchReport } from "../../src/bench/compare.js";
import { UsageError } from "../../src/errors.js";
import { type SyntheticRun, syntheticReport } from "./synthetic.js";

function onlyVerdict({ cases }: BenchComparison): string {
  expect(cases).toHaveLength(1);
  return cases[0]!.verdict;
}

describe("a run compared with an earlier one", () => {
  it("is no regression where both are drawn from the same distribution, whatever the seed", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const before = syntheticReport([{ seed, ratio: 2 }]);
      const now = syntheticReport([{ seed: seed + 1000, ratio: 2 }]);
      const comparison = compareBench(before, now);
      expect(onlyVerdict(comparison)).toBe("same");
      expect(comparison.regressed).toBe(false);
    }
  });

  it("is a regression with a planted slowdown of 10 %, whatever the seed", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const before = syntheticReport([{ seed, ratio: 2 }]);
      const now = syntheticReport([{ seed: seed + 1000, ratio: 2.2 }]);
      const comparison = compareBench(before, now);
      expect(onlyVerdict(comparison)).toBe("worse");
      expect(comparison.regressed).toBe(true);
      expect(comparison.cases[0]!.change).toBeGreaterThan(0.05);
    }
  });

  it("is better, and no regression, when a tenth faster", () => {
    const comparison = compareBench(
      syntheticReport([{ seed: 1, ratio: 2 }]),
      syntheticReport([{ seed: 2, ratio: 1.8 }]),
    );
    expect(onlyVerdict(comparison)).toBe("better");
    expect(comparison.regressed).toBe(false);
  });

  it("does not mind a machine that is twice as slow as before, as both contestants feel it", () => {
    const before = syntheticReport([{ seed: 1, ratio: 2 }]);
    const [item] = syntheticReport([{ seed: 2, ratio: 2 }]).cases;
    const twice = item!.placements.map((turns) => turns.map(([a, b]) => [a * 2, b * 2] as const));
    const slow = { ...item!, placements: twice };
    const now = parseBenchReport(JSON.stringify({ ...before, cases: [slow] }), "now.json");
    expect(now.cases[0]!.ns.median).toBeGreaterThan(60);
    expect(onlyVerdict(compareBench(before, now))).toBe("same");
  });

  it("is inconclusive, not failed, where the yardstick was unstable, on either side", () => {
    const steady = syntheticReport([{ seed: 1, ratio: 2 }]);
    const unsteady = syntheticReport([{ seed: 2, ratio: 3, drift: 0.6 }]);
    for (const [before, now] of [
      [steady, unsteady],
      [unsteady, steady],
    ] as const) {
      const comparison = compareBench(before, now);
      expect(onlyVerdict(comparison)).toBe("inconclusive");
      expect(comparison.cases[0]!.why).toContain("the yardstick was unstable");
      expect(comparison.regressed).toBe(false);
    }
  });

  it("is inconclusive where the noise hides any change", () => {
    const noisy = { ratio: 2, noise: 0.9, turns: 3 };
    const comparison = compareBench(
      syntheticReport([{ seed: 1, ...noisy }]),
      syntheticReport([{ seed: 2, ...noisy, ratio: 2.4 }]),
    );
    expect(onlyVerdict(comparison)).toBe("inconclusive");
    expect(comparison.cases[0]!.why).toContain("hides any change");
  });

  it("is no regression where it matters more than that where the tables lie", () => {
    const before = syntheticReport([{ seed: 1, ratio: 2, shift: 0.08 }]);
    const now = syntheticReport([{ seed: 2, ratio: 2.2, shift: 0.08 }]);
    expect(before.cases[0]!.placementSpread).toBeGreaterThan(0.1);
    expect(onlyVerdict(compareBench(before, now))).toBe("same");
  });

  it("takes a smaller gain from batching as worse", () => {
    const gain = (seed: number, ratio: number) => syntheticReport([{ id: "batching/1000000", seed, ratio }]);
    expect(onlyVerdict(compareBench(gain(1, 2), gain(2, 1.5)))).toBe("worse");
    expect(onlyVerdict(compareBench(gain(1, 2), gain(2, 3)))).toBe("better");
  });

  it("names what differs where the two ran under other conditions", () => {
    const before = syntheticReport([{ seed: 1, ratio: 2 }]);
    const now = syntheticReport([{ seed: 2, ratio: 3 }], { machine: { ...before.machine, cpu: "Other 4000" } });
    const comparison = compareBench(before, now);
    expect(comparison.inconclusive).toBe("CPU was Made-up 3000, now is Other 4000");
    expect(comparison.regressed).toBe(false);
    expect(compareBench(before, syntheticReport([], { batch: 64 })).inconclusive).toBe("batch size was 256, now is 64");
  });

  it("lists the cases that only one of them has", () => {
    const before = syntheticReport([
      { id: "forward/1000/batched", seed: 1, ratio: 2 },
      { id: "gone", seed: 2, ratio: 2 },
    ]);
    const now = syntheticReport([
      { id: "forward/1000/batched", seed: 3, ratio: 2 },
      { id: "added", seed: 4, ratio: 2 },
    ]);
    const { cases, unmatched } = compareBench(before, now);
    expect(cases.map(({ id }) => id)).toEqual(["forward/1000/batched"]);
    expect(unmatched).toEqual(["gone", "added"]);
  });
});

describe("a build compared with another one that it took turns with", () => {
  const SIZES = [1000, 10_000];
  const IDS = SIZES.flatMap((size) => ["forward", "reverse", "new"].map((work) => `${work}/${size}`));
  const turnsOf = (seed: number, ratioOf: (id: string) => number, fields: Partial<SyntheticRun> = {}) =>
    syntheticReport(
      IDS.map((id, i) => ({
        ...{ id, seed: seed * 100 + i, ratio: ratioOf(id) },
        ...{ placements: 12, turns: 6, noise: 0.05, jitter: 0.02, ...fields },
      })),
      { against: "before.wasm" },
    );
  const verdicts = ({ cases }: BenchComparison) => new Map(cases.map(({ id, verdict }) => [id, verdict]));

  it("is the same where both are alike, in all of its cases, whatever the seed", () => {
    for (let seed = 1; seed <= 8; seed++) {
      const comparison = compareBuilds(turnsOf(seed, () => 1, { noise: 0.1, jitter: 0.05 }));
      expect([...new Set(verdicts(comparison).values())]).toEqual(["same"]);
      expect(comparison.regressed).toBe(false);
    }
  });

  it("is worse in the cases that are a tenth slower and in no other, whatever the seed", () => {
    for (let seed = 1; seed <= 8; seed++) {
      const comparison = compareBuilds(turnsOf(seed, (id) => (id.startsWith("new") ? 1 : 1.1)));
      const expected = IDS.map((id) => [id, id.startsWith("new") ? "same" : "worse"] as const);
      expect(verdicts(comparison)).toEqual(new Map(expected));
      expect(comparison.regressed).toBe(true);
    }
  });

  it("is better, and no regression, when a tenth faster", () => {
    const comparison = compareBuilds(turnsOf(1, () => 0.9));
    expect([...new Set(verdicts(comparison).values())]).toEqual(["better"]);
    expect(comparison.regressed).toBe(false);
  });

  it("is told by its nanoseconds and the other's, and by an interval around the change", () => {
    const [first] = compareBuilds(turnsOf(1, () => 1.5)).cases;
    expect(first!.now / first!.before).toBeCloseTo(1.5, 0);
    expect(first!.change).toBeCloseTo(0.5, 1);
    expect(first!.low).toBeLessThan(first!.change);
    expect(first!.high).toBeGreaterThan(first!.change);
  });

  it("has wider intervals the more cases hold together", () => {
    const report = turnsOf(1, () => 1);
    const alone = compareBuilds({ ...report, cases: report.cases.slice(0, 1) }).cases[0]!;
    const among = compareBuilds(report).cases[0]!;
    expect(among.change).toBe(alone.change);
    expect(among.high - among.low).toBeGreaterThan(alone.high - alone.low);
  });

  it("is inconclusive, not failed, where the other one's times were unstable", () => {
    const comparison = compareBuilds(turnsOf(1, () => 1.5, { drift: 0.6 }));
    expect(verdicts(comparison).get("forward/1000")).toBe("inconclusive");
    expect(comparison.cases[0]!.why).toContain("the yardstick was unstable in this run");
    expect(comparison.regressed).toBe(false);
  });
});

describe("a report read back", () => {
  it("is the report that was written", () => {
    const report = syntheticReport([{ seed: 9, ratio: 2.7 }]);
    expect(parseBenchReport(JSON.stringify(report), "a.json")).toEqual(report);
  });

  it("has its figures from its samples, not from what it says of them", () => {
    const report = syntheticReport([{ seed: 9, ratio: 2 }]);
    const doctored = { ...report.cases[0]!, ratio: { median: 1, low: 1, high: 1 } };
    const read = parseBenchReport(JSON.stringify({ ...report, cases: [doctored] }), "a.json");
    expect(read.cases[0]!.ratio).toEqual(report.cases[0]!.ratio);
  });

  test.each([
    ["not JSON at all", "a.json: is no JSON, expected what `sluicegate bench --json` prints"],
    ["null", "a.json: schema is undefined, expected sluicegate.io/bench-report/v1"],
    ['{"schema":"other"}', "a.json: schema is other, expected sluicegate.io/bench-report/v1"],
    [
      JSON.stringify({ ...syntheticReport([]), cases: [{ placements: [[[1, 0]]] }] }),
      "a.json: cases[0].placements is no list of lists of pairs of times above 0",
    ],
    [
      JSON.stringify({ ...syntheticReport([]), cases: [{ placements: [[]] }] }),
      "a.json: cases[0].placements is no list of lists of pairs of times above 0",
    ],
    [
      JSON.stringify(syntheticReport([], { against: "b.wasm" })),
      "a.json: is a run of two builds (--against b.wasm), expected one beside the reference kernel",
    ],
  ])("is refused by name where it is no report: %s", (text, message) => {
    expect(() => parseBenchReport(text, "a.json")).toThrow(new UsageError(message));
  });
});

test("a bound is met or missed by the median ratio of its case", () => {
  const forward = (ratio: number) => syntheticReport([{ seed: 3, ratio, noise: 0 }]).bounds;
  expect(forward(2.4)).toMatchObject([{ kind: "at-most", limit: 2.5, met: true }]);
  expect(forward(2.6)).toMatchObject([{ kind: "at-most", limit: 2.5, met: false }]);
  const gain = (ratio: number) => syntheticReport([{ id: "batching/1000000", seed: 3, ratio, noise: 0 }]).bounds;
  expect(gain(1.6)).toMatchObject([{ kind: "at-least", limit: 1.5, met: true }]);
  expect(gain(1.4)).toMatchObject([{ kind: "at-least", limit: 1.5, met: false }]);
});
