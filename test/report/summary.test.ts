import { describe, expect, test } from "vitest";
import type { ReplayReport } from "../../src/replay/report-types.js";
import { summary } from "../../src/report/summary.js";
import { exampleReport, NO_FRAMES, wrongReport } from "./fixture.js";

const PLAIN = { colour: false, verbose: false };

describe("the summary", () => {
  const text = summary(exampleReport(), PLAIN);

  test("says what was read and what was decided about each interface", () => {
    expect(text).toContain("web.pcap  900 frames\n    eth0 (ethernet)  3 endpoints send here\n");
    expect(text).toContain("dns.pcap.gz  100 frames, the last record is cut off\n");
    expect(text).toContain(
      "    0 (linux-sll2)  packets show on several devices\n                    hint: capture on one device\n",
    );
  });

  test("shows frames by verdict, each with its reasons, the most frequent first", () => {
    const lines = text.split("\n");
    const at = lines.findIndex((line) => line.startsWith("Frames  1,000 frames, 121 KiB"));
    expect(lines.slice(at + 1, at + 10).map((line) => line.trim().split(/ {2,}/).slice(0, 3))).toEqual([
      ["snat", "480", "48.0 %"],
      ["reverse", "440", "44.0 %"],
      ["pass", "60", "6.0 %"],
      ["no-policy", "40", "no policy selects this source and destination"],
      ["cluster-internal", "20", "the destination is a pod, node or Service of the cluster"],
      ["drop", "15", "1.5 %"],
      ["unsupported-protocol", "12", "a protocol that cannot be translated must not leave untranslated"],
      ["no-nat-mapping", "3", "every NAT port toward this remote and port is taken"],
      ["skipped", "5", "0.5 %"],
    ]);
    expect(lines[at + 1]).toContain("█████████▋");
  });

  test("shows each gateway that carried something with its share, and counts the others", () => {
    expect(text).toMatch(/gw-a +zone-1 +203\.0\.113\.10 +30 +71\.4 % +███████▏ +300 +39\.1 KiB +280 +7 of 32,768/);
    expect(text).toContain("1 other egress IP carried nothing");
  });

  test("marks assumed addresses where they stand and says why", () => {
    expect(text).toMatch(/gw-b +– +192\.0\.2\.1 \*/);
    expect(text).toContain("* 192.0.2.1 of gw-b is assumed: the devices of gw-b are unknown");
  });

  test("says of what gateways told pods, and nothing where they told nothing", () => {
    expect(text).not.toContain("ICMP");
    const frames = { ...exampleReport().frames, generated: 1200 };
    const told = (generated: ReplayReport["generated"], n = 1200) =>
      summary(exampleReport({ frames: { ...frames, generated: n }, ...(generated && { generated }) }), PLAIN)
        .split("\n")
        .filter((line) => line.startsWith("  ICMP"));
    expect(told({ kinds: { "icmp 3/13": 1100, "icmpv6 3/0": 100 }, untold: 0 })).toEqual([
      "  ICMP  gateways told pods of 1,200 drops: 1,100 icmp 3/13, 100 icmpv6 3/0",
    ]);
    expect(told({ kinds: { "icmp 11/0": 1 }, untold: 6 }, 1)).toEqual([
      "  ICMP  gateways told pods of 1 drop: 1 icmp 11/0; 6 more would have been too many at once",
    ]);
    expect(told({ kinds: {}, untold: 0 }, 0)).toEqual([]);
  });

  test("lists connections that changed under way", () => {
    expect(text).toMatch(
      /broken +2026-01-02T03:04:09.* > 198\.51\.100\.10:443 +gw-a 203\.0\.113\.10 +gw-b 192\.0\.2\.1 +policy-change/,
    );
  });

  test("says nothing of scenarios, outages and drains where there were none", () => {
    expect(text).not.toMatch(/Scenario|Failovers|Drains|Over time/);
  });

  test("tells what happened to gateways, when, and what came of it", () => {
    const at = (seconds: string) => `2026-01-02T03:04:${seconds}000000Z`;
    const told = summary(
      exampleReport({
        scenario: {
          ...{ name: "outage", file: "outage.yaml", propagationMs: 1500, probeIntervalMs: 1000, timeoutMs: 2000 },
          failback: "immediate",
          events: [
            { at: at("07.100"), node: "gw-a", event: "node-down" },
            { at: at("09.000"), event: "manifests", manifests: "later/" },
          ],
        },
        healthTransitions: [{ node: "gw-a", what: "down-detected", at: at("08.500"), causeAt: at("07.100") }],
        failovers: [
          {
            node: "gw-a",
            event: "node-down",
            at: at("07.100"),
            detectedAt: at("08.500"),
            lostFrames: 1234,
            brokenConnections: 5,
            rebound: 6,
          },
          {
            node: "gw-b",
            event: "node-down",
            at: at("08.000"),
            detectedAt: "",
            lostFrames: 1,
            brokenConnections: 0,
            rebound: 0,
          },
        ],
        drains: [
          { node: "gw-c", from: at("05.000"), connectionsAtStart: 7, ranDryAt: at("15.250"), stillLive: 0 },
          { node: "gw-d", from: at("06.000"), connectionsAtStart: 9, ranDryAt: null, stillLive: 2 },
        ],
        timeline: {
          ...{
            from: at("05.000"),
            stepMs: 40,
            steps: 4,
            broken: [0, 0, 0, 0],
            rebound: [0, 0, 0, 0],
            lost: [0, 0, 8, 1],
          },
          gateways: [
            {
              gateway: 0,
              connections: [1, 0, 0, 0],
              frames: [8, 4, 0, 1],
              bytes: [8, 4, 0, 1],
              replies: [8, 4, 0, 0],
              ports: [1, 1, 1, 1],
            },
          ],
        },
      }),
      PLAIN,
    );
    expect(told).toContain(
      "Scenario  outage (outage.yaml): probes every 1,000 ms, down after 2,000 ms, failback immediate, 1,500 ms until what is new is programmed\n" +
        "  +2.100 s  gw-a  node-down\n  +3.500 s  gw-a  down-detected\n  +4.000 s        manifests later/\n",
    );
    expect(told).toMatch(
      /gw-a +node-down +\+2\.100 s +1\.400 s +1,234 +5 +6\n +gw-b +node-down +\+3\.000 s +never +1 +0 +0\n/,
    );
    expect(told).toMatch(/gw-c +\+0\.000 s +7 +10\.250 s +0\n +gw-d +\+1\.000 s +9 +– +2\n/);
    expect(told).toContain(
      "Over time  40 ms a cell, 16 frames at most\n  gw-a 203.0.113.10  █▄ ▁  25 frames\n  lost                 █▁   9 frames\n",
    );
  });

  test("ends with the verification and the speed", () => {
    expect(text).toMatch(
      /\nVerification {2}ok: 995 frames checked independently of the engine, no mismatch\nSpeed {2}812 k frames\/s with start-up, 48\.2 ns per frame in the engine; 1,000 frames in 1\.23 ms\n$/,
    );
  });

  test("uses no colour where none is wanted, and changes nothing but colour where it is", () => {
    expect(text).not.toContain("\x1b");
    const coloured = summary(exampleReport(), { colour: true, verbose: false });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what colours are made of
    expect(coloured.replace(/\x1b\[\d+m/g, "")).toBe(text);
    expect(coloured).toContain("\x1b[32mok:");
  });

  test("says more when asked: settings and what the original would do", () => {
    const verbose = summary(exampleReport(), { colour: false, verbose: true });
    expect(verbose).toContain("the original lets it out with the pod's own address, untranslated");
    expect(verbose).toMatch(/NAT ports +32768-65535 +profile cilium/);
    expect(verbose).toMatch(/gw-c +zone-2/);
  });
});

describe("mismatches", () => {
  test("say where, what was expected, what was got and why, and how many more there are", () => {
    const text = summary(wrongReport(), PLAIN);
    expect(text).toContain("web.pcap frame 118 at 41.204 s: reply not reversed\n");
    expect(text).toMatch(/expected 10\.1\.0\.7:51514 {3}got 203\.0\.113\.9:40001\n.*the mapping lives/);
    expect(text).toContain("… and 5 more");
    expect(text).toContain("FAILED: 995 frames checked independently of the engine, 7 mismatches");
  });

  test("verification that is off is not called ok", () => {
    const off = { enabled: false, ok: true, framesChecked: 0, mismatches: [], mismatchCount: 0, notes: {} };
    const text = summary(exampleReport({ verification: off }), PLAIN);
    expect(text).toContain("Verification  off (--no-verify)");
    expect(text).not.toContain("ok:");
  });
});

test("a replay of nothing has a summary without bars, shares or NaN", () => {
  const text = summary(exampleReport({ frames: NO_FRAMES, reasonActions: {}, reasons: {}, gateways: [] }), PLAIN);
  expect(text).toContain("Frames  0 frames, 0 B on the wire");
  expect(text).not.toMatch(/NaN|undefined|Infinity/);
});
