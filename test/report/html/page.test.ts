import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { loadManifests } from "../../../src/config/load.js";
import { explainFrame } from "../../../src/replay/explain.js";
import { escapeHtml, html } from "../../../src/report/html/markup.js";
import { reportPage } from "../../../src/report/html/page.js";
import { headerLength } from "../../../src/report/html/walks.js";
import { exampleReport, wrongReport } from "../fixture.js";
import { failoverReport, policyRows } from "./synthetic.js";

const SCRIPTS = /<script>([\s\S]*?)<\/script>/g;
/** What would end a script element, or begin a comment in it. */
const EVIL = `</script><!--<script>alert(1)</script>"'&\u202e\u0000\u2028`;

/** A page without what its own style and scripts say. */
function markupOf(page: string): string {
  return page.replace(SCRIPTS, "<script></script>").replace(/<style>[\s\S]*?<\/style>/, "<style></style>");
}

function dataOf(page: string) {
  return JSON.parse(/<script type="application\/json" id="data">([\s\S]*?)<\/script>/.exec(page)![1]!);
}

describe("the page", () => {
  test("asks for nothing from anywhere, and its own policy forbids it to", () => {
    const page = reportPage(failoverReport(), { policyTable: policyRows(20) });
    expect(markupOf(page)).not.toMatch(/(?:src|href|action|data)\s*=\s*["'](?!#)/i);
    expect(page).not.toMatch(/@import|url\(|<link|<iframe|<img|fetch\(|XMLHttp|WebSocket|sendBeacon|import\(/i);
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!;
    expect(policy).toMatch(/^default-src &#39;none&#39;/);
  });

  test("its policy admits exactly its own style and scripts", () => {
    const page = reportPage(exampleReport());
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!.replaceAll("&#39;", "'");
    const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
    const scripts = [...page.matchAll(SCRIPTS)].map(([, text]) => hash(text!));
    const styles = [...page.matchAll(/<style>([\s\S]*?)<\/style>/g)].map(([, text]) => hash(text!));
    expect([scripts.length, styles.length]).toEqual([2, 1]);
    expect(policy).toContain(`style-src ${styles[0]}; script-src ${scripts.join(" ")};`);
    expect(policy).not.toMatch(/unsafe|data:|blob:|\*/);
    expect(markupOf(page)).not.toMatch(/<[^>]* (?:style|on[a-z]+)=/i);
  });

  test("carries the chart library with its licence, and less than 600 KB besides data", () => {
    const page = reportPage(exampleReport());
    expect(page).toContain("uPlot");
    expect(page).toMatch(/Permission is hereby granted, free of charge/);
    expect(Buffer.byteLength(page)).toBeLessThan(600_000);
    const long = reportPage(failoverReport({ broken: 1000 }));
    expect(Buffer.byteLength(long) - JSON.stringify(dataOf(long)).length).toBeLessThan(600_000);
  });

  test("is the same for the same report", () => {
    expect(reportPage(failoverReport())).toBe(reportPage(failoverReport()));
  });

  test("holds the data of report.json, word for word", () => {
    const report = wrongReport();
    const shown = /<pre[^>]*>([\s\S]*?)<\/pre>/.exec(reportPage(report))![1]!;
    const text = shown.replace(/&(?:lt|gt|quot|amp|#39);/g, (entity) => UNESCAPED[entity]!);
    expect(JSON.parse(text)).toEqual(report);
  });

  test("escapes what comes from captures and manifests", () => {
    const report = failoverReport();
    report.gateways[0]!.node = EVIL;
    report.viewpoints[0]!.reasons = [EVIL];
    report.input.files[0]!.name = EVIL;
    report.broken[0]!.fiveTuple = EVIL;
    report.reasonActions[EVIL] = { drop: 1 };
    report.failovers[0]!.node = EVIL;
    const [row] = policyRows(1);
    const page = reportPage(report, { policyTable: [{ ...row!, endpoint: EVIL }] });
    expect(page.match(/<script\b/g)).toHaveLength(3);
    expect(page.match(/<\/script/g)).toHaveLength(3);
    expect(page.includes("\u0000") || page.includes("\u202e")).toBe(false);
    expect(page.split("&lt;script&gt;alert(1)").length).toBeGreaterThan(5);
    const { grids, gateways } = dataOf(page);
    const shown = EVIL.replace("\u202e", "\\u202e").replace("\u0000", "\\u0000");
    expect(gateways[0].node).toBe(shown);
    expect(grids.policy.columns[1].texts).toEqual([shown]);
    expect(grids.moved.columns[2].values).toContain(shown);
  });

  test("says of connection records that they have no bytes to verify, and what became of them", () => {
    const { input } = exampleReport();
    const records = { kind: "hubble-flows", read: 1200, used: 900, unused: { "other-observation": 299, inbound: 1 } };
    const off = { enabled: false, ok: true, framesChecked: 0, mismatches: [], mismatchCount: 0, notes: {} };
    const files = [{ ...input.files[0]!, name: "flows.jsonl", records }, input.files[1]!];
    const page = markupOf(reportPage(exampleReport({ verification: off, input: { ...input, files } })));
    expect(page).toMatch(/Not verified<\/strong> [^<]*connection records[^<]*no bytes to verify/);
    expect(page).not.toMatch(/turned off|no-verify/);
    const [, section] = /<section id="input"([\s\S]*?)<\/section>/.exec(page)!;
    for (const text of ["flows.jsonl", "hubble-flows", "1,200", "900", "other-observation 299, inbound 1"])
      expect(section).toContain(text);
    expect(markupOf(reportPage(exampleReport()))).not.toContain("Connection records");
  });

  test("says plainly whether every frame is right", () => {
    expect(reportPage(exampleReport())).toContain("Every frame is right");
    expect(reportPage(wrongReport())).toMatch(/7 mismatches[\s\S]*<section id="mismatches"/);
    const off = { enabled: false, ok: true, framesChecked: 0, mismatches: [], mismatchCount: 0, notes: {} };
    const page = reportPage(exampleReport({ verification: off }));
    expect(page).toContain("Not verified");
    expect(page).not.toContain("Every frame is right");
    expect(page).toContain("Nothing here was checked");
  });

  test("shows the first thousand rows of a long table and says where the rest is", () => {
    const { mismatches } = wrongReport().verification;
    const verification = {
      ...wrongReport().verification,
      mismatches: Array.from({ length: 2500 }, () => mismatches[1]!),
    };
    const page = reportPage(exampleReport({ verification }));
    expect(page.match(/<td>byte 42<\/td>/g)).toHaveLength(1000);
    expect(page).toContain("The first 1000 of 2500 rows");
  });

  test.each([
    ["a plain replay", () => reportPage(exampleReport())],
    ["a failover", () => reportPage(failoverReport(), { policyTable: policyRows(3) })],
    ["mismatches", () => reportPage(wrongReport())],
  ])("of %s has well-formed tags", (_, make) => {
    const stack: string[] = [];
    const page = markupOf(make()).replace(/<script type[\s\S]*?<\/script>|<!doctype html>/g, "");
    for (const [, close, name, attributes] of page.matchAll(/<(\/?)([a-z0-9]+)((?:"[^"]*"|[^>"])*)>/gi)) {
      if (close) expect(stack.pop()).toBe(name);
      else if (!/^(?:meta|br|input)$/.test(name!) && !attributes!.endsWith("/")) stack.push(name!);
    }
    expect(stack).toEqual([]);
  });

  test("its navigation leads to sections that are there, each id once", () => {
    const page = reportPage(failoverReport(), { policyTable: policyRows(3) });
    const ids = [...markupOf(page).matchAll(/ id="([^"]*)"/g)].map(([, id]) => id!);
    expect(new Set(ids).size).toBe(ids.length);
    const links = [...page.matchAll(/<a href="#([^"]*)">/g)].map(([, id]) => id!);
    expect(links.length).toBeGreaterThan(9);
    expect(links.filter((id) => !ids.includes(id))).toEqual([]);
  });
});

describe("what a report lacks, its page lacks too", () => {
  const idsOf = (page: string) => [...page.matchAll(/<section id="([^"]*)"/g)].map(([, id]) => id!);

  test("a plain replay has no failover, no walks, no policy table and no mismatches", () => {
    expect(idsOf(reportPage(exampleReport({ broken: [] })))).toEqual([
      "traffic",
      "gateways",
      "frames",
      "verification",
      "assumptions",
      "input",
      "json",
    ]);
  });

  test("a failover has its charts, tables and list of what broke", () => {
    expect(idsOf(reportPage(failoverReport(), { policyTable: policyRows(3) })).slice(0, 3)).toEqual([
      "traffic",
      "failover",
      "moved",
    ]);
  });

  test("a replay of no frames has no charts", () => {
    const { timeline, ...report } = failoverReport();
    const page = reportPage({ ...report, timeline: { ...timeline, steps: 0, gateways: [] } });
    expect(idsOf(page)).not.toContain("traffic");
    expect(dataOf(page)).not.toHaveProperty("timeline");
  });
});

describe("every assumption is named", () => {
  test("settings with their sources, addresses, viewpoints, notes, scenario, guesses", () => {
    const report = failoverReport();
    report.verification.notes = { "idle mapping may be gone": 3 };
    const page = reportPage(report);
    const section = /<section id="assumptions"[\s\S]*?<\/section>/.exec(page)![0];
    for (const text of [
      "NAT profile <b>cilium</b>, seed <b>7</b>, topology <b>cluster</b>",
      "reboot of gw-b",
      "a probe every 1 s, down 2 s after the last good one",
      "4 connections were seen from the middle on",
      "192.0.2.1",
      "the devices of gw-b are unknown",
      "packets show on several devices",
      "capture on one device",
      "idle mapping may be gone",
      "32768-65535",
      "profile cilium",
    ])
      expect(section).toContain(text);
  });
});

describe("the walk of a frame", () => {
  const model = loadManifests(["pcaps/manifests"]);
  const walkOf = (frame: number, capture = "pcaps/web/in.pcap") => explainFrame({ captures: [capture], model }, frame);

  test("is shown step by step, with the bytes of its headers and none of its payload", async () => {
    const walk = await walkOf(40);
    const payload = Buffer.from(walk.bytes.captured, "hex").subarray(headerLength(walk));
    expect(payload.length).toBeGreaterThan(50);
    const page = reportPage(exampleReport(), { walks: [walk] });
    const section = /<section id="walks"[\s\S]*?<\/section>/.exec(page)![0];
    for (const step of ["packet", "enters", "conntrack", "policy", "gateways", "verdict", "afterwards", "verified"])
      expect(section).toContain(`<dt>${step}</dt>`);
    expect(section).toMatch(/<span class="good">\+ 0010/);
    expect(section).toContain(`${payload.length} bytes of content are left out`);
    const shown = [...section.matchAll(/[ +-] [0-9a-f]{4} {2}((?:[0-9a-f]{2} ?)+)/g)].map(([, row]) => row!).join(" ");
    expect(shown.replace(/\s/g, "")).not.toContain(payload.subarray(0, 4).toString("hex"));
  });

  test("ends its bytes behind the transport header, whatever the link type", async () => {
    const tcp = await walkOf(40);
    expect(headerLength(tcp)).toBe(14 + 20 + 32);
    expect(headerLength({ ...tcp, parse: undefined })).toBe(0);
    expect(headerLength({ ...tcp, bytes: { captured: "", result: "" } })).toBe(0);
    const raw = { ...tcp.bytes, captured: tcp.bytes.captured.slice(28) };
    expect(headerLength({ ...tcp, bytes: raw })).toBe(20 + 32);
  });
});

test("a template escapes its values and nothing else", () => {
  expect(html`<b title="${`"<`}">${"a&b"}${html`<i>${1}</i>`}${undefined}</b>`.text).toBe(
    `<b title="&quot;&lt;">a&amp;b<i>1</i></b>`,
  );
  expect(escapeHtml("a\u0007b\ttab\nline")).toBe("a\\u0007b\ttab\nline");
});

const UNESCAPED: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&amp;": "&",
  "&#39;": "'",
};
