import type { ReplayReport } from "../../src/replay/report-types.js";

/** A report as a replay of two captures gives it; tests change what they are about. */
export function exampleReport(change: Partial<ReplayReport> = {}): ReplayReport {
  return {
    schema: "sluicegate.io/replay-report/v1",
    seed: 7,
    natProfile: "cilium",
    input: {
      truncated: true,
      files: [
        { name: "web.pcap", frames: 900, truncated: false, skippedBlocks: {}, adjusted: {} },
        { name: "dns.pcap.gz", frames: 100, truncated: true, skippedBlocks: {}, adjusted: {} },
      ],
      firstFrame: "2026-01-02T03:04:05.000000000Z",
      lastFrame: "2026-01-02T03:04:17.250000000Z",
    },
    frames: {
      read: 1000,
      bytes: 123_456,
      pass: 60,
      snat: 480,
      reverse: 440,
      drop: 15,
      lost: 0,
      skipped: 5,
      generated: 0,
    },
    reasons: { "no-policy": 40, "cluster-internal": 20, "no-nat-mapping": 3, "unsupported-protocol": 12, duplicate: 5 },
    reasonActions: {
      "cluster-internal": { pass: 20 },
      "no-policy": { pass: 40 },
      "no-nat-mapping": { drop: 3 },
      "unsupported-protocol": { drop: 12 },
      duplicate: { skipped: 5 },
    },
    ciliumWould: { "unsupported-protocol": "lets it out with the pod's own address, untranslated" },
    connections: {
      opened: 42,
      closed: 30,
      expired: 2,
      broken: 1,
      rebound: 0,
      peak: 12,
      live: 9,
      removed: 0,
      directionGuessed: 4,
      evictions: { expired: 0, closing: 0, unreplied: 0, established: 0, mappings: 0 },
    },
    gateways: [
      {
        node: "gw-a",
        egressIP: "203.0.113.10",
        zone: "zone-1",
        connections: 30,
        frames: 300,
        bytes: 40_000,
        replies: 280,
        replyBytes: 60_000,
        portsPeak: 7,
        portsLimit: 32_768,
      },
      {
        node: "gw-b",
        egressIP: "192.0.2.1",
        assumed: true,
        connections: 12,
        frames: 180,
        bytes: 9000,
        replies: 160,
        replyBytes: 9000,
        portsPeak: 2,
        portsLimit: 32_768,
      },
      {
        node: "gw-c",
        egressIP: "203.0.113.30",
        zone: "zone-2",
        connections: 0,
        frames: 0,
        bytes: 0,
        replies: 0,
        replyBytes: 0,
        portsPeak: 0,
        portsLimit: 32_768,
      },
    ],
    broken: [
      {
        at: "2026-01-02T03:04:09.000000000Z",
        fiveTuple: "TCP 10.1.0.7:51514 > 198.51.100.10:443",
        from: { node: "gw-a", egressIP: "203.0.113.10" },
        to: { node: "gw-b", egressIP: "192.0.2.1" },
        cause: "policy-change",
      },
    ],
    rebound: [],
    failovers: [],
    verification: { enabled: true, ok: true, framesChecked: 995, mismatches: [], mismatchCount: 0, notes: {} },
    viewpoints: [
      {
        file: "web.pcap",
        interface: "eth0",
        linkType: "ethernet",
        viewpoint: "endpoint",
        copies: false,
        decapsulate: false,
        reasons: ["3 endpoints send here"],
        hints: [],
        framesSeen: 900,
      },
      {
        file: "dns.pcap.gz",
        interface: "0",
        linkType: "linux-sll2",
        viewpoint: "endpoint",
        copies: true,
        decapsulate: true,
        reasons: ["packets show on several devices"],
        hints: ["capture on one device"],
        framesSeen: 100,
      },
    ],
    settings: { "NAT ports": { value: "32768-65535", source: "profile cilium" } },
    assumedAddresses: [{ node: "gw-b", address: "192.0.2.1", note: "the devices of gw-b are unknown" }],
    observations: { partialChecksums: 12, superFrames: 3, decapsulated: 50, checksumUnverifiable: 0 },
    timing: { engineNsPerFrame: 48.2, framesPerSecond: 812_345, wallMs: 1.231 },
    ...change,
  };
}

/** The same report with two of seven mismatches in full. */
export function wrongReport(): ReplayReport {
  const mismatch = {
    frame: 118,
    capture: "web.pcap",
    at: "41.204",
    field: "reply-not-reversed",
    expected: "10.1.0.7:51514",
    got: "203.0.113.9:40001",
    why: "the mapping lives; engine said drop, no-reverse-mapping",
  };
  return exampleReport({
    verification: {
      enabled: true,
      ok: false,
      framesChecked: 995,
      mismatchCount: 7,
      mismatches: [mismatch, { ...mismatch, frame: 119, field: "payload", expected: "byte 41", got: "byte 42" }],
      notes: {},
    },
  });
}
