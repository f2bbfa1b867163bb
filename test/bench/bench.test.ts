import { expect, test } from "vitest";
import { runBench } from "../../src/bench/bench.js";
import { compareBench, parseBenchReport } from "../../src/bench/compare.js";
import { printBench, printComparison } from "../../src/bench/print.js";
import { packageFile } from "../../src/platform/node/wasm.js";
import { paint } from "../../src/report/paint.js";
import { syntheticReport } from "./synthetic.js";

const PLAIN = paint(false);

test("a small run measures every case, in turns beside its yardstick, and can be compared with itself", async () => {
  const progress: string[] = [];
  const report = await runBench({
    sizes: [1000],
    placements: 2,
    turns: 3,
    blockMs: 1,
    variantSize: 1000,
    imixSizes: [1000],
    batch: 64,
    onProgress: (text) => progress.push(text),
  });
  expect(report.cases.map(({ id }) => id)).toEqual([
    ...["forward/1000/batched", "forward/1000/single", "reverse/1000/batched", "reverse/1000/single"],
    ...["batching/1000", "new/1000/batched", "new/1000/single"],
    ...["imix-forward/1000", "imix-reverse/1000", "imix-new/1000"],
    ...["udp-forward/1000", "udp-reverse/1000", "udp-new/1000"],
    ...["ipv6-forward/1000", "ipv6-reverse/1000", "ipv6-new/1000"],
    ...["gateways-64/forward", "policies-16384/forward", "gateways-64/new", "policies-16384/new"],
    ...["layout-ipv6/1000", "layout-ipv4-single/1000", "layout-ipv6-single/1000"],
    ...["swiss", "tagged", "cuckoo"].flatMap((name) =>
      ["", "-single", "-miss", "-miss-single", "-insert"].map((work) => `layout-${name}${work}/1000`),
    ),
  ]);
  for (const { id, placements, ns, ratio } of report.cases) {
    expect(
      placements.map((turns) => turns.length),
      id,
    ).toEqual([3, 3]);
    expect(placements.flat(2).every((value) => value > 0 && Number.isFinite(value))).toBe(true);
    expect(ns.low <= ns.median && ns.median <= ns.high).toBe(true);
    expect(ratio.median).toBeGreaterThan(0);
    expect(progress).toContain(id);
  }
  expect(report.machine.node).toBe(process.version);
  const again = parseBenchReport(JSON.stringify(report), "report.json");
  expect(compareBench(report, again).regressed).toBe(false);
  expect(compareBench(report, again).cases.every(({ change }) => change === 0)).toBe(true);
});

test("two builds take turns at every size, each with its own tables, and only the cases asked for are set up", async () => {
  const against = packageFile("build", "engine.wasm");
  const progress: string[] = [];
  const options = { against, sizes: [1000, 2000], placements: 2, turns: 3, blockMs: 1, batch: 64 };
  const report = await runBench({ ...options, onProgress: (text) => progress.push(text) });
  expect(report.against).toBe(against);
  expect(report.cases.map(({ id }) => id)).toEqual([
    ...["forward/1000", "reverse/1000", "new/1000"],
    ...["forward/2000", "reverse/2000", "new/2000"],
  ]);
  for (const { placements, yardstick } of report.cases) {
    expect(placements.map((turns) => turns.length)).toEqual([3, 3]);
    expect(yardstick).toBe("the other build");
  }
  progress.length = 0;
  const one = await runBench({ ...options, only: new Set(["new/2000"]), onProgress: (text) => progress.push(text) });
  expect(one.cases.map(({ id }) => id)).toEqual(["new/2000"]);
  expect(progress.filter((text) => text.includes("1000"))).toEqual([]);
});

test("another build that is no engine is named, with what it should be", async () => {
  await expect(runBench({ against: "missing.wasm", sizes: [1000], placements: 1 })).rejects.toThrow(
    "missing.wasm: cannot be read, expected what `npm run build` makes",
  );
});

test("the printed report names machine, cases, yardsticks and bounds", () => {
  const text = printBench(syntheticReport([{ seed: 1, ratio: 2, noise: 0, drift: 0 }]), PLAIN);
  expect(text).toBe(
    [
      "Made-up 3000, 2 cores, load 0.00, linux x64, huge pages madvise",
      "Node v20.20.2, V8 11.3; 256 frames per call, touch on",
      "3 placements of 5 turns, blocks of 50 ms cpu time; 64-byte frames in random order, imix-*: packets of 40, 576 and 1500 bytes at 7:4:1",
      "",
      "case                   connections  ns/frame  yardstick  ratio  99 % interval  divided by",
      "forward/10000/batched       10,000      40.0       20.0   2.00    2.00 … 2.00  reference kernel, batched",
      "",
      "met     forward at 10,000 connections, divided by the reference kernel: 2.00, wanted at most 2.5",
      "",
    ].join("\n"),
  );
});

test("the printed comparison ends in what it comes to", () => {
  const before = syntheticReport([{ seed: 1, ratio: 2 }]);
  const lastLine = (now: typeof before) =>
    printComparison(compareBench(before, now), PLAIN).trimEnd().split("\n").at(-1);
  expect(lastLine(syntheticReport([{ seed: 2, ratio: 2 }]))).toBe("no case is slower by more than the noise");
  expect(lastLine(syntheticReport([{ seed: 2, ratio: 3 }]))).toBe(
    "slower by more than the noise: forward/10000/batched",
  );
  expect(lastLine(syntheticReport([{ seed: 2, ratio: 3, drift: 0.6 }]))).toBe(
    "inconclusive in 1 of 1 cases; none of the others is slower",
  );
  expect(lastLine(syntheticReport([]))).toBe("inconclusive: the two runs have no case in common");
  expect(lastLine(syntheticReport([{ seed: 2, ratio: 3 }], { clock: "wall" }))).toBe(
    "inconclusive: clock was cpu, now is wall",
  );
});
