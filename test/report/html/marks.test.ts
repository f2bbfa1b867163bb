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

  test("come from the failovers where nothing else tells of them, and are none where nobody noticed", () => {
    const { scenario: _, ...rest } = failoverReport();
    const report = { ...rest, healthTransitions: [], drains: [] };
    expect(marksOf(report).map(({ label }) => label)).toEqual(["gw-b down", "gw-b detected"]);
    report.failovers[0]!.detectedAt = "";
    expect(marksOf(report).map(({ label }) => label)).toEqual(["gw-b down"]);
    expect(reportPage(report)).toContain("nobody noticed");
  });

  test("name each thing once, and things that are no node's or not known too", () => {
    const report = failoverReport();
    report.scenario!.events = [
      { at: "2026-01-02T10:59:00.000000000Z", event: "manifests" },
      { at: "2026-01-02T10:59:01.000000000Z", node: "gw-z", event: "new-kind" },
      { at: "not a time", node: "gw-z", event: "remove" },
    ];
    const labels = marksOf(report).map(({ label }) => label);
    expect(labels.slice(0, 2)).toEqual(["manifests", "gw-z new-kind"]);
    expect(labels.filter((label) => label === "gw-b detected")).toHaveLength(1);
    expect(labels).not.toContain("gw-z removed");
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

  test("a drained node that dies and comes back is still drained", () => {
    const report = failoverReport();
    report.drains = [{ ...report.drains[0]!, node: "gw-b", from: report.timeline.from, ranDryAt: null }];
    const [, words] = laneOf(reportPage(report), "gw-b");
    expect(words).toMatch(
      /^drained: [^,]* for 25\.0 % .* then dead, .* then down .* then drained: .* for 36\.5 % of the time$/,
    );
  });

  test("a blip that nobody noticed ends where the node is back", () => {
    const report = failoverReport();
    report.scenario!.events[1]!.at = "2026-01-02T10:59:21.200000000Z";
    report.failovers[0]!.detectedAt = "";
    const [, words] = laneOf(reportPage({ ...report, healthTransitions: [] }), "gw-b");
    expect(words).toBe(
      "in use for 25.0 % of the time, then dead, and nobody knows for 1.0 % of the time, then in use for 74.0 % of the time",
    );
  });
});
