import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ADDRESS_SIZE, ADDRESS_USES_AT, FRAME_FLAG_PARTIAL, REGION_ADDRESSES } from "../../../assembly/abi.js";
import type { PolicyModel } from "../../../src/config/types.js";
import { connections } from "../../../src/engine/conntrack.js";
import type { EngineConfig } from "../../../src/engine/engine-config.js";
import { address, egress, endpoint } from "../../engine/model.js";
import {
  ethernet,
  type Ipv6Extension,
  type Ipv6Fields,
  icmpEcho,
  icmpMessage,
  ipv4,
  ipv6,
  ipv6FragmentsOf,
  type Layer4,
  otherProtocol,
  patterned,
  sctp,
  tcp,
  udp,
} from "../../support/frames.js";
import { GatewayRig, type Outcome, type RigFrame } from "./gateway-rig.js";
import { EGRESS_IPS, ENDPOINT, REMOTE, world } from "./worlds.js";

const POD = "fd00:1::7";
const POD_B = "fd00:1::8";
const IDLE = "fd00:1::99";
const FAR = "2001:db8:99::9";
const EXT = "2001:db8:aa::1";
const PORT = 40_000;

/** The IPv4 world, whose first gateway has an IPv6 address, and a second pod with one. */
function dualStack(fields: Partial<PolicyModel> = {}): PolicyModel {
  const base = world(1);
  return {
    ...base,
    egresses: [egress("gw-a", EGRESS_IPS[0], { egressIPv6: address(EXT) })],
    endpoints: [...base.endpoints, endpoint("other", [POD_B], { node: "worker" })],
    ...fields,
  };
}

const ROOM = { connections: 4096, connections6: 4096 };
const start = (config: Partial<EngineConfig> = {}) => GatewayRig.start(dualStack(), { ...ROOM, ...config });

function out(l4: Layer4, fields: Partial<Ipv6Fields> = {}, atMs = 0): RigFrame {
  return { hook: "from-endpoint", frame: ethernet(ipv6({ src: POD, dst: FAR, ...fields }, l4)), atMs };
}

function back(l4: Layer4, fields: Partial<Ipv6Fields> = {}, atMs = 0): RigFrame {
  return { hook: "from-network", frame: ethernet(ipv6({ src: FAR, dst: EXT, ...fields }, l4)), atMs };
}

/** Rows of addresses that something refers to. */
function addressesHeld({ engine }: GatewayRig): number {
  const rows = engine.regionBytes(REGION_ADDRESSES);
  const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  let held = 0;
  for (let at = 0; at < rows.length; at += ADDRESS_SIZE) if (view.getUint32(at + ADDRESS_USES_AT, true)) held++;
  return held;
}

/** A state that is loaded again has been checked: every number exists and is referred to as often as it says. */
function expectSound(rig: GatewayRig): void {
  rig.engine.loadState(rig.engine.saveState());
}

const OPTIONS: Ipv6Extension = { type: 60, body: patterned(14) };
const CHAINS: Record<string, Ipv6Extension[]> = {
  "no extension header": [],
  "one of them": [{ type: 0, body: patterned(6) }],
  "eight of them": [{ type: 0, body: patterned(6) }, ...Array.from({ length: 7 }, () => OPTIONS)],
};
const PROTOCOLS: Record<string, (src: number, dst: number, isReply: boolean) => Layer4> = {
  TCP: (srcPort, dstPort, isReply) =>
    tcp({ srcPort, dstPort, flags: isReply ? "SYN ACK" : "SYN", payload: patterned(33) }),
  UDP: (srcPort, dstPort) => udp({ srcPort, dstPort, payload: patterned(33) }),
  echo: (src, dst, reply) => icmpEcho({ id: reply ? dst : src, reply, payload: patterned(33) }),
};

describe.each(Object.keys(PROTOCOLS))("T48: %s over IPv6", (name) => {
  const l4 = PROTOCOLS[name]!;

  it.each(Object.keys(CHAINS))("with %s leaves with the egress IP and comes back as it was sent to", async (chain) => {
    const rig = await start();
    const extensions = CHAINS[chain]!;
    const sent = rig.one(out(l4(PORT, 443, false), { extensions, hopLimit: 61, flowLabel: 0x12345 }));
    expect(sent).toMatchObject({ action: "snat", egressIP: EXT, natPort: PORT });
    const wanted = { src: EXT, dst: FAR, extensions, hopLimit: 60, flowLabel: 0x12345 };
    expect(sent.frame).toEqual(ethernet(ipv6(wanted, l4(PORT, 443, false))));
    const reply = rig.one(back(l4(443, PORT, true), { extensions, hopLimit: 50 }));
    expect(reply).toMatchObject({ action: "reverse", egressIP: EXT, natPort: PORT });
    expect(reply.frame).toEqual(ethernet(ipv6({ src: FAR, dst: POD, extensions, hopLimit: 49 }, l4(443, PORT, true))));
    expectSound(rig);
  });

  it("gets another port where a second endpoint has the same, and both get their own replies", async () => {
    const rig = await start();
    rig.one(out(l4(PORT, 443, false)));
    const second = rig.one(out(l4(PORT, 443, false), { src: POD_B }));
    expect(second.natPort).not.toBe(PORT);
    expect(second.frame).toEqual(ethernet(ipv6({ src: EXT, dst: FAR, hopLimit: 63 }, l4(second.natPort, 443, false))));
    const reply = rig.one(back(l4(443, second.natPort, true)));
    expect(reply.frame).toEqual(ethernet(ipv6({ src: FAR, dst: POD_B, hopLimit: 63 }, l4(443, PORT, true))));
    expect(rig.one(back(l4(443, PORT, true))).frame).toEqual(
      ethernet(ipv6({ src: FAR, dst: POD, hopLimit: 63 }, l4(443, PORT, true))),
    );
  });
});

describe("T49: an IPv6 packet that cannot be read", () => {
  const COOKIE_ACK = Uint8Array.of(11, 0, 0, 4);
  const chain = (n: number) => Array.from({ length: n }, () => OPTIONS);
  const noPayload = (): Uint8Array => {
    const frame = out(udp({ srcPort: 1, dstPort: 2 })).frame;
    frame.set([0, 0], 18);
    return frame;
  };
  it.each<[string, Uint8Array, string]>([
    ["payload length 0", noPayload(), "bad-header"],
    ["no next header", out({ protocol: () => 59, bytes: () => new Uint8Array(0) }).frame.slice(), "bad-header"],
    ["no next header, but bytes", out({ protocol: () => 59, bytes: () => patterned(8) }).frame, "unsupported-protocol"],
    ["an unknown header", out({ protocol: () => 143, bytes: () => patterned(24) }).frame, "unsupported-protocol"],
    ["more than eight headers", out(udp({ srcPort: 1, dstPort: 2 }), { extensions: chain(9) }).frame, "bad-header"],
    [
      "an authentication header",
      out(udp({ srcPort: 1, dstPort: 2 }), { extensions: [{ type: 51, body: patterned(22) }] }).frame,
      "unsupported-protocol",
    ],
    [
      "a routing header with segments left",
      out(udp({ srcPort: 1, dstPort: 2 }), { extensions: [{ type: 43, body: Uint8Array.of(0, 1, 0, 0, 0, 0) }] }).frame,
      "unsupported-protocol",
    ],
    [
      "SCTP with a tag of 0 that is no INIT",
      out(sctp({ srcPort: 1, dstPort: 2, chunks: COOKIE_ACK })).frame,
      "sctp-bad",
    ],
    [
      "GRE of version 1",
      out(otherProtocol(47, Uint8Array.of(0x20, 1, 0x88, 0x0b, 0, 0, 0, 0))).frame,
      "unsupported-protocol",
    ],
    ["an unknown ICMPv6 type", out(icmpMessage({ type: 200, code: 0 })).frame, "unsupported-protocol"],
    ["a part of a packet without the first one", fragment(1), "fragment-without-first"],
    ["an IPv4-mapped source", out(udp({ srcPort: 1, dstPort: 2 }), { src: "::ffff:10.1.0.7" }).frame, "bad-source"],
    ["its source as destination", out(udp({ srcPort: 1, dstPort: 2 }), { dst: POD }).frame, "bad-source"],
    ["the egress IP as source", out(udp({ srcPort: 1, dstPort: 2 }), { src: EXT }).frame, "bad-source"],
    ["a multicast source", out(udp({ srcPort: 1, dstPort: 2 }), { src: "ff02::1" }).frame, "bad-source"],
    ["the loopback source", out(udp({ srcPort: 1, dstPort: 2 }), { src: "::1" }).frame, "bad-source"],
    ["hop limit 1 before a hop", out(udp({ srcPort: 1, dstPort: 2 }), { hopLimit: 1 }).frame, "ttl-exceeded"],
  ])("%s: is dropped with its reason, and leaves nothing behind", async (_, frame, reason) => {
    const rig = await start();
    const outcome = rig.one({ hook: "from-endpoint", frame });
    expect(outcome).toMatchObject({ action: "drop", reason });
    expect(outcome.frame).toEqual(frame);
    expect([rig.engine.counters().entries, addressesHeld(rig)]).toEqual([0, 0]);
  });

  it("cut at every byte neither leaves as it was sent nor is misread", async () => {
    const rig = await start();
    const { frame } = out(udp({ srcPort: PORT, dstPort: 53, payload: patterned(20) }), { extensions: [OPTIONS] });
    for (let length = 0; length < frame.length; length++) {
      for (const wire of [length, frame.length]) {
        const cut = { hook: "from-endpoint", frame: frame.slice(0, length), wire } as const;
        const { action, egressIP } = rig.one(cut);
        const isWhole = wire === frame.length && length >= 14 + 40 + 16 + 4;
        expect(isWhole ? egressIP : action, `${length} of ${wire}`).toBe(isWhole ? EXT : length < 15 ? action : "drop");
      }
    }
  });
});

function fragment(part: number): Uint8Array {
  const packet = ipv6({ src: POD, dst: FAR }, udp({ srcPort: PORT, dstPort: 53, payload: patterned(40) }));
  return ethernet(ipv6FragmentsOf(packet, [24, 24], 7)[part]!);
}

describe("IPv6", () => {
  it("and IPv4 connections with the same ports have nothing to do with each other", async () => {
    const rig = await start();
    const four = rig.one({
      hook: "from-endpoint",
      frame: ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, tcp({ srcPort: PORT, dstPort: 443, flags: "SYN" }))),
    });
    const six = rig.one(out(tcp({ srcPort: PORT, dstPort: 443, flags: "SYN" })));
    expect([four.egressIP, four.natPort, six.egressIP, six.natPort]).toEqual([EGRESS_IPS[0], PORT, EXT, PORT]);
    expect([...connections(rig.engine.conntrack())].map(({ original }) => original.src).sort()).toEqual(
      [ENDPOINT, POD].sort(),
    );
  });

  it("in an atomic fragment is no part of a packet (RFC 6946)", async () => {
    const rig = await start();
    const sent = rig.one(out(udp({ srcPort: PORT, dstPort: 53 }), { fragment: { id: 7 } }));
    const wanted = { src: EXT, dst: FAR, fragment: { id: 7 }, hopLimit: 63 };
    expect(sent.frame).toEqual(ethernet(ipv6(wanted, udp({ srcPort: PORT, dstPort: 53 }))));
  });

  it("keeps a wrong checksum wrong by the same amount, a zero UDP one zero, and a partial one partial", async () => {
    const rig = await start();
    const wanted = { src: EXT, dst: FAR, hopLimit: 63 };
    for (const checksum of [{ wrongBy: 0x111 }, 0, "partial"] as const) {
      const flags = checksum === "partial" ? FRAME_FLAG_PARTIAL : 0;
      const datagram = udp({ srcPort: PORT, dstPort: 53, payload: patterned(9), checksum });
      expect(rig.one({ ...out(datagram), flags }).frame).toEqual(ethernet(ipv6(wanted, datagram)));
    }
    const ping = icmpEcho({ id: PORT, checksum: "partial" });
    expect(rig.one({ ...out(ping), flags: FRAME_FLAG_PARTIAL }).frame).toEqual(ethernet(ipv6(wanted, ping)));
  });

  it("of an endpoint that no policy selects, and neighbour discovery, pass as they are", async () => {
    const rig = await start();
    expect(rig.one(out(udp({ srcPort: 1, dstPort: 2 }), { src: IDLE }))).toMatchObject({ reason: "no-policy" });
    for (const type of [133, 134, 135, 136, 137]) {
      const frame = out(icmpMessage({ type, code: 0 }), { hopLimit: 255 });
      expect(rig.one(frame)).toMatchObject({ action: "pass", reason: "link-local" });
      const forwarded = out(icmpMessage({ type, code: 0 }), { hopLimit: 254 });
      expect(rig.one(forwarded)).toMatchObject({ action: "drop", reason: "unsupported-protocol" });
    }
  });

  it("without an address at the gateway is dropped as no-egress-ip, and untranslated nowhere", async () => {
    const rig = await GatewayRig.start(dualStack({ egresses: [egress("gw-a", EGRESS_IPS[0])] }), ROOM);
    expect(rig.one(out(udp({ srcPort: 1, dstPort: 2 })))).toMatchObject({ action: "drop", reason: "no-egress-ip" });
    const none = await GatewayRig.start(dualStack());
    expect(none.one(out(udp({ srcPort: 1, dstPort: 2 })))).toMatchObject({
      action: "drop",
      reason: "ipv6-unsupported",
    });
  });

  it("from outside to a pod's own port passes, and its answers do", async () => {
    const rig = await start();
    const request = back(tcp({ srcPort: 5000, dstPort: 8080, flags: "SYN" }), { dst: POD });
    expect(rig.one(request)).toMatchObject({ action: "pass", reason: "inbound" });
    const answer = out(tcp({ srcPort: 8080, dstPort: 5000, flags: "SYN ACK" }));
    expect(rig.one(answer)).toMatchObject({ action: "pass", reason: "reply-of-inbound" });
    expect(rig.one(back(tcp({ srcPort: 5000, dstPort: 9999, flags: "SYN" })))).toMatchObject({
      reason: "no-reverse-mapping",
    });
  });

  it("lets its addresses go when the last connection that has to do with them ends", async () => {
    const rig = await start({ connections: 64, connections6: 64 });
    for (let i = 0; i < 50; i++) rig.one(out(udp({ srcPort: PORT, dstPort: 53 }), { dst: `2001:db8:99::${i + 10}` }));
    expect(addressesHeld(rig)).toBe(52);
    rig.one(out(udp({ srcPort: PORT, dstPort: 53 }), { dst: FAR }, 59_000));
    rig.one(out(udp({ srcPort: PORT, dstPort: 54 }), { dst: FAR }, 61_000));
    for (let i = 0; i < 1000; i++) rig.one(out(udp({ srcPort: PORT, dstPort: 54 }), { dst: FAR }, 62_000));
    expect(addressesHeld(rig)).toBe(3);
    expectSound(rig);
  });

  it("needs room for its addresses: a full table refuses a connection, and carries those that it has", async () => {
    const rig = await start({ connections: 64, connections6: 2, natProfile: "rfc" });
    const to = (i: number, flags: string) =>
      out(tcp({ srcPort: PORT, dstPort: 443, flags }), { dst: `2001:db8:99::${i}` });
    const outcomes = Array.from({ length: 300 }, (_, i) => rig.one(to(i + 1, "SYN")));
    const carried = outcomes.filter(({ action }) => action === "snat").length;
    expect(carried).toBeGreaterThanOrEqual(2);
    expect(outcomes.slice(carried).every(({ reason }) => reason === "table-full")).toBe(true);
    expect(rig.one(to(1, "ACK"))).toMatchObject({ action: "snat", natPort: PORT });
    expectSound(rig);
  });

  it("gives the same for every batch size, whichever addresses come and go within a batch", async () => {
    const step = fc.record({
      pod: fc.constantFrom(POD, POD_B),
      dst: fc.integer({ min: 1, max: 6 }),
      port: fc.integer({ min: 1, max: 3 }),
      later: fc.constantFrom(0, 1, 10, 70_000),
      reply: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        let atMs = 0;
        const frames = steps.map(({ pod, dst, port, later, reply }) => {
          atMs += later;
          const far = `2001:db8:99::${dst}`;
          if (reply) return back(udp({ srcPort: 53, dstPort: PORT + port }), { src: far }, atMs);
          return out(udp({ srcPort: PORT + port, dstPort: 53 }), { src: pod, dst: far }, atMs);
        });
        const results = [];
        for (const batchSize of [1, 7, 64]) {
          const rig = await start({ connections: 16, connections6: 16 });
          results.push(rig.send(frames, batchSize));
          expectSound(rig);
        }
        expect(results[1]).toEqual(results[0]);
        expect(results[2]).toEqual(results[0]);
      }),
      { numRuns: 60 },
    );
  });

  it("goes on from a saved state at any frame", async () => {
    const frames = Array.from({ length: 24 }, (_, i) =>
      i % 3 === 2
        ? back(udp({ srcPort: 53, dstPort: PORT }), { src: `2001:db8:99::${1 + ((i / 3) | 0)}` }, i * 9000)
        : out(udp({ srcPort: PORT, dstPort: 53 }), { dst: `2001:db8:99::${1 + ((i / 3) | 0)}` }, i * 9000),
    );
    const whole = (await start()).send(frames);
    for (let cut = 0; cut <= frames.length; cut++) {
      const first = await start();
      const outcomes: Outcome[] = first.send(frames.slice(0, cut));
      const second = await start();
      second.engine.loadState(first.engine.saveState());
      outcomes.push(...second.send(frames.slice(cut)));
      expect(outcomes).toEqual(whole);
    }
  });
});
