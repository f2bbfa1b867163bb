import { describe, expect, it } from "vitest";
import type { RigFrame } from "../assembly/path/gateway-rig.js";
import {
  ethernet,
  type Ipv4Fields,
  icmpEcho,
  icmpMessage,
  ipv4,
  type Layer4,
  otherProtocol,
  patterned,
  sctp,
  tcp,
  text,
  udp,
} from "../support/frames.js";
import { EXT, INSIDE, Nat, OTHER_EXT, REMOTE } from "./rig.js";

const OWN = 4000;
const SYN = tcp({ srcPort: OWN, dstPort: 443, flags: "SYN", payload: text("hello") });
const QUERY = udp({ srcPort: OWN, dstPort: 53, payload: text("question") });
const SNAT = "snat";

const packet = (l4: Layer4 = QUERY, fields: Partial<Ipv4Fields> = {}) =>
  ipv4({ src: INSIDE, dst: REMOTE, ...fields }, l4);
const raw = (protocol: number, ...bytes: number[]): Layer4 => ({
  protocol: () => protocol,
  bytes: () => Uint8Array.from(bytes),
});
/** A packet with one byte changed and its header checksum made right again. */
function changed(l4: Layer4, at: number, value: number): Uint8Array {
  const bytes = packet(l4);
  bytes[at] = value;
  if (at < 20) {
    bytes.fill(0, 10, 12);
    let sum = 0;
    for (let i = 0; i < 20; i += 2) sum += bytes[i] * 256 + bytes[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    const right = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
    bytes.set([right >> 8, right & 255], 10);
  }
  return bytes;
}
const tcpBytes = (at: number, value: number) => changed(SYN, 20 + at, value);
const udpBytes = (at: number, value: number) => changed(QUERY, 20 + at, value);
const options = (...bytes: number[]) => packet(QUERY, { options: Uint8Array.from(bytes) });
const tagged = (...tags: { id: number; tpid?: number }[]) => ethernet(packet(), { vlans: tags });

/** id, the whole frame, and what becomes of it as a first frame from inside: `snat`, or `action reason`. */
const ROWS: [id: string, frame: Uint8Array, verdict: string][] = [
  ["L02 Ethernet header only", ethernet(packet()).slice(0, 14), "drop truncated"],
  ["L03 802.3 length", ethernet(packet(), { etherType: 0x05dc }), "pass not-ip"],
  ["L04 ARP", ethernet(new Uint8Array(28), { etherType: 0x0806 }), "pass not-ip"],
  ["L05 a tag cut after 2 bytes", tagged({ id: 7 }).slice(0, 16), "drop truncated"],
  ["L06 one tag", tagged({ id: 7 }), SNAT],
  ["L07 QinQ", tagged({ id: 7, tpid: 0x88a8 }, { id: 8 }), SNAT],
  ["L08 three tags", tagged({ id: 1 }, { id: 2 }, { id: 3 }), SNAT],
  ["L08 four tags", tagged({ id: 1 }, { id: 2 }, { id: 3 }, { id: 4 }), "snat"],
  ["L09 a tag with an unknown type", ethernet(packet(), { vlans: [{ id: 7 }], etherType: 0x1234 }), "pass not-ip"],
  ["L10 priority tag", tagged({ id: 0 }), SNAT],
  ["L11 a trailer", ethernet(packet(), { trailer: patterned(9) }), SNAT],
  [
    "L12 padding that is not zero",
    ethernet(packet(udp({ srcPort: OWN, dstPort: 53 })), { trailer: patterned(18) }),
    SNAT,
  ],
  ["L13 jumbo", ethernet(packet(udp({ srcPort: OWN, dstPort: 53, payload: patterned(8972) }))), SNAT],
  ["L14 65,549 bytes", ethernet(packet(udp({ srcPort: OWN, dstPort: 53, payload: patterned(65_507) }))), SNAT],
  ["L15 MPLS", ethernet(packet(), { etherType: 0x8847 }), "pass not-ip"],
  ["L15 PPPoE", ethernet(packet(), { etherType: 0x8864 }), "pass not-ip"],
  ["L15 LLDP", ethernet(packet(), { etherType: 0x88cc }), "pass not-ip"],
  ["L16 broadcast MAC", ethernet(packet(), { dst: "ff:ff:ff:ff:ff:ff" }), SNAT],
  ["L17 multicast source MAC", ethernet(packet(), { src: "01:00:5e:00:00:01" }), SNAT],

  ...[0, 5, 15].map((version): [string, Uint8Array, string] => [
    `I03 version ${version}`,
    ethernet(changed(QUERY, 0, (version << 4) | 5), { etherType: 0x0800 }),
    "drop bad-header",
  ]),
  ...[0, 1, 2, 3, 4].map((words): [string, Uint8Array, string] => [
    `I04 IHL ${words}`,
    ethernet(changed(QUERY, 0, 0x40 | words)),
    "drop bad-header",
  ]),
  ["I05 IHL 15, past the packet", ethernet(changed(QUERY, 0, 0x4f)), "drop bad-header"],
  ...[QUERY, SYN].flatMap((l4) =>
    [8, 12, 19].map((total): [string, Uint8Array, string] => [
      `I06 total length ${total} of a ${l4 === SYN ? "TCP" : "UDP"} packet, below the header`,
      ethernet(changed(l4, 3, total), { trailer: patterned(40) }),
      "drop bad-header",
    ]),
  ),
  ["I06 total length below the header, in a short frame", ethernet(changed(QUERY, 3, 19)), "drop bad-header"],
  ["I07 total length above the frame", ethernet(changed(QUERY, 2, 1)), "drop truncated"],
  ["I08 total length below the frame", ethernet(packet(), { trailer: patterned(40) }), SNAT],
  ["I09 total length 0", ethernet(packet(QUERY, { totalLength: 0 })), "drop bad-header"],
  [
    "I10 bad header checksum, kept as bad by default",
    ethernet(packet(QUERY, { headerChecksum: { wrongBy: 1 } })),
    SNAT,
  ],
  ["I11 TTL 0, without a hop", ethernet(packet(QUERY, { ttl: 0 })), SNAT],
  ["I11 TTL 1, without a hop", ethernet(packet(QUERY, { ttl: 1 })), SNAT],
  ["I12 NOP fill", ethernet(options(...new Array(40).fill(1))), SNAT],
  ["I12 end of options early, nonsense behind it", ethernet(options(0, 131, 0, 255)), SNAT],
  ["I12 option of length 0", ethernet(options(68, 0, 0, 0)), "drop bad-header"],
  ["I12 option of length 1", ethernet(options(68, 1, 0, 0)), "drop bad-header"],
  ["I12 option of length 255", ethernet(options(68, 255, 0, 0)), "drop bad-header"],
  ["I12 option past the header", ethernet(options(1, 1, 68, 3)), "drop bad-header"],
  ["I12 option without a length", ethernet(options(1, 1, 1, 68)), "drop bad-header"],
  ["I12 record route", ethernet(options(7, 7, 4, 0, 0, 0, 0, 0)), SNAT],
  ["I12 time stamp", ethernet(options(68, 8, 5, 0, 0, 0, 0, 0)), SNAT],
  ["I12 loose source route", ethernet(options(131, 7, 4, 192, 0, 2, 9)), "drop source-route"],
  ["I12 strict source route", ethernet(options(1, 137, 7, 4, 192, 0, 2, 9)), "drop source-route"],
  ["I12 router alert", ethernet(options(148, 4, 0, 0)), SNAT],
  ["I13 reserved flag bit", ethernet(changed(QUERY, 6, 0x80)), SNAT],
  ["I15 source 0.0.0.0", ethernet(packet(QUERY, { src: "0.0.0.0" })), "drop bad-source"],
  ["I15 source in network 0", ethernet(packet(QUERY, { src: "0.1.2.3" })), "drop bad-source"],
  ["I15 source loopback", ethernet(packet(QUERY, { src: "127.0.0.1" })), "drop bad-source"],
  ["I15 source multicast", ethernet(packet(QUERY, { src: "224.0.0.1" })), "drop bad-source"],
  ["I15 source reserved", ethernet(packet(QUERY, { src: "240.0.0.1" })), "drop bad-source"],
  ["I15 source broadcast", ethernet(packet(QUERY, { src: "255.255.255.255" })), "drop bad-source"],
  ["I15 source an egress IP", ethernet(packet(QUERY, { src: EXT })), "drop bad-source"],
  ["I15 source another gateway's egress IP", ethernet(packet(QUERY, { src: OTHER_EXT })), "drop bad-source"],
  [
    "I15 source loopback, ICMP timestamp",
    ethernet(packet(icmpMessage({ type: 13, inner: patterned(12) }), { src: "127.0.0.1" })),
    "drop bad-source",
  ],
  [
    "I15 source an egress IP, GRE",
    ethernet(packet(otherProtocol(47, new Uint8Array(8)), { src: EXT })),
    "drop bad-source",
  ],
  ["I15 to 0.0.0.0", ethernet(packet(QUERY, { dst: "0.0.0.0" })), "drop bad-destination"],
  ["I15 to network 0", ethernet(packet(SYN, { dst: "0.1.2.3" })), "drop bad-destination"],
  ["I15 to loopback", ethernet(packet(QUERY, { dst: "127.0.0.1" })), "pass loopback"],
  ["I15 to link-local", ethernet(packet(QUERY, { dst: "169.254.1.1" })), "pass link-local"],
  ["I15 to multicast", ethernet(packet(QUERY, { dst: "224.0.0.251" })), "pass multicast"],
  ["I15 to broadcast", ethernet(packet(QUERY, { dst: "255.255.255.255" })), "pass broadcast"],
  ["I15 to class E, which Linux routes", ethernet(packet(QUERY, { dst: "240.0.0.1" })), SNAT],
  ["I16 land", ethernet(packet(SYN, { dst: INSIDE })), "drop bad-source"],
  ["I17 protocol 0", ethernet(packet(raw(0, 1, 2, 3, 4, 5, 6, 7, 8))), "drop unsupported-protocol"],
  ["I17 protocol 255", ethernet(packet(raw(255, 1, 2, 3, 4, 5, 6, 7, 8))), "drop unsupported-protocol"],

  ...[0, 1, 2, 3, 4].map((words): [string, Uint8Array, string] => [
    `T1 data offset ${words}`,
    ethernet(tcpBytes(12, words << 4)),
    "drop bad-header",
  ]),
  ["T2 data offset past the packet", ethernet(tcpBytes(12, 0xf0)), "drop bad-header"],
  [
    "T4 bad checksum, kept as bad by default",
    ethernet(packet(tcp({ srcPort: OWN, dstPort: 443, flags: "SYN", checksum: { wrongBy: 5 } }))),
    SNAT,
  ],
  ["T5 source port 0", ethernet(packet(tcp({ srcPort: 0, dstPort: 443, flags: "SYN" }))), SNAT],
  ["T5 destination port 0", ethernet(packet(tcp({ srcPort: OWN, dstPort: 0, flags: "SYN" }))), SNAT],
  [
    "T6 option of length 0",
    ethernet(packet(tcp({ srcPort: OWN, dstPort: 443, flags: "SYN", options: Uint8Array.of(2, 0, 0, 0) }))),
    SNAT,
  ],
  [
    "T6 option past the header",
    ethernet(packet(tcp({ srcPort: OWN, dstPort: 443, flags: "SYN", options: Uint8Array.of(2, 44, 0, 0) }))),
    SNAT,
  ],
  [
    "T6 40 bytes of NOP",
    ethernet(packet(tcp({ srcPort: OWN, dstPort: 443, flags: "SYN", options: new Uint8Array(40).fill(1) }))),
    SNAT,
  ],
  [
    "T7 urgent pointer past the data",
    ethernet(packet(tcp({ srcPort: OWN, dstPort: 443, flags: "ACK URG", urgent: 65_535 }))),
    SNAT,
  ],
  ["T8 SYN with data", ethernet(packet(SYN)), SNAT],
  [
    "T9 sequence wrap",
    ethernet(packet(tcp({ srcPort: OWN, dstPort: 443, flags: "ACK", seq: 0xffff_ffff, payload: patterned(9) }))),
    SNAT,
  ],
  [
    "T10 window scale 15",
    ethernet(packet(tcp({ srcPort: OWN, dstPort: 443, flags: "SYN", options: Uint8Array.of(3, 3, 15, 1) }))),
    SNAT,
  ],

  ...[0, 4, 7].map((length): [string, Uint8Array, string] => [
    `U1 length ${length}`,
    ethernet(udpBytes(5, length)),
    "drop bad-header",
  ]),
  ["U2 length past the packet", ethernet(udpBytes(5, 200)), "drop bad-header"],
  ["U3 length below the packet's", ethernet(udpBytes(5, 9)), SNAT],
  ["U4 checksum zero", ethernet(packet(udp({ srcPort: OWN, dstPort: 53, checksum: 0 }))), SNAT],
  [
    "U5 bad checksum, kept as bad by default",
    ethernet(packet(udp({ srcPort: OWN, dstPort: 53, checksum: { wrongBy: 5 } }))),
    SNAT,
  ],
  ["U6 ports 0", ethernet(packet(udp({ srcPort: 0, dstPort: 0 }))), SNAT],
  ["U7 no payload", ethernet(packet(udp({ srcPort: OWN, dstPort: 53 }))), SNAT],
  ["UDP-Lite", ethernet(packet(otherProtocol(136, patterned(16)))), SNAT],
  ["UDP-Lite of 7 bytes", ethernet(packet(otherProtocol(136, patterned(7)))), "drop truncated"],
  ["DCCP", ethernet(packet(otherProtocol(33, patterned(16)))), SNAT],
  ["IGMP", ethernet(packet(otherProtocol(2, patterned(8)))), "drop unsupported-protocol"],
  ["AH", ethernet(packet(otherProtocol(51, patterned(24)))), "drop unsupported-protocol"],
  ["G1 GRE cut", ethernet(packet(raw(47, 0, 0, 8))), "drop truncated"],
  ...[2, 3, 4, 5, 6, 7].map((version): [string, Uint8Array, string] => [
    `G2 GRE version ${version}`,
    ethernet(packet(raw(47, 0, version, 8, 0, 1, 2, 3, 4))),
    "drop unsupported-protocol",
  ]),
  ["G3 GRE with a source route", ethernet(packet(raw(47, 0x40, 0, 8, 0, 0, 0, 0, 0))), "drop unsupported-protocol"],
  ["G4 GRE version 1 without a key", ethernet(packet(raw(47, 0, 1, 0x88, 0x0b))), "drop unsupported-protocol"],
  ["E1 ESP of 7 bytes", ethernet(packet(otherProtocol(50, patterned(7)))), "drop truncated"],

  ...[0, 1, 2, 3, 4, 5, 6, 7].map((length): [string, Uint8Array, string] => [
    `C1 ICMP cut to ${length} bytes`,
    ethernet(packet(otherProtocol(1, patterned(length)))),
    "drop truncated",
  ]),
  [
    "C2 echo with a bad checksum, kept as bad by default",
    ethernet(packet(icmpEcho({ id: 7, checksum: { wrongBy: 3 } }))),
    SNAT,
  ],
  ["C19 echo id 0", ethernet(packet(icmpEcho({ id: 0 }))), SNAT],
  ["C19 echo id ffff", ethernet(packet(icmpEcho({ id: 0xffff }))), SNAT],
];

const fromInside = (frame: Uint8Array): RigFrame => ({ hook: "from-endpoint", frame });
const said = ({ action, reason }: { action: string; reason: string }) => (reason ? `${action} ${reason}` : action);

describe("T01 malformed packets of nat-requirements section 4, sent from inside", () => {
  it.each(ROWS)("%s", async (_, frame, verdict) => {
    const nat = await Nat.start();
    const outcome = nat.one(fromInside(frame));
    expect(said(outcome)).toBe(verdict);
    if (verdict.startsWith("drop")) expect(nat.counters).toMatchObject({ entries: 0, opened: 0 });
    nat.check();
  });

  it("none leaks with a hop to the gateway either; TTL 0 and 1 end there", async () => {
    const nat = await Nat.start({ hop: true });
    for (const [id, frame] of ROWS) {
      const outcome = nat.one(fromInside(frame));
      if (id.startsWith("I11")) expect(said(outcome)).toBe("drop ttl-exceeded");
    }
    nat.check();
  });

  it("L01 frames of 0 to 13 bytes are truncated", async () => {
    const nat = await Nat.start();
    for (let length = 0; length <= 13; length++)
      expect(said(nat.one(fromInside(ethernet(packet()).slice(0, length))))).toBe("drop truncated");
    nat.check();
  });

  it("all of them together: every frame counts as passed or under its one reason", async () => {
    const nat = await Nat.start({ engine: { arenaSize: 4 << 20 } });
    nat.send(ROWS.map(([, frame]) => fromInside(frame)));
    const { actions, reasons } = nat.counters;
    const explained = Object.values(reasons).reduce((sum, count) => sum + count, 0);
    expect((actions.snat ?? 0) + explained).toBe(ROWS.length);
    nat.check();
  });
});

describe("T3 all 64 sets of TCP flags", () => {
  const WORDS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];

  it.each(Array.from({ length: 64 }, (_, set) => set))("set %i as a first segment, and on a live flow", async (set) => {
    const flags = WORDS.filter((_, i) => set & (1 << i));
    const has = (word: string) => flags.includes(word);
    const segment = (srcPort: number) => tcp({ srcPort, dstPort: 443, flags: flags.join(" ") });
    const states = ["SYN", "FIN", "RST"].filter(has);
    const isNonsense = states.length > 1 || (has("FIN") && !has("ACK"));
    const cannotBegin = isNonsense || (states.length === 0 && !has("ACK"));
    const nat = await Nat.start();
    const first = said(nat.out(segment(5000)));
    if (cannotBegin) expect(first).toBe("drop bad-header");
    else expect(first).toBe(has("SYN") && has("ACK") ? "pass reply-of-inbound" : "snat");
    const { natPort } = nat.out(tcp({ srcPort: OWN, dstPort: 443, flags: "SYN" }));
    nat.back(tcp({ srcPort: 443, dstPort: natPort, flags: "SYN ACK" }));
    const later = nat.out(segment(OWN));
    expect(said(later)).toBe(isNonsense ? "drop bad-header" : "snat");
    expect(said(nat.back(tcp({ srcPort: 443, dstPort: natPort, flags: flags.join(" ") })))).toBe(
      isNonsense ? "drop bad-header" : "reverse",
    );
    nat.check();
  });
});

describe("C3 every ICMP type and code (RFC 5508 REQ-10, REQ-11)", () => {
  /** What a gateway does with each type from inside that belongs to no flow. */
  function expected(type: number, code: number): string {
    if ([3, 4, 11, 12].includes(type)) return "drop truncated";
    // The messages have 8 bytes: no times.
    if (type === 13 || type === 14) return "drop truncated";
    if (type === 8 && code === 0) return "snat";
    if (type === 0 && code === 0) return "pass reply-of-inbound";
    return "drop unsupported-protocol";
  }

  it("65,536 messages from inside: echoes are translated, errors need a flow, the rest is dropped and counted", async () => {
    const nat = await Nat.start({ engine: { arenaSize: 1 << 20 } });
    const wrong: string[] = [];
    for (let type = 0; type < 256; type++) {
      const outcomes = nat.send(
        Array.from({ length: 256 }, (_, code) =>
          fromInside(ethernet(packet(icmpMessage({ type, code, word: type * 65_536 + 1 })))),
        ),
      );
      outcomes.forEach((outcome, code) => {
        if (said(outcome) !== expected(type, code)) wrong.push(`${type}/${code}: ${said(outcome)}`);
      });
    }
    expect(wrong).toEqual([]);
    nat.check();
  });

  it("the same from outside to the egress IP: nothing enters", async () => {
    const nat = await Nat.start();
    for (let type = 0; type < 256; type++)
      for (const code of [0, 1, 255]) {
        const outcome = nat.back(icmpMessage({ type, code, word: 0x0007_0001 }));
        expect(outcome.action).toBe("drop");
      }
    expect(nat.counters.entries).toBe(0);
    nat.check();
  });
});

describe("T02 cut at every byte", () => {
  const INIT = sctp({ srcPort: OWN, dstPort: 443 });
  const KINDS: Record<string, Layer4> = { TCP: SYN, UDP: QUERY, ICMP: icmpEcho({ id: 9 }), SCTP: INIT };
  /** Bytes of transport header without which a packet cannot be told: all of it on the wire. */
  const NEEDED: Record<string, number> = { TCP: 20, UDP: 8, ICMP: 8, SCTP: 32 };

  describe.each(Object.entries(KINDS))("%s", (name, l4) => {
    const whole = ethernet(packet(l4));

    it("I01 with the lengths as they were: truncated from the first missing byte on", async () => {
      for (let length = 0; length < whole.length; length++) {
        const nat = await Nat.start();
        const frame = whole.slice(0, length);
        expect(said(nat.one(fromInside(frame)))).toBe("drop truncated");
        expect(nat.counters.entries).toBe(0);
        nat.check();
      }
    });

    it("I02 with the lengths made consistent: dropped with a reason until the header is complete, then translated", async () => {
      for (let length = 20; length <= whole.length - 14; length++) {
        const nat = await Nat.start();
        const inner = packet(l4).slice(20, length);
        if (name === "UDP" && inner.length >= 6) inner.set([inner.length >> 8, inner.length & 255], 4);
        const shorter = { protocol: l4.protocol, bytes: () => inner };
        const outcome = nat.one(fromInside(ethernet(packet(shorter))));
        const short = name === "SCTP" ? "drop sctp-bad" : "drop truncated";
        expect(said(outcome)).toBe(length < 20 + NEEDED[name] ? short : "snat");
        expect(nat.counters.entries).toBe(outcome.action === "snat" ? 1 : 0);
        nat.check();
      }
    });
  });
});
