import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import { type MetricFamily, prometheusText } from "../../src/metrics/prometheus.js";
import { replayFamilies, replayMetrics } from "../../src/metrics/replay-metrics.js";
import type { MetricsReport } from "../../src/metrics/report.js";
import { replay } from "../../src/replay/replay.js";
import { lonelyReport, scenarioReport } from "./reports.js";

/** Values by series, as a scraper sees them. */
function series(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const found = new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
  expect(found.size, "no series twice").toBe(lines.length);
  return found;
}

const valuesOf = (report: MetricsReport) => Object.fromEntries(series(replayMetrics(report)));

describe("the text format", () => {
  const family = (more: Partial<MetricFamily>): MetricFamily => ({
    name: "a_total",
    type: "counter",
    help: "Help.",
    samples: [],
    ...more,
  });

  test("escapes backslashes, quotes and line ends", () => {
    const samples = [{ labels: { file: 'C:\\"a"\nb' }, value: 1 }];
    expect(prometheusText([family({ help: "One\\two\nthree", samples })])).toBe(
      '# HELP a_total One\\\\two\\nthree\n# TYPE a_total counter\na_total{file="C:\\\\\\"a\\"\\nb"} 1\n',
    );
  });

  test("sorts series, leaves out empty labels and families without series, and knows odd numbers", () => {
    const samples = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e21].map((value, i) => ({
      labels: { n: String(9 - i), zone: "" },
      value,
    }));
    expect(prometheusText([family({ samples }), family({ name: "b_total" })])).toBe(
      '# HELP a_total Help.\n# TYPE a_total counter\na_total{n="6"} 1e+21\na_total{n="7"} -Inf\na_total{n="8"} +Inf\na_total{n="9"} NaN\n',
    );
  });
});

describe("metrics of a replay", () => {
  test("say what its report says", async () => {
    const report = await replay({ captures: ["pcaps/web/in.pcap"], model: loadManifests(["pcaps/manifests"]) });
    const values = valuesOf(report);
    const { frames, connections, gateways, verification } = report;
    expect(values).toMatchObject({
      sluicegate_frames_read_total: frames.read,
      sluicegate_read_bytes_total: frames.bytes,
      'sluicegate_frames_total{action="snat"}': frames.snat,
      'cilium_forward_count_total{direction="EGRESS"}': frames.snat,
      'cilium_forward_count_total{direction="INGRESS"}': frames.reverse,
      'sluicegate_connections_total{event="opened"}': connections.opened,
      sluicegate_connections_peak: connections.peak,
      sluicegate_verification_enabled: 1,
      sluicegate_verification_ok: 1,
      sluicegate_verification_frames_total: verification.framesChecked,
      'cilium_nat_endpoint_max_connection{family="ipv4"}':
        Math.max(...gateways.map(({ portsPeak }) => portsPeak)) / 32768,
    });
    const all = Object.entries(values).filter(([name]) => name.startsWith("sluicegate_frames_total{"));
    expect(all.reduce((sum, [, n]) => sum + n, 0)).toBe(frames.read);
    const gateway = gateways.find(({ node }) => node === "gw-c")!;
    const labels = `{node="gw-c",egress_ip="203.0.113.30",zone="zone-3"}`;
    for (const [name, value] of [
      ["connections_total", gateway.connections],
      ["frames_total", gateway.frames],
      ["bytes_total", gateway.bytes],
      ["replies_total", gateway.replies],
      ["reply_bytes_total", gateway.replyBytes],
      ["ports_peak", gateway.portsPeak],
      ["ports_limit", gateway.portsLimit],
    ] as const) {
      expect({ name, value: values[`sluicegate_gateway_${name}${labels}`] }).toEqual({ name, value });
    }
  });

  test("are the same in every run over the same inputs", async () => {
    const model = loadManifests(["pcaps/manifests"]);
    const texts = [1, 2].map(async () => replayMetrics(await replay({ captures: ["pcaps/icmp/in.pcap"], model })));
    const [one, two] = await Promise.all(texts);
    expect(one).toBe(two);
  });

  test("count drops under the original's texts where it drops, too, and only there", () => {
    const reasonActions = {
      "no-nat-mapping": { drop: 3 },
      "ttl-exceeded": { drop: 2 },
      "bad-header": { drop: 4 },
      "table-full": { pass: 5 },
    };
    const values = valuesOf({ ...lonelyReport(), reasonActions });
    const drops = Object.entries(values).filter(([name]) => name.startsWith("cilium_drop_count_total"));
    expect(drops).toEqual([
      ['cilium_drop_count_total{reason="No mapping for NAT masquerade",direction="EGRESS"}', 3],
      ['cilium_drop_count_total{reason="TTL exceeded",direction="UNKNOWN"}', 2],
    ]);
    expect(values['sluicegate_frames_total{action="drop",reason="bad-header"}']).toBe(4);
  });

  test("of a scenario: failures and their cost, changes of health, drains, overlay", () => {
    expect(valuesOf(scenarioReport())).toMatchObject({
      'sluicegate_replay_info{seed="1",nat_profile="cilium",topology="cluster",scenario="gw-a dies"}': 1,
      'sluicegate_failovers_total{node="gw-a",event="node-down"}': 2,
      'sluicegate_failover_lost_frames_total{node="gw-a",event="node-down"}': 12,
      'sluicegate_failover_broken_connections_total{node="gw-a",event="node-down"}': 5,
      'sluicegate_failover_rebound_connections_total{node="gw-a",event="node-down"}': 4,
      'sluicegate_failover_detection_seconds{node="gw-a",event="node-down"}': 1.25,
      'sluicegate_health_transitions_total{node="gw-a",transition="suspect"}': 2,
      'sluicegate_health_transitions_total{node="gw-a",transition="down-detected"}': 1,
      'sluicegate_drain_start_connections{node="gw-b"}': 8,
      'sluicegate_drain_live_connections{node="gw-b"}': 0,
      'sluicegate_drain_duration_seconds{node="gw-b"}': 60.5,
      'sluicegate_drain_live_connections{node="gw-c"}': 3,
      sluicegate_overlay_frames_total: 100,
      sluicegate_overlay_oversize_frames_total: 1,
    });
    expect(replayMetrics(scenarioReport())).not.toContain('sluicegate_drain_duration_seconds{node="gw-c"}');
  });

  test("a failure that was never detected has no time to detection", () => {
    const failover = { ...scenarioReport().failovers[0]!, detectedAt: "" };
    expect(replayMetrics({ ...lonelyReport(), failovers: [failover] })).not.toContain("detection_seconds");
  });

  test("of verification that was off only that it was off", () => {
    const report = lonelyReport();
    const text = replayMetrics({ ...report, verification: { ...report.verification, enabled: false } });
    expect(text.match(/^sluicegate_verification.*$/gm)).toEqual(["sluicegate_verification_enabled 0"]);
  });

  test("gateways that show under the same labels are one series", () => {
    const row = { ...lonelyReport().gateways[0]!, egressIP: "", frames: 2, portsPeak: 7 };
    const values = valuesOf({ ...lonelyReport(), gateways: [row, { ...row, frames: 3, portsPeak: 4 }] });
    expect(values['sluicegate_gateway_frames_total{node="gw-a",zone="zone-1"}']).toBe(5);
    expect(values['sluicegate_gateway_ports_peak{node="gw-a",zone="zone-1"}']).toBe(7);
    expect(Object.keys(values).filter((name) => name.startsWith("cilium_nat"))).toEqual([]);
  });
});

describe("docs/grafana/sluicegate.json", () => {
  const text = readFileSync("docs/grafana/sluicegate.json", "utf8");
  interface Panel {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets?: readonly { readonly expr: string; readonly refId: string }[];
  }
  const panels = (JSON.parse(text) as { panels: Panel[] }).panels;
  const names = new Set(replayFamilies(scenarioReport()).map(({ name }) => name));
  const used = new Set(text.match(/\b(?:sluicegate|cilium)_[a-z_]+\b/g));

  test("shows only metrics that there are", () => {
    expect(used.size).toBeGreaterThan(20);
    expect([...used].filter((name) => !names.has(name))).toEqual([]);
    for (const { expr } of panels.flatMap(({ targets = [] }) => targets))
      expect(expr).toMatch(/(?:sluicegate|cilium)_/);
  });

  test("has a title, an id and a place of its own for every panel", () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
    for (const { type, title, targets = [] } of panels) {
      expect(title).not.toBe("");
      expect(targets.length > 0).toBe(type !== "row");
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    }
  });

  test("is described beside it, by metrics that there are", () => {
    const described = readFileSync("docs/grafana/README.md", "utf8").match(/\b(?:sluicegate|cilium)_[a-z_]+\b/g)!;
    const known = (name: string) =>
      names.has(name) || [...names].some((one) => name.endsWith("_") && one.startsWith(name));
    // The one that is not there, and said not to be.
    expect([...new Set(described)].filter((name) => !known(name))).toEqual(["cilium_drop_bytes_total"]);
  });
});
