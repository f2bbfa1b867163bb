import { describe, expect, it } from "vitest";
import * as abi from "../../../assembly/abi.js";
import type { PolicyModel } from "../../../src/config/types.js";
import { compilePolicy } from "../../../src/engine/blob.js";
import { endpoint, NOON, policySet, withSettings } from "../../engine/model.js";
import { ethernet, icmpEcho, icmpMessage, ipv4, tcp, udp } from "../../support/frames.js";
import { GatewayRig, type RigFrame } from "./gateway-rig.js";
import { EGRESS_IPS, ENDPOINT, OTHER_ENDPOINT, REMOTE, world } from "./worlds.js";

const out = (srcPort: number, flags = "ACK", atMs = 0, src = ENDPOINT, ttl = 64): RigFrame => ({
  hook: "from-endpoint",
  frame: ethernet(ipv4({ src, dst: REMOTE, ttl }, tcp({ srcPort, dstPort: 443, flags }))),
  atMs,
});
const back = (dst: string, port: number, flags = "ACK", atMs = 0): RigFrame => ({
  hook: "from-network",
  frame: ethernet(ipv4({ src: REMOTE, dst }, tcp({ srcPort: 443, dstPort: port, flags }))),
  atMs,
});
const load = (gateway: GatewayRig, model: PolicyModel) =>
  gateway.engine.loadPolicy(compilePolicy(model, { natProfile: "cilium" }));

/** The same gateways and addresses, listed in another order: the model's egress indexes shift by one. */
function shifted(model: PolicyModel): PolicyModel {
  const n = model.egresses.length;
  return {
    ...model,
    egresses: model.egresses.map((_, i) => model.egresses[(i + n - 1) % n]),
    policies: model.policies.map((one) => ({ ...one, egresses: one.egresses.map((i) => (i + 1) % n) })),
  };
}

describe("a reload that moves the egresses' indexes", () => {
  it("keeps every connection at its gateway and address (a pin is a gateway, not a row number)", async () => {
    const gateway = await GatewayRig.start(world(3));
    const ports = Array.from({ length: 60 }, (_, i) => 40_000 + i);
    const first = gateway.send(ports.map((port) => out(port, "SYN")));
    load(gateway, shifted(world(3)));
    const second = gateway.send(ports.map((port) => out(port, "ACK", 1)));
    expect(second.map((o) => o.egressIP)).toEqual(first.map((o) => o.egressIP));
    expect(gateway.engine.counters().broken).toBe(0);
  });

  it("with one gateway and a new one in front of it breaks nothing", async () => {
    const one = world(2);
    const only = { ...one, egresses: [one.egresses[1]], policies: [{ ...one.policies[0], egresses: [0] }] };
    const both = { ...one, policies: [{ ...one.policies[0], egresses: [0, 1] }] };
    const gateway = await GatewayRig.start(only, { egresses: 8 });
    const ports = Array.from({ length: 40 }, (_, i) => 40_000 + i);
    gateway.send(ports.map((port) => out(port, "SYN")));
    load(gateway, both);
    const second = gateway.send(ports.map((port) => out(port, "ACK", 1)));
    expect(new Set(second.map((o) => o.egressIP))).toEqual(new Set([EGRESS_IPS[1]]));
    expect(gateway.engine.counters().broken).toBe(0);
  });

  it("leaves no live count below zero and none with another address", async () => {
    const gateway = await GatewayRig.start(world(2));
    const ports = Array.from({ length: 40 }, (_, i) => 40_000 + i);
    const first = gateway.send(ports.map((port) => out(port, "SYN")));
    load(gateway, shifted(world(2)));
    const stats = gateway.engine.egressStats();
    const live = (ip: string) => first.filter((o) => o.egressIP === ip).length;
    expect(stats.map((row) => row.live)).toEqual([live(EGRESS_IPS[1]), live(EGRESS_IPS[0])]);
  });
});

it("a NAT port range that shrinks and grows again gives no live port twice", async () => {
  const wide = withSettings(world(1), { low: 2000, high: 2999 });
  const narrow = withSettings(world(1), { low: 2500, high: 2999 });
  const gateway = await GatewayRig.start(wide);
  const q = (srcPort: number, src = ENDPOINT): RigFrame => ({
    hook: "from-endpoint",
    frame: ethernet(ipv4({ src, dst: REMOTE }, udp({ srcPort, dstPort: 53 }))),
  });
  const low = gateway.send(Array.from({ length: 500 }, (_, i) => q(2000 + i)));
  expect(low.every((o, i) => o.natPort === 2000 + i)).toBe(true);
  load(gateway, narrow);
  gateway.send(Array.from({ length: 500 }, (_, i) => q(2500 + i)));
  expect(gateway.one(q(10, OTHER_ENDPOINT))).toMatchObject({ reason: "no-nat-mapping" });
  load(gateway, wide);
  expect(gateway.one(q(11, OTHER_ENDPOINT))).toMatchObject({ action: "drop", reason: "no-nat-mapping" });
});

it.each([10, 11, 12, 13])(
  "a lifetime that a reload makes shorter frees its port when it passes: searched for by source port %i",
  async (src) => {
    const range = { low: 2000, high: 2999 };
    const long = withSettings(world(1, { timeouts: { udp: 600_000 } }), range);
    // Row 1 stays the long one (another policy has it); ours becomes row 2.
    const short = {
      ...long,
      policies: [
        { ...long.policies[0], name: "extra" },
        { ...long.policies[0], timeouts: { udp: 5_000 } },
      ],
      policySets: [policySet({ "0.0.0.0/0": 1, "::/0": 1 })],
    };
    const gateway = await GatewayRig.start(long, { policies: 8, prefixes: 256 });
    const q = (srcPort: number, atMs: number, from = ENDPOINT): RigFrame => ({
      hook: "from-endpoint",
      frame: ethernet(ipv4({ src: from, dst: REMOTE }, udp({ srcPort, dstPort: 53 }))),
      atMs,
    });
    gateway.send(Array.from({ length: 1000 }, (_, i) => q(2000 + i, 0)));
    load(gateway, short);
    expect(gateway.one(q(src, 2, OTHER_ENDPOINT))).toMatchObject({ reason: "no-nat-mapping" }); // bitmap made, bounds from the old row
    gateway.one(q(2500, 3)); // decided anew: its lifetime is now 5 s
    expect(gateway.one(q(src, 10_000, OTHER_ENDPOINT))).toMatchObject({ action: "snat", natPort: 2500 });
  },
);

it("a remapped connection is not counted as direction-guessed: its beginning was seen", async () => {
  const gateway = await GatewayRig.start(world(2));
  const ports = Array.from({ length: 20 }, (_, i) => 40_000 + i);
  const first = gateway.send(ports.map((port) => out(port, "SYN")));
  gateway.engine.setGateway(0, "down");
  const second = gateway.send(ports.map((port) => out(port, "ACK", 1)));
  expect(second.filter((o) => o.flags & abi.VERDICT_FLAG_REMAPPED).length).toBe(
    first.filter((o) => o.egress === 0).length,
  );
  expect(second.filter((o) => o.flags & abi.VERDICT_FLAG_GUESSED).length).toBe(0);
  expect(gateway.engine.counters().directionGuessed).toBe(0);
});

it("a frame that dies of its TTL does not swallow the news that its connection was remapped", async () => {
  const gateway = await GatewayRig.start(world(2));
  const ports = Array.from({ length: 20 }, (_, i) => 40_000 + i);
  const first = gateway.send(ports.map((port) => out(port, "SYN")));
  gateway.engine.setGateway(0, "down");
  const moved = ports.filter((_, i) => first[i].egress === 0);
  const probes = gateway.send(moved.map((port) => out(port, "ACK", 1, ENDPOINT, 1)));
  expect(probes.every((o) => o.reason === "ttl-exceeded")).toBe(true);
  const second = gateway.send(moved.map((port) => out(port, "ACK", 2)));
  const told = [...probes, ...second].filter((o) => o.flags & abi.VERDICT_FLAG_REMAPPED).length;
  expect(told).toBe(moved.length);
});

it("a connection newly selected in mid-stream is counted broken (design, policy epoch)", async () => {
  const off = world(1);
  const none = { ...off, policySets: [policySet({ "203.0.113.250/32": 0 })] };
  const gateway = await GatewayRig.start(none, { prefixes: 256 });
  expect(gateway.one(out(40_000, "SYN"))).toMatchObject({ action: "pass", reason: "no-policy" });
  load(gateway, off);
  const o = gateway.one(out(40_000, "ACK", 1));
  expect(o.action).toBe("snat");
  expect(o.flags & abi.VERDICT_FLAG_REMAPPED).not.toBe(0);
  expect(gateway.engine.counters().broken).toBe(1);
});

it("replies to a gateway that has lost its memory are not delivered; what anybody believes of it does not matter", async () => {
  const gateway = await GatewayRig.start(world(1));
  const o = gateway.one(out(40_000, "SYN"));
  gateway.engine.setGateway(0, "down");
  expect(gateway.one(back(o.egressIP, o.natPort, "SYN ACK", 1))).toMatchObject({ action: "reverse" });
  gateway.engine.nodeLost(0);
  expect(gateway.one(back(o.egressIP, o.natPort, "SYN ACK", 1))).toMatchObject({ action: "drop" });
});

it("replies for the old owner of an address do not reach its new owner", async () => {
  const change = NOON + 5_000_000_000n;
  const base = world(1);
  const model = {
    ...base,
    endpoints: [
      endpoint("old", [ENDPOINT], { node: "worker", toNs: change }),
      endpoint("new", [ENDPOINT], { node: "worker", fromNs: change }),
    ],
  };
  const gateway = await GatewayRig.start(model);
  const o = gateway.one(out(40_000, "SYN"));
  gateway.one(back(o.egressIP, o.natPort, "SYN ACK", 1));
  expect(gateway.one(back(o.egressIP, o.natPort, "ACK", 6000))).toMatchObject({ action: "drop" });
});

it("an ICMP error about what the old owner of an address had open does not reach its new owner", async () => {
  const change = NOON + 5_000_000_000n;
  const model = {
    ...world(1),
    endpoints: [
      endpoint("old", [ENDPOINT], { node: "worker", toNs: change }),
      endpoint("new", [ENDPOINT], { node: "worker", fromNs: change }),
    ],
  };
  const gateway = await GatewayRig.start(model);
  const o = gateway.one(out(40_000, "SYN"));
  const about = (atMs: number): RigFrame => ({
    hook: "from-network",
    frame: ethernet(
      ipv4({ src: REMOTE, dst: o.egressIP }, icmpMessage({ type: 3, code: 1, inner: o.frame.slice(14) })),
    ),
    atMs,
  });
  expect(gateway.one(about(1))).toMatchObject({ action: "reverse" });
  expect(gateway.one(about(6000))).toMatchObject({ action: "drop", reason: "icmp-error-unmatched" });
});

describe("ICMP echo with identifier 0", () => {
  const ping = (hook: RigFrame["hook"], src: string, dst: string, reply = false): RigFrame => ({
    hook,
    frame: ethernet(ipv4({ src, dst }, icmpEcho({ id: 0, reply }))),
  });
  it("a request from outside to an egress IP is no reply", async () => {
    const gateway = await GatewayRig.start(world(1));
    expect(gateway.one(ping("from-endpoint", ENDPOINT, REMOTE))).toMatchObject({ action: "snat", natPort: 0 });
    expect(gateway.one(ping("from-network", REMOTE, EGRESS_IPS[0]))).toMatchObject({
      action: "drop",
      reason: "no-reverse-mapping",
    });
  });
  it("a selected endpoint's request does not leave with its private address because the remote pinged it", async () => {
    const gateway = await GatewayRig.start(world(1));
    expect(gateway.one(ping("from-network", REMOTE, ENDPOINT))).toMatchObject({ action: "pass", reason: "inbound" });
    expect(gateway.one(ping("from-endpoint", ENDPOINT, REMOTE))).not.toMatchObject({ action: "pass" });
  });
  it("the same with identifier 1 is right", async () => {
    const gateway = await GatewayRig.start(world(1));
    const one = (hook: RigFrame["hook"], src: string, dst: string): RigFrame => ({
      hook,
      frame: ethernet(ipv4({ src, dst }, icmpEcho({ id: 1 }))),
    });
    expect(gateway.one(one("from-network", REMOTE, ENDPOINT))).toMatchObject({ action: "pass", reason: "inbound" });
    expect(gateway.one(one("from-endpoint", ENDPOINT, REMOTE))).toMatchObject({ action: "snat" });
  });
});

describe.each(["127.0.0.1", "224.0.0.1", "255.255.255.255", EGRESS_IPS[0]])(
  "a frame from-endpoint with source %s",
  (src) => {
    it("is dropped as bad-source", async () => {
      const gateway = await GatewayRig.start(world(1));
      expect(gateway.one(out(40_000, "SYN", 0, src))).toMatchObject({ action: "drop", reason: "bad-source" });
    });
  },
);

it("a new SYN of a selected endpoint over a closed inbound connection does not leave untranslated", async () => {
  const gateway = await GatewayRig.start(world(1));
  const inb = (flags: string): RigFrame => ({
    hook: "from-network",
    frame: ethernet(ipv4({ src: REMOTE, dst: ENDPOINT }, tcp({ srcPort: 443, dstPort: 8080, flags }))),
  });
  gateway.send([inb("SYN"), out(8080, "SYN ACK"), inb("ACK"), inb("FIN ACK"), out(8080, "FIN ACK"), inb("ACK")]);
  expect(gateway.one(out(8080, "SYN", 100))).toMatchObject({ action: "snat" });
});

it("an endpoint that connects to its own egress IP gets no land packet out", async () => {
  const gateway = await GatewayRig.start(world(1));
  const o = gateway.one({
    hook: "from-endpoint",
    frame: ethernet(ipv4({ src: ENDPOINT, dst: EGRESS_IPS[0] }, tcp({ srcPort: 443, dstPort: 443, flags: "SYN" }))),
  });
  expect(o.action).not.toBe("snat");
});
