import { describe, expect, test } from "vitest";
import { marksOf } from "../../../src/report/html/marks.js";
import { reportPage } from "../../../src/report/html/page.js";
import { failoverReport } from "./synthetic.js";

describe("marks over the charts", () => {
  test("name what happened to whom, by time; a missed probe is none", () => {
    expect(marksOf(failoverReport()).map(({ label, tone }) => [label, tone])).toEqual([
      ["gw-b down", "bad"],
      ["gw-b detected", "bad"],
      ["gw-b up", "good"],
      ["gw-b in use", "good"],
      ["gw-a drain", "note"],
      ["gw-a ran dry", "good"],
    ]);
  });

  test("come from the failovers where no transition is known, and are none where nobody noticed", () => {
    const { healthTransitions: _, drains: __, ...report } = failoverReport();
    expect(marksOf(report).map(({ label }) => label)).toEqual(["gw-b down", "gw-b detected"]);
    report.failovers[0]!.detectedAt = "";
    expect(marksOf(report).map(({ label }) => label)).toEqual(["gw-b down"]);
    expect(reportPage(report)).toContain("nobody noticed");
  });
});

describe("bars of how each gateway stood", () => {
  const laneOf = (page: string, node: string) =>
    new RegExp(`<dt>${node}</dt><dd><svg[^>]*aria-label="([^"]*)">([\\s\\S]*?)</svg>`).exec(page)!;

  test("say how long it was dead unnoticed, down, and back", () => {
    const [, words, rects] = laneOf(reportPage(failoverReport()), "gw-b");
    expect(words).toBe(
      "in use for 25.0 % of the time, then dead, and nobody knows for 1.4 % of the time, then down for 36.1 % of the time, " +
        "then answers, not yet in use for 1.0 % of the time, then in use for 36.5 % of the time",
    );
    const widths = [...rects!.matchAll(/ width="([\d.]+)"/g)].map(([, width]) => Number(width));
    expect(widths.reduce((sum, width) => sum + width, 0)).toBeCloseTo(1000, 1);
  });

  test("a blip that nobody noticed ends where the node is back", () => {
    const report = failoverReport();
    const [down, , , up] = report.healthTransitions!;
    const [, words] = laneOf(
      reportPage({ ...report, healthTransitions: [down!, { ...up!, at: "2026-01-02T10:59:21.200000000Z" }] }),
      "gw-b",
    );
    expect(words).toBe(
      "in use for 25.0 % of the time, then dead, and nobody knows for 1.0 % of the time, then in use for 74.0 % of the time",
    );
  });
});
