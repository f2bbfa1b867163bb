import { describe, expect, it } from "vitest";
import { connections } from "../../src/engine/conntrack.js";
import {
  be16,
  be32,
  concat,
  ethernet,
  icmpMessage,
  ipv4,
  ipv4FragmentsOf,
  ipv6,
  ipv6FragmentsOf,
  type Layer4,
  onesSum,
  otherProtocol,
  patterned,
} from "../support/frames.js";
import { dualModel, EXT6, INSIDE6, OTHER_INSIDE6, REMOTE6 } from "./dual-stack.js";
import { EXT, INSIDE, inbound, Nat, OTHER_INSIDE, OTHER_REMOTE, OUTSIDE_ROUTER, outbound, REMOTE } from "./rig.js";

const GRE = (words = 0x0000_0800) => otherProtocol(47, concat(be32(words), patterned(24)));
const ESP = (spi = 0x1111) => otherProtocol(50, concat(be32(spi), be32(1), patterned(24)));
const bytesOf = (l4: Layer4, src: string, dst: string) => ethernet(ipv4({ src, dst }, l4));

/** A checksum over pseudo-header and packet at offset 6, of a header of two ports and two words (RFC 3828 section 3.1, RFC 4340 section 5.1). */
function withChecksum(protocol: number, wrongBy = 0): Layer4 {
  return {
    protocol: () => protocol,
    bytes: ({ src, dst }) => {
      const packet = concat(be16(4000), be16(9), be16(0), be16(0), patterned(16));
      const pseudo = concat(src, dst, Uint8Array.of(0, protocol), be16(packet.length));
      const right = ~onesSum(pseudo, packet) & 0xffff;
      packet.set(be16((right + wrongBy) % 0xffff), 6);
      return packet;
    },
  };
}
const UDP_LITE = withChecksum(136);
const DCCP = withChecksum(33);

const PROTOCOLS: [string, Layer4, Layer4][] = [
  ["ESP", ESP(), ESP(0x2222)],
  ["GRE", GRE(), GRE(0x2000_0800)],
  ["protocol 253", otherProtocol(253, patterned(24)), otherProtocol(253, patterned(9))],
  ["UDP-Lite", UDP_LITE, UDP_LITE],
  ["DCCP", DCCP, DCCP],
  ["IPv4 in IPv4", otherProtocol(4, patterned(40)), otherProtocol(4, patterned(40))],
  ["a protocol without a byte of payload", otherProtocol(253, new Uint8Array(0)), otherProtocol(253, patterned(1))],
];

/** A packet of a protocol without ports and its two fragments, in either family. */
const FAMILIES = {
  IPv4: (src: string, l4: Layer4) => {
    const whole = ipv4({ src, dst: REMOTE, ttl: 64 }, l4);
    return { whole, parts: ipv4FragmentsOf(whole, [16]), own: INSIDE, other: OTHER_INSIDE, ext: EXT };
  },
  IPv6: (src: string, l4: Layer4) => {
    const whole = ipv6({ src, dst: REMOTE6 }, l4);
    return { whole, parts: ipv6FragmentsOf(whole, [16], 7), own: INSIDE6, other: OTHER_INSIDE6, ext: EXT6 };
  },
};

describe.each(["IPv4", "IPv6"] as const)("T50 in fragments, %s", (family) => {
  it.each([
    ["GRE", GRE()],
    ["ESP", ESP()],
    ["IPv4 in IP", otherProtocol(4, patterned(40))],
  ])("%s: they and whole packets are one connection, and another host's is refused", async (_, l4) => {
    const nat = await Nat.start({ model: dualModel(), engine: { connections6: 4096 } });
    const of = FAMILIES[family];
    const { own, other, ext, parts } = of(family === "IPv4" ? INSIDE : INSIDE6, l4);
    const send = (packet: Uint8Array) => nat.one({ hook: "from-endpoint", frame: ethernet(packet) });
    const left = parts.map((packet) => send(packet).frame);
    expect(left).toEqual(of(ext, l4).parts.map((packet) => ethernet(packet)));
    expect(send(of(own, l4).whole)).toMatchObject({ action: "snat", frame: ethernet(of(ext, l4).whole) });
    expect(nat.counters).toMatchObject({ entries: 1, opened: 1 });
    const refused = { action: "drop", reason: "protocol-conflict" };
    for (const packet of [of(other, l4).whole, ...of(other, l4).parts]) expect(send(packet)).toMatchObject(refused);
    nat.check();
  });
});

describe("T50 a second inside host that speaks a protocol without ports to the same remote", () => {
  it.each(PROTOCOLS)("%s: is refused as protocol-conflict, and the first is unaffected", async (_, first, second) => {
    const nat = await Nat.start();
    expect(nat.out(first).frame).toEqual(bytesOf(first, EXT, REMOTE));
    expect(nat.out(first)).toMatchObject({ action: "snat", natPort: 0 });
    const refused = outbound(second, { src: OTHER_INSIDE });
    expect(nat.one(refused)).toMatchObject({ action: "drop", reason: "protocol-conflict", frame: refused.frame });
    expect(nat.counters).toMatchObject({ entries: 1, opened: 1 });
    expect(nat.counters.reasons["protocol-conflict"]).toBe(1);
    expect(nat.back(second).frame).toEqual(bytesOf(second, REMOTE, INSIDE));
    expect(nat.out(first)).toMatchObject({ action: "snat" });
    nat.check();
  });

  it("is translated to another remote, by another protocol, and to this one once the first has been silent for 300 s", async () => {
    const nat = await Nat.start();
    nat.out(ESP());
    const out = (l4: Layer4, dst: string, atMs: number) => nat.out(l4, { src: OTHER_INSIDE, dst, atMs });
    expect(out(ESP(), OTHER_REMOTE, 1)).toMatchObject({ action: "snat" });
    expect(out(GRE(), REMOTE, 2)).toMatchObject({ action: "snat" });
    expect(out(ESP(), REMOTE, 299_990)).toMatchObject({ action: "drop", reason: "protocol-conflict" });
    expect(out(ESP(), REMOTE, 300_010)).toMatchObject({ action: "snat" });
    expect(nat.back(ESP(), { atMs: 300_020 }).frame).toEqual(bytesOf(ESP(), REMOTE, OTHER_INSIDE));
    nat.check();
  });

  it("shows as ports 0 in the table", async () => {
    const nat = await Nat.start();
    nat.out(ESP());
    expect(Array.from(connections(nat.rig.engine.conntrack()), ({ original }) => original)).toMatchObject([
      { protocol: 50, src: INSIDE, srcPort: 0, dst: REMOTE, dstPort: 0 },
    ]);
  });
});

describe("the checksum of UDP-Lite and DCCP", () => {
  it.each([136, 33])("of protocol %i follows the address; a wrong one stays wrong by as much", async (protocol) => {
    for (const wrongBy of [0, 77]) {
      const nat = await Nat.start();
      const l4 = withChecksum(protocol, wrongBy);
      expect(nat.out(l4).frame).toEqual(bytesOf(l4, EXT, REMOTE));
      expect(nat.back(l4).frame).toEqual(bytesOf(l4, REMOTE, INSIDE));
      nat.check();
    }
  });
});

describe("ICMP errors about protocols without ports", () => {
  const about = (l4: Layer4, src: string, cut?: number) =>
    icmpMessage({ type: 3, code: 4, word: 1400, inner: ipv4({ src, dst: REMOTE }, l4).slice(0, cut) });

  it.each(PROTOCOLS.slice(0, 5))("%s: reach the inside host, whole or cut to 8 bytes", async (_, l4) => {
    const nat = await Nat.start();
    nat.out(l4);
    for (const cut of [28, undefined])
      expect(nat.back(about(l4, EXT, cut), { src: OUTSIDE_ROUTER }).frame).toEqual(
        bytesOf(about(l4, INSIDE, cut), OUTSIDE_ROUTER, INSIDE),
      );
    nat.check();
  });
});

describe("what is not carried by address alone", () => {
  it.each([
    ["PPTP's GRE of version 1", otherProtocol(47, concat(be32(0x3001_880b), be32(4), patterned(8)))],
    ["AH", otherProtocol(51, patterned(24))],
    ["IGMP", otherProtocol(2, patterned(8))],
    ["ICMPv6 in IPv4", otherProtocol(58, Uint8Array.of(128, 0, 0, 0, 0, 1, 0, 1))],
  ])("%s: is refused as unsupported-protocol, in both directions", async (_, l4) => {
    const nat = await Nat.start();
    expect(nat.out(l4)).toMatchObject({ action: "drop", reason: "unsupported-protocol" });
    expect(nat.back(l4)).toMatchObject({ action: "drop", reason: "unsupported-protocol" });
    expect(nat.counters.entries).toBe(0);
    nat.check();
  });

  it("an unsolicited packet to the egress IP finds no mapping and makes none", async () => {
    const nat = await Nat.start();
    expect(nat.one(inbound(GRE()))).toMatchObject({ action: "drop", reason: "no-reverse-mapping" });
    expect(nat.counters.entries).toBe(0);
    nat.check();
  });

  it("multicast is never translated", async () => {
    const nat = await Nat.start();
    for (const protocol of [2, 47, 103, 112])
      expect(nat.out(otherProtocol(protocol, concat(be32(0x800), patterned(8))), { dst: "224.0.0.18" })).toMatchObject({
        action: "pass",
        reason: "multicast",
      });
    nat.check();
  });
});
