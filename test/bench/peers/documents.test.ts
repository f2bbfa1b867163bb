import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DOCUMENTS, documentsOf, fillPage, markdownOf } from "./documents.js";
import type { PeersReport } from "./report.js";
import { groupOf, targetsOf } from "./report.js";
import { syntheticReport } from "./synthetic.js";

describe("the figures beside other programs", () => {
  const report = JSON.parse(readFileSync(DOCUMENTS.figures, "utf8")) as PeersReport;
  const page = readFileSync(DOCUMENTS.page, "utf8");

  it("stand in docs/performance.md and docs/peers.svg as docs/peers.json has them", () => {
    const documents = documentsOf(report, page);
    expect(documents.page).toBe(page);
    expect(documents.chart).toBe(readFileSync(DOCUMENTS.chart, "utf8"));
    expect(page).toContain("](peers.svg)");
  });

  it("are what the kept samples come to", () => {
    const again = report.groups.map(({ kind, connections, samples }) =>
      groupOf(kind, connections, new Map(Object.entries(samples))),
    );
    expect(again).toEqual(report.groups);
    expect(targetsOf(again)).toEqual(report.targets);
  });
});

describe("the section", () => {
  const text = markdownOf(syntheticReport());

  it("names machine, date, commit and command, and shows medians and ratios", () => {
    expect(text).toContain("2026-11-26, commit 0123456, `npm run bench:peers`. 2 cores of an Some <CPU> & Co");
    expect(text).toContain("| Linux router with nft SNAT | 1,410 · 47 (46 – 47) |");
    expect(text).toContain("| tcpdump -r -w, forward | 170 | 1.70 (1.70 – 1.70) | replay --no-verify, forward |");
    expect(text).toContain("| replay ÷ tcpdump, forward | at most 4 | **5.3** | missed |");
  });

  it("is put between its marks only", () => {
    const page = "before\n<!-- peers: written by `npm run bench:peers -- --docs` -->\nold\n<!-- /peers -->\nafter\n";
    const filled = fillPage(page, "new\n");
    expect(filled).toBe(page.replace("old", "new"));
    expect(() => fillPage("nothing", "new\n")).toThrow("docs/performance.md: expected the lines");
  });
});
