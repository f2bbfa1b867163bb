import { describe, expect, it } from "vitest";
import { FRAME_FLAG_GSO } from "../../assembly/abi.js";
import { PROFILE_TIMEOUTS } from "../../src/config/settings.js";
import { compilePolicy } from "../../src/engine/blob.js";
import type { ReplayOptions } from "../../src/replay/options.js";
import { GatewayRig } from "../assembly/path/gateway-rig.js";
import { EGRESS_IPS, world } from "../assembly/path/worlds.js";
import { address, egress, withSettings } from "../engine/model.js";
import { clusterModel } from "../replay/cluster.js";
import { replayAndRead } from "../replay/outputs-read.js";
import { captureOf, type TimedFrame } from "../replay/traffic.js";
import { withFile } from "../support/capture-read.js";
import {
  ethernet,
  icmpEcho,
  icmpMessage,
  ipv4,
  ipv6,
  type Layer4,
  patterned,
  sll,
  sll2,
  tcp,
  udp,
} from "../support/frames.js";
import { answer, gateway, INSIDE_C, POOL, query } from "./lifetimes-rig.js";
import { EXT, INSIDE, Nat, outbound, REMOTE } from "./rig.js";

const TELLING = { engine: { icmpErrors: true }, verifier: { icmpErrors: true } };
const SMALL = { ...TELLING, ports: { low: 40_000, high: 40_001 } };
const MESSAGE = udp({ srcPort: 5000, dstPort: 53, payload: patterned(40) });

/** The error as a router writes it: from the egress IP, precedence 6, quoting the packet as its sender sent it. */
function error(type: number, code: number, inner: Uint8Array, fields: { to?: string; word?: number } = {}): Uint8Array {
  const { to = INSIDE, word = 0 } = fields;
  const about = icmpMessage({ type, code, word, inner });
  return ipv4({ src: EXT, dst: to, id: 0, dontFragment: true, trafficClass: 0xc0 }, about);
}

/** Fills both ports of SMALL toward the remote. */
async function full(): Promise<Nat> {
  const nat = await Nat.start(SMALL);
  for (const srcPort of [40_000, 40_001]) expect(nat.out(udp({ srcPort, dstPort: 53 })).action).toBe("snat");
  return nat;
}

describe("T22 no port is free (RFC 5508 REQ-8)", () => {
  it("T22 flow 64,513 with --icmp-errors: ICMP 3/13 to its sender, no state, the existing 64,512 still work", async () => {
    const rig = await gateway({ connections: 140_000, icmpErrors: true });
    const flows = Array.from({ length: POOL }, (_, i) => query(1024 + i, 0));
    const opened = rig.send(flows);
    expect(opened.every(({ action, told }) => action === "snat" && told === undefined)).toBe(true);
    const refused = query(700, 1, INSIDE_C);
    const outcome = rig.one(refused);
    expect(outcome).toMatchObject({ action: "drop", reason: "no-nat-mapping" });
    expect(outcome.told).toEqual(error(3, 13, refused.frame.subarray(14), { to: INSIDE_C }));
    const { live, entries, generated } = rig.engine.counters();
    expect({ live, entries, generated }).toEqual({ live: POOL, entries: POOL, generated: 1 });
    const inwards = rig.send(opened.map(({ natPort }) => answer(natPort, 1)));
    expect(inwards.every(({ action }) => action === "reverse")).toBe(true);
  });

  it("ten at once, then ten a second; the others are counted (RFC 1812 section 4.3.2.8)", async () => {
    const nat = await full();
    const refuse = (atMs: number, count: number) =>
      nat
        .send(Array.from({ length: count }, (_, i) => outbound(udp({ srcPort: 6000 + i, dstPort: 53 }), { atMs })))
        .filter(({ told }) => told !== undefined).length;
    expect([refuse(1000, 25), refuse(1099, 5), refuse(1100, 5), refuse(1450, 5), refuse(9000, 25)]).toEqual([
      10, 0, 1, 3, 10,
    ]);
    expect(nat.counters).toMatchObject({ generated: 24, untold: 41 });
    nat.check();
  });

  it("what is left of the allowance is part of a saved state, and a new policy gives all of it back", async () => {
    const nat = await full();
    const refuse = ({ rig }: Nat, count: number) =>
      rig
        .send(Array.from({ length: count }, (_, i) => outbound(udp({ srcPort: 6000 + i, dstPort: 53 }))))
        .filter(({ told }) => told !== undefined).length;
    expect(refuse(nat, 7)).toBe(7);
    const later = await Nat.start(SMALL);
    later.rig.engine.loadState(nat.rig.engine.saveState());
    expect(refuse(later, 7)).toBe(3);
    later.rig.engine.loadPolicy(compilePolicy(later.model, { natProfile: "rfc" }));
    expect(refuse(later, 12)).toBe(10);
  });

  it("without the flag nothing is said, whatever is dropped", async () => {
    const nat = await Nat.start({ ports: SMALL.ports, hop: true });
    for (const srcPort of [40_000, 40_001]) nat.out(udp({ srcPort, dstPort: 53 }));
    expect(nat.out(MESSAGE)).toMatchObject({ reason: "no-nat-mapping" });
    expect(nat.out(tcp({ srcPort: 1, dstPort: 2 }), { ttl: 1 })).toMatchObject({ reason: "ttl-exceeded" });
    expect(nat.rig.engine.generated()).toEqual([]);
    expect(nat.counters).toMatchObject({ generated: 0, untold: 0 });
    nat.check();
  });

  it("quotes at most 576 bytes in all, and all of a shorter packet (RFC 1812 section 4.3.2.3)", async () => {
    const nat = await full();
    for (const size of [1, 519, 520, 521, 900]) {
      const sent = outbound(udp({ srcPort: 5000, dstPort: 53, payload: patterned(size) }));
      const { told } = nat.one(sent);
      expect(told?.length).toBe(Math.min(576, 28 + 28 + size));
      expect(told).toEqual(error(3, 13, sent.frame.subarray(14, 14 + 548)));
    }
    nat.check();
  });

  it("keeps the type of service and quotes what a capture shows of the packet, 8 bytes of its data at least", async () => {
    const nat = await full();
    const packet = ipv4({ src: INSIDE, dst: REMOTE, trafficClass: 0x1c }, MESSAGE);
    const sent = { hook: "from-endpoint" as const, frame: ethernet(packet), atMs: 0 };
    expect(nat.one(sent).told?.[1]).toBe(0xdc);
    const cut = { ...sent, frame: sent.frame.subarray(0, 14 + 28), wire: sent.frame.length };
    expect(nat.one(cut).told?.subarray(28)).toEqual(packet.subarray(0, 28));
    const tooShort = { ...cut, frame: sent.frame.subarray(0, 14 + 27) };
    expect(nat.one(tooShort)).toMatchObject({ reason: "no-nat-mapping" });
    expect(nat.rig.engine.generated()).toEqual([]);
    nat.check();
  });

  it("is not said about a frame to a whole link (RFC 1122 section 3.2.2)", async () => {
    const nat = await full();
    const sent = outbound(MESSAGE);
    sent.frame[0] |= 1;
    expect(nat.one(sent)).toMatchObject({ action: "drop", reason: "no-nat-mapping" });
    expect(nat.rig.engine.generated()).toEqual([]);
    nat.check();
  });

  it("is said to a ping whose identifiers are all taken, never to an ICMP error", async () => {
    const nat = await Nat.start({ ...SMALL, hop: true });
    const opened = nat.out(udp({ srcPort: 40_000, dstPort: 53 }));
    expect(opened.action).toBe("snat");
    const about = icmpMessage({
      type: 3,
      code: 3,
      inner: ipv4({ src: REMOTE, dst: INSIDE }, udp({ srcPort: 53, dstPort: 40_000 })),
    });
    expect(nat.out(about, { ttl: 1 })).toMatchObject({ action: "drop", reason: "ttl-exceeded" });
    expect(nat.rig.engine.generated()).toEqual([]);
    const ping = outbound(icmpEcho({ id: 7 }), { ttl: 1 });
    expect(nat.one(ping).told).toEqual(error(11, 0, ping.frame.subarray(14)));
    nat.check();
  });
});

describe("a TTL ends on the way to the gateway (RFC 1812 section 5.3.1)", () => {
  it("first frames and later ones are answered by ICMP 11/0", async () => {
    const nat = await Nat.start({ ...TELLING, hop: true });
    const first = outbound(MESSAGE, { ttl: 1 });
    expect(nat.one(first).told).toEqual(error(11, 0, first.frame.subarray(14)));
    expect(nat.out(MESSAGE).action).toBe("snat");
    const later = nat.one(first);
    expect(later).toMatchObject({ action: "drop", reason: "ttl-exceeded" });
    expect(later.told).toEqual(error(11, 0, first.frame.subarray(14)));
    nat.check();
  });
});

describe("RFC 4787 REQ-13: a packet too long for a link", () => {
  /** UDP in a packet of `length` bytes that must not be fragmented, unless said otherwise. */
  const packet = (length: number, dontFragment = true) =>
    ipv4(
      { src: INSIDE, dst: REMOTE, dontFragment },
      udp({ srcPort: 5000, dstPort: 53, payload: patterned(length - 28) }),
    );
  const sent = (bytes: Uint8Array, flags = 0) => ({ hook: "from-endpoint" as const, frame: ethernet(bytes), flags });

  it("MTU 1280, 1428 bytes with DF: one ICMP 3/4 that says 1280 and quotes the inside packet; nothing is forwarded", async () => {
    const nat = await Nat.start({ ...TELLING, engine: { icmpErrors: true, mtu: 1280 } });
    const outcome = nat.rig.one(sent(packet(1428)));
    expect(outcome).toMatchObject({ action: "drop", reason: "packet-too-big" });
    expect(outcome.told).toEqual(error(3, 4, packet(1428).subarray(0, 548), { word: 1280 }));
    expect(nat.rig.one(sent(packet(1280))).action).toBe("snat");
  });

  it("over the overlay 50 bytes less fit: 1,450 pass, 1,451 are told of 1450, in a first frame and in a later one", async () => {
    const nat = await Nat.start({ ...TELLING, hop: true });
    const tooBig = error(3, 4, packet(1451).subarray(0, 548), { word: 1450 });
    expect(nat.one(sent(packet(1451)))).toMatchObject({ action: "drop", reason: "packet-too-big", told: tooBig });
    expect(nat.counters.entries).toBe(0);
    expect(nat.one(sent(packet(1450))).action).toBe("snat");
    expect(nat.one(sent(packet(1451)))).toMatchObject({ action: "drop", reason: "packet-too-big", told: tooBig });
    nat.check();
  });

  it.each([
    ["may be fragmented", packet(1500, false), 0],
    ["is a super-frame", packet(1480), FRAME_FLAG_GSO],
  ] as const)("one that %s is translated as ever", async (_, bytes, flags) => {
    const nat = await Nat.start({ ...TELLING, hop: true });
    for (let i = 0; i < 2; i++) expect(nat.one(sent(bytes, flags)).action).toBe("snat");
    expect(nat.rig.engine.generated()).toEqual([]);
    nat.check();
  });

  it("has its own allowance, so that it does not silence refusals of the same node", async () => {
    const nat = await Nat.start({ ...SMALL, engine: { icmpErrors: true, mtu: 1280 } });
    for (const srcPort of [40_000, 40_001]) nat.rig.one(outbound(udp({ srcPort, dstPort: 53 })));
    const long = nat.rig.send(Array.from({ length: 12 }, () => sent(packet(1428))));
    expect(long.filter(({ told }) => told !== undefined).length).toBe(10);
    expect(nat.rig.one(outbound(MESSAGE)).told).toBeDefined();
  });

  it("without --icmp-errors such a packet is translated", async () => {
    const nat = await Nat.start({ hop: true });
    for (let i = 0; i < 2; i++) expect(nat.one(sent(packet(1500))).action).toBe("snat");
    nat.check();
  });
});

describe("ICMPv6 errors of the gateway's own (RFC 4443 section 2.4, 3.1 to 3.3)", () => {
  const POD = "fd00:1::7";
  const FAR = "2001:db8:99::9";
  const EXT6 = "2001:db8:aa::1";

  function rig6(): Promise<GatewayRig> {
    const base = world(1);
    const model = { ...base, egresses: [egress("gw-a", EGRESS_IPS[0]!, { egressIPv6: address(EXT6) })] };
    const small = withSettings(model, { low: 40_000, high: 40_001 }, PROFILE_TIMEOUTS.rfc);
    return GatewayRig.start(small, { natProfile: "rfc", connections: 4096, connections6: 4096, icmpErrors: true });
  }

  const packet6 = (l4: Layer4, hopLimit = 64) => ipv6({ src: POD, dst: FAR, hopLimit }, l4);
  const sent = (packet: Uint8Array) => ({ hook: "from-endpoint" as const, frame: ethernet(packet) });
  const error6 = (type: number, code: number, inner: Uint8Array, word = 0) =>
    ipv6({ src: EXT6, dst: POD, hopLimit: 64 }, icmpMessage({ type, code, word, inner: inner.subarray(0, 1232) }));

  it("no port is free: 1/1; the hop limit ends: 3/0; too big for the overlay: 2/0 with the MTU", async () => {
    const rig = await rig6();
    const ended = packet6(MESSAGE, 1);
    expect(rig.one(sent(ended)).told).toEqual(error6(3, 0, ended));
    for (const srcPort of [40_000, 40_001])
      expect(rig.one(sent(packet6(udp({ srcPort, dstPort: 53 })))).action).toBe("snat");
    const refused = packet6(MESSAGE);
    expect(rig.one(sent(refused))).toMatchObject({ reason: "no-nat-mapping", told: error6(1, 1, refused) });
    const long = (bytes: number) => packet6(udp({ srcPort: 40_000, dstPort: 53, payload: patterned(bytes - 48) }));
    const tooBig = rig.one(sent(long(1451)));
    expect(tooBig).toMatchObject({ action: "drop", reason: "packet-too-big", told: error6(2, 0, long(1451), 1450) });
    expect(tooBig.told?.length).toBe(1280);
    expect(rig.one(sent(long(1450))).action).toBe("snat");
  });
});

describe("generated errors in a replay", () => {
  const POD = "10.0.1.10";
  const FAR = "198.51.100.9";
  const CLUSTER = {
    pods: [POD],
    worker: "worker",
    gateways: { "gw-a": "203.0.113.10" },
    snatPorts: { low: 40_000, high: 40_003 },
  };

  /** A frame of each kind that is told of, among others; more than ten of one kind at once. */
  function traffic(): TimedFrame[] {
    const frame = (us: number, l4: Layer4, fields: { ttl?: number; dontFragment?: boolean } = {}) => ({
      us,
      frame: ethernet(ipv4({ src: POD, dst: FAR, ...fields }, l4)),
    });
    const open = Array.from({ length: 20 }, (_, i) => frame(i * 10, udp({ srcPort: 40_000 + i, dstPort: 53 })));
    return [
      ...open,
      frame(1000, tcp({ srcPort: 5000, dstPort: 80, flags: "SYN" }), { ttl: 1 }),
      frame(1100, udp({ srcPort: 40_000, dstPort: 53, payload: patterned(1440) }), { dontFragment: true }),
      frame(1200, udp({ srcPort: 40_000, dstPort: 53, payload: patterned(10) })),
    ];
  }

  function run(path: string, options: Partial<ReplayOptions> & Pick<ReplayOptions, "model">) {
    return replayAndRead({ captures: [path], icmpErrors: true, ...options });
  }

  it("stand in endpoint.pcapng under number and time of their frame; report, topologies and batch sizes agree", async () => {
    const model = await clusterModel(CLUSTER);
    const frames = traffic();
    await withFile(captureOf(frames), async (path) => {
      const single = await run(path, { model });
      const { report } = single;
      expect(report.verification).toMatchObject({ ok: true, mismatches: [] });
      expect(report.frames).toMatchObject({ read: 23, snat: 5, drop: 18, generated: 12 });
      expect(report.generated).toEqual({ kinds: { "icmp 11/0": 1, "icmp 3/13": 10, "icmp 3/4": 1 }, untold: 6 });
      const { bytes, number, timeNs } = single.endpoint.find(({ bytes }) => bytes[34] === 11)!;
      expect(number).toBe(21);
      expect(timeNs % 1_000_000_000n).toBe(1_000_000n);
      const macs = frames[20]!.frame;
      expect(Uint8Array.from(bytes)).toEqual(
        Uint8Array.from([
          ...macs.subarray(6, 12),
          ...macs.subarray(0, 6),
          8,
          0,
          ...ipv4(
            { src: "203.0.113.10", dst: POD, id: 0, dontFragment: true, trafficClass: 0xc0 },
            icmpMessage({ type: 11, code: 0, inner: frames[20]!.frame.subarray(14) }),
          ),
        ]),
      );
      for (const other of [{ topology: "cluster" }, { batchSize: 1 }, { batchSize: 7 }] as const) {
        const again = await run(path, { model, ...other });
        expect(again.files.endpoint.equals(single.files.endpoint)).toBe(true);
        expect(again.files.external.equals(single.files.external)).toBe(true);
        expect(again.report.verification).toMatchObject({ ok: true, mismatches: [] });
        expect(again.report.generated).toEqual(report.generated);
      }
    });
  });

  it("in either topology nobody is told of a frame to a group MAC address, whoever would have to say it", async () => {
    const model = await clusterModel({ ...CLUSTER, snatPorts: { low: 40_000, high: 40_000 } });
    const links = [
      {
        type: 1,
        around: (ip: Uint8Array, toGroup: boolean) => ethernet(ip, toGroup ? { dst: "01:00:5e:00:00:01" } : {}),
      },
      { type: 113, around: (ip: Uint8Array, toGroup: boolean) => sll(ip, toGroup ? 2 : 0) },
      { type: 276, around: (ip: Uint8Array, toGroup: boolean) => sll2(ip, { packetType: toGroup ? 1 : 0 }) },
    ];
    for (const { type, around } of links) {
      const send = (us: number, srcPort: number, toGroup: boolean, ttl = 64) => {
        return { us, frame: around(ipv4({ src: POD, dst: FAR, ttl }, udp({ srcPort, dstPort: 53 })), toGroup) };
      };
      const frames = [send(0, 40_000, false), send(1000, 1, true), send(2000, 2, true, 1), send(3000, 3, false)];
      await withFile(captureOf(frames, type), async (path) => {
        for (const topology of ["single", "cluster"] as const) {
          const { report, endpoint } = await run(path, { model, topology });
          expect(report.reasons).toEqual({ "no-nat-mapping": 2, "ttl-exceeded": 1 });
          expect(report.generated).toEqual({ kinds: { "icmp 3/13": 1 }, untold: 0 });
          expect(endpoint.map(({ number }) => number)).toEqual([4]);
          expect(report.verification).toMatchObject({ ok: true, mismatches: [] });
        }
      });
    }
  });

  it("without the flag the same capture makes none, and the long packet leaves", async () => {
    const model = await clusterModel(CLUSTER);
    await withFile(captureOf(traffic()), async (path) => {
      const { report, endpoint } = await replayAndRead({ captures: [path], model });
      expect(report.frames).toMatchObject({ snat: 6, drop: 17, generated: 0 });
      expect(report.generated).toBeUndefined();
      expect(endpoint).toEqual([]);
    });
  });
});
