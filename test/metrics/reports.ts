import type { MetricsReport } from "../../src/metrics/report.js";
import { NO_FRAMES } from "../report/fixture.js";

/** The report of a replay of one gateway in which nothing happened. */
export function lonelyReport(): MetricsReport {
  const evictions = { expired: 0, closing: 0, unreplied: 0, established: 0, mappings: 0 };
  const counts = { opened: 0, closed: 0, expired: 0, broken: 0, rebound: 0, peak: 0, live: 0, removed: 0 };
  return {
    seed: 1,
    natProfile: "cilium",
    input: { truncated: false, files: [] },
    frames: NO_FRAMES,
    reasonActions: {},
    connections: { ...counts, directionGuessed: 0, evictions },
    gateways: [
      {
        node: "gw-a",
        egressIP: "203.0.113.10",
        zone: "zone-1",
        connections: 0,
        frames: 0,
        bytes: 0,
        replies: 0,
        replyBytes: 0,
        portsPeak: 0,
        portsLimit: 32768,
      },
    ],
    failovers: [],
    verification: { enabled: true, ok: true, framesChecked: 0, mismatches: [], mismatchCount: 0, notes: {} },
  };
}

/** Of a scenario in which everything happened: a gateway fails twice, two others are drained, one of them in vain. */
export function scenarioReport(): MetricsReport {
  const at = (second: string) => `2026-11-23T10:00:${second}Z`;
  const failover = { node: "gw-a", event: "node-down", lostFrames: 10, brokenConnections: 3, rebound: 4 };
  const drained = { from: at("00.500000000"), connectionsAtStart: 8 };
  return {
    ...lonelyReport(),
    topology: "cluster",
    scenario: { name: "gw-a dies" },
    input: {
      truncated: true,
      files: [
        {
          name: "flows.jsonl",
          frames: 7,
          truncated: true,
          skippedBlocks: {},
          adjusted: {},
          records: { kind: "hubble-flows", read: 9, used: 7, unused: { inbound: 2 } },
        },
      ],
    },
    reasonActions: { "no-nat-mapping": { drop: 1 }, "gateway-down": { lost: 12 } },
    failovers: [
      { ...failover, at: at("01.000000000"), detectedAt: at("03.000000000") },
      {
        ...failover,
        at: at("11.500000000"),
        detectedAt: at("12.750000000"),
        lostFrames: 2,
        brokenConnections: 2,
        rebound: 0,
      },
    ],
    healthTransitions: [
      { node: "gw-a", what: "suspect" },
      { node: "gw-a", what: "down-detected" },
      { node: "gw-a", what: "suspect" },
    ],
    drains: [
      { ...drained, node: "gw-b", ranDryAt: "2026-11-23T10:01:01.000000000Z", stillLive: 0 },
      { ...drained, node: "gw-c", ranDryAt: null, stillLive: 3 },
    ],
    overlay: { frames: 100, bytes: 14_000, tooBig: 1 },
  };
}
