import { describe, expect, it } from "vitest";
import type { NatProfile } from "../../../src/config/types.js";
import { CILIUM_TIMEOUTS, withSettings } from "../../engine/model.js";
import { ethernet, icmpEcho, ipv4, type Layer4, tcp, udp } from "../../support/frames.js";
import { GatewayRig, type RigFrame } from "./gateway-rig.js";
import { EGRESS_IPS, ENDPOINT, REMOTE, world } from "./worlds.js";

const PORT = 40_000;
const RFC_TIMEOUTS = {
  tcpOpening: 240_000,
  tcpEstablished: 7_440_000,
  tcpClosing: 240_000,
  udp: 300_000,
  icmp: 60_000,
  other: 300_000,
};

function rig(natProfile: NatProfile): Promise<GatewayRig> {
  const ports = natProfile === "rfc" ? { low: 1024, high: 65535 } : { low: 32768, high: 65535 };
  return GatewayRig.start(withSettings(world(1), ports, natProfile === "rfc" ? RFC_TIMEOUTS : CILIUM_TIMEOUTS), {
    natProfile,
  });
}

function out(l4: Layer4, seconds: number): RigFrame {
  return { hook: "from-endpoint", frame: ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, l4)), atMs: seconds * 1000 };
}

function back(l4: Layer4, seconds: number): RigFrame {
  return { hook: "from-network", frame: ethernet(ipv4({ src: REMOTE, dst: EGRESS_IPS[0] }, l4)), atMs: seconds * 1000 };
}

const ALIVE = { action: "reverse" };
const GONE = { action: "drop", reason: "no-reverse-mapping" };
const tx = (flags: string) => tcp({ srcPort: PORT, dstPort: 80, flags });
const rx = (flags: string) => tcp({ srcPort: 80, dstPort: PORT, flags });
const query = udp({ srcPort: PORT, dstPort: 53 });
const answer = udp({ srcPort: 53, dstPort: PORT });

/** What has happened before the silence, then the lifetime that applies: a reply just below it lives, just above it is dead. */
const CASES: [NatProfile, string, RigFrame[], number, Layer4][] = [
  ["cilium", "UDP", [out(query, 0)], 60, answer],
  ["cilium", "UDP refreshed by the endpoint", [out(query, 0), out(query, 50)], 110, answer],
  ["cilium", "UDP refreshed by the remote", [out(query, 0), back(answer, 50)], 110, answer],
  ["cilium", "ICMP echo", [out(icmpEcho({ id: PORT }), 0)], 60, icmpEcho({ id: PORT, reply: true })],
  ["cilium", "TCP after a SYN", [out(tx("SYN"), 0)], 60, rx("SYN ACK")],
  ["cilium", "TCP after SYN and SYN-ACK", [out(tx("SYN"), 0), back(rx("SYN ACK"), 1)], 61, rx("SYN ACK")],
  ["cilium", "TCP established", [out(tx("SYN"), 0), back(rx("SYN ACK"), 1), out(tx("ACK"), 2)], 8002, rx("ACK")],
  ["cilium", "TCP met in mid-stream", [out(tx("ACK"), 0)], 60, rx("SYN ACK")],
  ["cilium", "TCP met in mid-stream, second frame", [out(tx("ACK"), 0), out(tx("ACK"), 1)], 8001, rx("ACK")],
  [
    "cilium",
    "TCP closed by one side",
    [out(tx("SYN"), 0), back(rx("SYN ACK"), 0), out(tx("ACK"), 0), out(tx("FIN ACK"), 1)],
    8001,
    rx("ACK"),
  ],
  [
    "cilium",
    "TCP closed by both sides, not refreshed",
    [out(tx("SYN"), 0), back(rx("SYN ACK"), 0), out(tx("FIN ACK"), 1), back(rx("FIN ACK"), 2), out(tx("ACK"), 8)],
    12,
    rx("ACK"),
  ],
  ["cilium", "TCP refused", [out(tx("SYN"), 0), back(rx("RST ACK"), 1)], 11, rx("RST ACK")],
  [
    "cilium",
    "an RST on an established connection",
    [out(tx("SYN"), 0), back(rx("SYN ACK"), 0), back(rx("RST"), 5)],
    8005,
    rx("ACK"),
  ],
  ["rfc", "UDP", [out(query, 0)], 300, answer],
  ["rfc", "ICMP echo", [out(icmpEcho({ id: PORT }), 0)], 60, icmpEcho({ id: PORT, reply: true })],
  ["rfc", "TCP after a SYN", [out(tx("SYN"), 0)], 240, rx("SYN ACK")],
  ["rfc", "TCP established", [out(tx("SYN"), 0), back(rx("SYN ACK"), 1), out(tx("ACK"), 2)], 7442, rx("ACK")],
  [
    "rfc",
    "TCP closed by both sides",
    [out(tx("SYN"), 0), back(rx("SYN ACK"), 0), out(tx("FIN ACK"), 1), back(rx("FIN ACK"), 2)],
    242,
    rx("ACK"),
  ],
  [
    "rfc",
    "TCP after an RST",
    [out(tx("SYN"), 0), back(rx("SYN ACK"), 0), out(tx("ACK"), 1), back(rx("RST"), 2)],
    242,
    rx("ACK"),
  ],
  [
    "rfc",
    "TCP revived by data after an RST",
    [out(tx("SYN"), 0), back(rx("SYN ACK"), 0), out(tx("ACK"), 1), back(rx("RST"), 2), out(tx("ACK"), 239)],
    7679,
    rx("ACK"),
  ],
];

describe("lifetimes in virtual time, to the millisecond", () => {
  it.each(CASES)("%s: %s", async (profile, _, history, seconds, late) => {
    const alive = await rig(profile);
    for (const frame of history) expect(alive.one(frame).action).not.toBe("drop");
    expect(alive.one(back(late, seconds - 0.001))).toMatchObject(ALIVE);
    const dead = await rig(profile);
    for (const frame of history) dead.one(frame);
    expect(dead.one(back(late, seconds))).toMatchObject(GONE);
    expect(dead.engine.counters()).toMatchObject({ live: 0, entries: 0 });
  });

  it("engines agree on them, whatever part of a millisecond they saw their first frame in", async () => {
    for (const start of [0, 0.0003, 0.0009]) {
      const gateway = await rig("cilium");
      gateway.send([out(icmpEcho({ id: 1 }), start), out(query, 0.010_95)]);
      expect(gateway.one(back(answer, 60.0103))).toMatchObject(GONE);
    }
  });

  it("a SYN on a closed connection starts it again with the same port", async () => {
    const gateway = await rig("cilium");
    for (const frame of [out(tx("SYN"), 0), back(rx("SYN ACK"), 0), out(tx("FIN ACK"), 1), back(rx("FIN ACK"), 2)])
      gateway.one(frame);
    expect(gateway.one(out(tx("SYN"), 3))).toMatchObject({ action: "snat", natPort: PORT });
    expect(gateway.one(back(rx("SYN ACK"), 62.9))).toMatchObject(ALIVE);
  });

  it("expired connections leave the table without being met again", async () => {
    const gateway = await rig("cilium");
    gateway.send(Array.from({ length: 500 }, (_, i) => out(udp({ srcPort: 33_000 + i, dstPort: 53 }), 0)));
    gateway.engine.advance(...halves(59.9));
    expect(gateway.engine.counters()).toMatchObject({ live: 500, expired: 0 });
    gateway.engine.advance(...halves(60.1));
    expect(gateway.engine.counters()).toMatchObject({ live: 0, expired: 500, entries: 0 });
  });

  it("time never runs backwards: an older frame is taken at the latest time seen", async () => {
    const gateway = await rig("cilium");
    gateway.one(out(query, 0));
    gateway.one(out(udp({ srcPort: 1, dstPort: 2 }), 59));
    gateway.one(out(query, 5));
    expect(gateway.one(back(answer, 100))).toMatchObject(ALIVE);
  });

  it.each([60 * 86_400, 1000 * 86_400, 20_000 * 86_400])(
    "a jump of %i seconds expires everything and goes on",
    async (jump) => {
      const gateway = await rig("cilium");
      gateway.one(out(query, 0));
      expect(gateway.one(back(answer, jump))).toMatchObject(GONE);
      expect(gateway.one(out(query, jump + 1))).toMatchObject({ action: "snat" });
      expect(gateway.one(back(answer, jump + 60.9))).toMatchObject(ALIVE);
      expect(gateway.one(back(answer, jump + 121))).toMatchObject(GONE);
    },
  );

  it("a connection kept alive for 200 days survives every move of the clock's base", async () => {
    const gateway = await rig("cilium");
    for (const frame of [out(tx("SYN"), 0), back(rx("SYN ACK"), 0), out(tx("ACK"), 0)]) gateway.one(frame);
    const frames = Array.from({ length: 2_200 }, (_, i) => out(tx("ACK"), (i + 1) * 7_900));
    const outcomes = gateway.send(frames);
    expect(outcomes.every((outcome) => outcome.action === "snat" && outcome.natPort === PORT)).toBe(true);
    expect(gateway.engine.counters().opened).toBe(1);
  });
});

function halves(seconds: number): [number, number] {
  const time = 1_790_000_000_000_000_000n + BigInt(seconds * 1e9);
  return [Number(time & 0xffffffffn), Number(time >> 32n)];
}
