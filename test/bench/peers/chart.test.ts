import { describe, expect, it } from "vitest";
import { chartOf, scaleOf } from "./chart.js";
import { syntheticReport } from "./synthetic.js";

describe("the chart's scale", () => {
  it("runs over whole powers of ten that hold every value, and is logarithmic", () => {
    const { ticks, at } = scaleOf([15, 1410]);
    expect(ticks).toEqual([10, 100, 1000, 10_000]);
    expect(at(100) - at(10)).toBeCloseTo(at(1000) - at(100));
    expect(at(31.6) - at(10)).toBeCloseTo((at(100) - at(10)) / 2, 0);
  });

  it("has at least one step, and nothing lies left of its beginning", () => {
    const { ticks, at } = scaleOf([10, 10]);
    expect(ticks).toEqual([10, 100]);
    expect(at(0.001)).toBe(at(10));
  });
});

describe("the chart", () => {
  const report = syntheticReport();
  const svg = chartOf(report);

  it("has a bar and a label with its numbers for every figure of every group", () => {
    const figures = report.groups.flatMap(({ figures }) => figures);
    expect(svg.match(/<rect class="(own|other)"/g)).toHaveLength(figures.length);
    expect(svg).toContain(">Linux router with nft SNAT<");
    expect(svg).toContain(">1,410 · 47 ×<");
    expect(svg).toContain(">Frames in memory, 1,000 connections, 3 rounds<");
  });

  it("is plain shapes and text for light and dark, without scripts or anything from elsewhere", () => {
    expect(svg).toContain("@media (prefers-color-scheme: dark)");
    expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(/<script|<image|href|http|@import|url\(/);
    const names = [...svg.matchAll(/<([a-z]+)/g)].map(([, name]) => name);
    expect([...new Set(names)].sort()).toEqual(["line", "rect", "style", "svg", "text", "title"]);
  });

  it("writes what other people's names hold as text", () => {
    expect(svg).toContain("Some &lt;CPU&gt; &amp; Co");
    expect(svg).not.toContain("<CPU>");
  });

  it("has no shape outside of its own size", () => {
    const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!.map(Number) as [number, number, number];
    for (const [, x, y] of svg.matchAll(/ x1?="([\d.]+)".* y1?="([\d.]+)"/g)) {
      expect(Number(x)).toBeLessThanOrEqual(width);
      expect(Number(y)).toBeLessThanOrEqual(height);
    }
    expect(svg).not.toMatch(/NaN|Infinity/);
  });
});
