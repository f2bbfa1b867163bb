import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseBenchReport } from "../../src/bench/compare.js";
import { drawCurve } from "../../src/bench/curve.js";
import { syntheticReport } from "./synthetic.js";

/** Cases that take `ratio` times the made-up yardstick, at several sizes. */
function report(ratios: Readonly<Record<string, number>>) {
  const runs = Object.entries(ratios).map(([id, ratio]) => ({ id, ratio, seed: 1, noise: 0, drift: 0 }));
  const made = syntheticReport(runs);
  return { ...made, cases: made.cases.map((item) => ({ ...item, connections: Number(item.id.split("/")[1]) })) };
}

const TWO_SIZES = { "forward/1000/batched": 1, "forward/1000000/batched": 4, "new/1000/batched": 10 };

/** Points of the lines in the order of the picture. */
function linesOf(svg: string): number[][][] {
  return [...svg.matchAll(/<polyline[^>]*points="([^"]*)"/g)].map(([, points]) =>
    points!.split(" ").map((point) => point.split(",").map(Number)),
  );
}

test("a curve has a point for every size, higher where a frame takes longer, and none for work at one size only", () => {
  const svg = drawCurve(report(TWO_SIZES));
  const lines = linesOf(svg);
  expect(lines.length).toBe(2);
  const [[small, large], kernel] = lines as [number[][], number[][]];
  expect(large![0]! - small![0]!).toBeGreaterThan(300);
  expect(large![1]!).toBeLessThan(small![1]!);
  // The yardstick of a synthetic run takes as long at every size.
  expect(kernel[0]![1]).toBe(kernel[1]![1]);
  expect(svg).toContain(">80 forward, 64 bytes<");
  expect(svg).not.toContain("new connection");
  expect(drawCurve(report(TWO_SIZES))).toBe(svg);
});

test("text of the machine cannot break the picture", () => {
  const made = report(TWO_SIZES);
  const svg = drawCurve({ ...made, machine: { ...made.machine, cpu: "A<B & C" } });
  expect(svg).toContain("A&lt;B &amp; C");
});

test("a report with one size has no curve", () => {
  expect(() => drawCurve(report({ "forward/1000/batched": 1 }))).toThrow("no work at two table sizes");
});

test("the curve of the documentation is what its measurements give", () => {
  const file = "docs/cost-curve.json";
  expect(existsSync(file)).toBe(true);
  const measured = parseBenchReport(readFileSync(file, "utf8"), file);
  expect(readFileSync("docs/cost-curve.svg", "utf8")).toBe(drawCurve(measured));
});
