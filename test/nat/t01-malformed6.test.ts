import { describe, expect, it } from "vitest";
import type { RigFrame } from "../assembly/path/gateway-rig.js";
import { address } from "../engine/model.js";
import {
  ethernet,
  type Ipv6Extension,
  type Ipv6Fields,
  icmpEcho,
  ipv6,
  type Layer4,
  patterned,
  tcp,
  text,
  udp,
} from "../support/frames.js";
import { EXT, gateway6, INSIDE, REMOTE } from "./rig6.js";

// The IPv6 half of T01 and T02. What comes out untouched but for its source is built a second time, with the egress IP in it, and compared
// byte for byte: no checksum, mask or leak is judged by code that the engine has a part in.

const OWN = 4000;

const SYN = tcp({ srcPort: OWN, dstPort: 443, flags: "SYN", payload: text("hello") });
const QUERY = udp({ srcPort: OWN, dstPort: 53, payload: text("question") });
const ECHO = icmpEcho({ id: OWN, payload: text("hello") });

type Build = (src: string) => Uint8Array;
const packet =
  (l4: Layer4 = QUERY, fields: Partial<Ipv6Fields> = {}): Build =>
  (src) =>
    ethernet(ipv6({ dst: REMOTE, ...fields, src: fields.src ?? src }, l4));
/** The same with bytes changed: `at` counts from the IPv6 header on. */
const changed =
  (build: Build, at: number, ...bytes: number[]): Build =>
  (src) => {
    const frame = build(src).slice();
    frame.set(bytes, 14 + at);
    return frame;
  };
const chain = (...extensions: Ipv6Extension[]) => packet(QUERY, { extensions });
const HOP_BY_HOP: Ipv6Extension = { type: 0, body: patterned(6) };
const DESTINATION: Ipv6Extension = { type: 60, body: patterned(14) };
const routing = (type: number, left: number): Ipv6Extension => ({
  type: 43,
  body: Uint8Array.of(type, left, 0, 0, 0, 0),
});
const repeated = (extension: Ipv6Extension, times: number) => Array.from({ length: times }, () => extension);

const ROWS: [id: string, build: Build, verdict: string][] = [
  ["V02 payload length 0", changed(packet(), 4, 0, 0), "drop bad-header"],
  ["V02 payload length above the frame", changed(packet(), 4, 1, 0), "drop truncated"],
  ["V02 payload length below the frame", (src) => Uint8Array.from([...packet()(src), 1, 2, 3]), "snat"],
  ...[0, 5, 15].map((version): [string, Build, string] => [
    `V03 version ${version}`,
    changed(packet(), 0, version << 4),
    "drop bad-header",
  ]),
  ["V05 two hop-by-hop headers", chain(HOP_BY_HOP, HOP_BY_HOP), "snat"],
  ["V05 eight destination options headers", chain(...repeated(DESTINATION, 8)), "snat"],
  ["V05 nine", chain(...repeated(DESTINATION, 9)), "drop bad-header"],
  ["V05 64", chain(...repeated(DESTINATION, 64)), "drop bad-header"],
  ["V06 an extension header past the packet", changed(chain(DESTINATION), 41, 200), "drop truncated"],
  ["V06 an option past its header", changed(chain(DESTINATION), 42, 5, 200), "snat"],
  ["V06 Pad1 alone and PadN of odd length", changed(chain(DESTINATION), 42, 0, 1, 11), "snat"],
  ...[0, 2, 4].flatMap((type): [string, Build, string][] => [
    [`V07 routing type ${type}, at its last destination`, chain(routing(type, 0)), "snat"],
    [`V07 routing type ${type}, on its way`, chain(routing(type, 1)), "drop unsupported-protocol"],
  ]),
  [
    "V10 no next header, and bytes",
    packet({ protocol: () => 59, bytes: () => patterned(8) }),
    "drop unsupported-protocol",
  ],
  ["V12 jumbo payload option, length 0", changed(chain(HOP_BY_HOP), 4, 0, 0), "drop bad-header"],
  ["V14 source loopback", packet(QUERY, { src: "::1" }), "drop bad-source"],
  ["V14 source multicast", packet(QUERY, { src: "ff02::1" }), "drop bad-source"],
  ["V14 source IPv4-mapped", packet(QUERY, { src: "::ffff:10.0.0.2" }), "drop bad-source"],
  ["V14 source the egress IP", packet(QUERY, { src: EXT }), "drop bad-source"],
  ["to ::", packet(QUERY, { dst: "::" }), "drop bad-destination"],
  ["to itself", packet(SYN, { dst: INSIDE }), "drop bad-source"],

  ...[0, 1, 2, 3, 4].map((words): [string, Build, string] => [
    `T1 data offset ${words}`,
    changed(packet(SYN), 52, words << 4),
    "drop bad-header",
  ]),
  ["T2 data offset past the packet", changed(packet(SYN), 52, 0xf0), "drop bad-header"],
  ["T3 SYN and FIN", changed(packet(SYN), 53, 0x03), "drop bad-header"],
  ["T3 no flag", changed(packet(SYN), 53, 0x00), "drop bad-header"],
  [
    "T4 bad checksum, kept as bad",
    packet(tcp({ srcPort: OWN, dstPort: 443, flags: "SYN", checksum: { wrongBy: 5 } })),
    "snat",
  ],
  ...[0, 4, 7].map((length): [string, Build, string] => [
    `U1 length ${length}`,
    changed(packet(), 44, 0, length),
    "drop bad-header",
  ]),
  ["U2 length past the packet", changed(packet(), 44, 0, 200), "drop bad-header"],
  ["U4 no checksum, kept as none", packet(udp({ srcPort: OWN, dstPort: 53, checksum: 0 })), "snat"],
  ["U5 bad checksum, kept as bad", packet(udp({ srcPort: OWN, dstPort: 53, checksum: { wrongBy: 5 } })), "snat"],
  ["U7 no payload", packet(udp({ srcPort: OWN, dstPort: 53 })), "snat"],
  ["C2 bad checksum, kept as bad", packet(icmpEcho({ id: OWN, checksum: { wrongBy: 3 } })), "snat"],
  ["C19 echo id 0", packet(icmpEcho({ id: 0 })), "snat"],
  ["C19 echo id ffff", packet(icmpEcho({ id: 0xffff })), "snat"],
];

const said = ({ action, reason }: { action: string; reason: string }) => (reason ? `${action} ${reason}` : action);
const fromInside = (frame: Uint8Array): RigFrame => ({ hook: "from-endpoint", frame });

describe("T01 malformed IPv6 packets of nat-requirements section 4, sent from inside", () => {
  it.each(ROWS)("%s", async (_, build, verdict) => {
    const rig = await gateway6();
    const outcome = rig.one(fromInside(build(INSIDE)));
    expect(said(outcome)).toBe(verdict);
    expect(outcome.frame).toEqual(build(verdict === "snat" ? EXT : INSIDE));
    expect(rig.engine.counters().entries).toBe(verdict === "snat" ? 1 : 0);
  });

  it.each([0, 1])("V13 hop limit %i ends before a routed hop, and does not matter without one", async (hopLimit) => {
    const build = packet(QUERY, { hopLimit });
    const near = (await gateway6()).one(fromInside(build(INSIDE)));
    expect(near).toMatchObject({ action: "snat", frame: build(EXT) });
    const far = (await gateway6({ hop: true })).one(fromInside(build(INSIDE)));
    expect(far).toMatchObject({ action: "drop", reason: "ttl-exceeded", frame: build(INSIDE) });
  });

  it("all of them together: every frame counts as translated or under its one reason", async () => {
    const rig = await gateway6();
    rig.send(ROWS.map(([, build]) => fromInside(build(INSIDE))));
    const { actions, reasons } = rig.engine.counters();
    const explained = Object.values(reasons).reduce((sum, count) => sum + count, 0);
    expect((actions.snat ?? 0) + explained).toBe(ROWS.length);
  });
});

describe("T02 IPv6 cut at every byte", () => {
  /** Bytes of transport header without which a packet cannot be told. */
  const KINDS: [name: string, l4: Layer4, needed: number][] = [
    ["TCP", SYN, 20],
    ["UDP", QUERY, 8],
    ["ICMPv6", ECHO, 8],
  ];

  describe.each(KINDS)("%s", (_, l4, needed) => {
    const whole = packet(l4)(INSIDE);

    it("V01 with the lengths as they were: truncated from the first missing byte on", async () => {
      const rig = await gateway6();
      for (let length = 0; length < whole.length; length++) {
        expect(said(rig.one(fromInside(whole.slice(0, length)))), `${length} bytes`).toBe("drop truncated");
      }
      expect(rig.engine.counters().entries).toBe(0);
    });

    it("with the lengths made consistent: dropped with a reason until the header is complete, then translated", async () => {
      const size = whole.length - 54;
      for (let length = 1; length < size; length++) {
        const rig = await gateway6();
        const cut: Build = (src) => {
          const bytes = packet(l4)(src).slice(54, 54 + length);
          if (l4 === QUERY && length >= 6) bytes.set([length >> 8, length & 255], 4);
          return packet({ protocol: l4.protocol, bytes: () => bytes })(src);
        };
        const outcome = rig.one(fromInside(cut(INSIDE)));
        expect(said(outcome), `${length} bytes`).toBe(length < needed ? "drop truncated" : "snat");
        expect(rig.engine.counters().entries).toBe(length < needed ? 0 : 1);
        if (length < needed) expect(outcome.frame).toEqual(cut(INSIDE));
        else expect(Buffer.from(outcome.frame.subarray(22, 38))).toEqual(Buffer.from(address(EXT)));
      }
    });
  });
});
