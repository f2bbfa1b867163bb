import { describe, expect, it } from "vitest";
import { withSettings } from "../../engine/model.js";
import { ethernet, icmpEcho, ipv4, udp } from "../../support/frames.js";
import { GatewayRig, type RigFrame } from "./gateway-rig.js";
import { EGRESS_IPS, ENDPOINT, LOCAL_ENDPOINT, OTHER_ENDPOINT, REMOTE, world } from "./worlds.js";

function query(srcPort: number, src = ENDPOINT, atMs = 0, dstPort = 53): RigFrame {
  return { hook: "from-endpoint", frame: ethernet(ipv4({ src, dst: REMOTE }, udp({ srcPort, dstPort }))), atMs };
}

function answer(natPort: number, atMs: number): RigFrame {
  const packet = ipv4({ src: REMOTE, dst: EGRESS_IPS[0] }, udp({ srcPort: 53, dstPort: natPort }));
  return { hook: "from-network", frame: ethernet(packet), atMs };
}

/** `count` queries from distinct sockets of two endpoints, all with a source port outside the range. */
function queries(count: number, atMs = 0): RigFrame[] {
  return Array.from({ length: count }, (_, i) => query(1 + (i >> 1), i & 1 ? OTHER_ENDPOINT : ENDPOINT, atMs));
}

describe("the port search is complete", () => {
  it("32,768 connections to one remote and port all get a port, none twice; one more is refused", async () => {
    const gateway = await GatewayRig.start(world(1), { connections: 70_000 });
    const outcomes = gateway.send(queries(32_768));
    expect(outcomes.every((outcome) => outcome.action === "snat")).toBe(true);
    const ports = outcomes.map((outcome) => outcome.natPort);
    expect(new Set(ports).size).toBe(32_768);
    expect(Math.min(...ports)).toBe(32_768);
    expect(Math.max(...ports)).toBe(65_535);
    for (let i = 0; i < 3; i++) {
      expect(gateway.one(query(20_000 + i))).toMatchObject({ action: "drop", reason: "no-nat-mapping" });
    }
    expect(gateway.one(query(20_000, ENDPOINT, 0, 54))).toMatchObject({ action: "snat" });
    const replies = gateway.send(ports.map((port) => answer(port, 1)));
    expect(replies.every((outcome) => outcome.action === "reverse")).toBe(true);
    expect(gateway.engine.egressStats()[0]).toMatchObject({ portsPeak: 32_768, live: 32_769 });
  });

  it("ports of expired connections serve again at once, each exactly when it expires", async () => {
    const gateway = await GatewayRig.start(withSettings(world(1), { low: 40_000, high: 40_999 }), {
      connections: 4096,
    });
    gateway.send(Array.from({ length: 1000 }, (_, i) => query(1 + i, ENDPOINT, i)));
    expect(gateway.one(query(5000, OTHER_ENDPOINT, 59_999))).toMatchObject({
      action: "drop",
      reason: "no-nat-mapping",
    });
    for (let i = 0; i < 1000; i++) {
      const born = gateway.one(query(5000 + i, OTHER_ENDPOINT, 60_000 + i));
      expect(born).toMatchObject({ action: "snat" });
      expect(gateway.one(query(9000 + i, OTHER_ENDPOINT, 60_000 + i))).toMatchObject({ reason: "no-nat-mapping" });
    }
  });

  it("a refreshed connection keeps its port out of the search", async () => {
    const gateway = await GatewayRig.start(withSettings(world(1), { low: 40_000, high: 40_299 }), {
      connections: 4096,
    });
    const first = gateway.send(Array.from({ length: 300 }, (_, i) => query(1 + i)));
    gateway.one(query(5000, OTHER_ENDPOINT, 10));
    gateway.send(Array.from({ length: 299 }, (_, i) => query(1 + i, ENDPOINT, 50_000)));
    const born = gateway.one(query(5000, OTHER_ENDPOINT, 60_001));
    expect(born).toMatchObject({ action: "snat", natPort: first[299].natPort });
    expect(gateway.one(query(5001, OTHER_ENDPOINT, 60_001))).toMatchObject({ reason: "no-nat-mapping" });
  });

  it.each([0.5, 0.75, 0.9, 0.99])("at %d of the range no new connection is refused", async (fill) => {
    const gateway = await GatewayRig.start(world(1), { connections: 70_000 });
    gateway.send(queries(Math.floor(32_768 * fill)));
    const fresh = gateway.send(Array.from({ length: 300 }, (_, i) => query(40_000 + i * 7, LOCAL_ENDPOINT)));
    expect(fresh.every((outcome) => outcome.action === "snat")).toBe(true);
    expect(gateway.engine.counters().opened).toBe(Math.floor(32_768 * fill) + 300);
  });

  it("without bitmaps every port is looked up", async () => {
    const gateway = await GatewayRig.start(withSettings(world(1), { low: 50_000, high: 51_999 }), {
      connections: 4096,
      bitmaps: 0,
    });
    const outcomes = gateway.send(Array.from({ length: 2000 }, (_, i) => query(1 + i)));
    expect(new Set(outcomes.map((outcome) => outcome.natPort)).size).toBe(2000);
    expect(gateway.one(query(9999))).toMatchObject({ reason: "no-nat-mapping" });
  });

  it("ICMP ids have all 65,536 values", async () => {
    const gateway = await GatewayRig.start(world(1), { connections: 70_000 });
    const ping = (src: string, id: number): RigFrame => ({
      hook: "from-endpoint",
      frame: ethernet(ipv4({ src, dst: REMOTE }, icmpEcho({ id }))),
    });
    const first = gateway.send(Array.from({ length: 32_768 }, (_, i) => ping(ENDPOINT, i)));
    const second = gateway.send(Array.from({ length: 32_768 }, (_, i) => ping(OTHER_ENDPOINT, i)));
    const ids = new Set([...first, ...second].map((outcome) => outcome.natPort));
    expect(ids.size).toBe(65_536);
    expect(gateway.one(ping(LOCAL_ENDPOINT, 5))).toMatchObject({ reason: "no-nat-mapping" });
  });

  it("ports are reused for other remotes, and each side of the same range end is reached", async () => {
    const gateway = await GatewayRig.start(withSettings(world(1), { low: 65_535, high: 65_535 }), { connections: 64 });
    expect(gateway.one(query(1))).toMatchObject({ natPort: 65_535 });
    expect(gateway.one(query(2))).toMatchObject({ reason: "no-nat-mapping" });
    expect(gateway.one(query(2, ENDPOINT, 0, 5353))).toMatchObject({ natPort: 65_535 });
  });

  it("chosen ports are spread evenly over the range (RFC 6056 section 3.3; chi-square over 64 bins)", async () => {
    const gateway = await GatewayRig.start(world(1), { connections: 70_000 });
    const outcomes = gateway.send(Array.from({ length: 20_000 }, (_, i) => query(1 + i)));
    const bins = new Array<number>(64).fill(0);
    for (const outcome of outcomes) bins[(outcome.natPort - 32_768) >> 9]++;
    const expected = 20_000 / 64;
    const chi = bins.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
    expect(chi).toBeLessThan(120);
    const steps = outcomes.slice(1).filter((outcome, i) => outcome.natPort === outcomes[i].natPort + 1).length;
    expect(steps).toBeLessThan(20);
  });
});

it("neither the table's seed nor the number of bitmaps shows in the ports near exhaustion", async () => {
  const model = withSettings(world(1), { low: 40_000, high: 40_699 });
  const traffic = Array.from({ length: 4000 }, (_, i) =>
    query(1 + ((i * 7919) % 5000), i % 3 ? ENDPOINT : OTHER_ENDPOINT, i * 40),
  );
  const results = new Set<string>();
  for (const [tableSeed, bitmaps] of [
    [0n, 64],
    [1n, 64],
    [0xfeedn, 1],
    [2n, 0],
  ] as const) {
    const gateway = await GatewayRig.start(model, { connections: 4096, tableSeed, bitmaps });
    results.add(JSON.stringify(gateway.send(traffic).map((outcome) => [outcome.reason, outcome.natPort])));
    expect(gateway.engine.counters().bitmapSearches).toBeGreaterThan(100);
  }
  expect(results.size).toBe(1);
});
