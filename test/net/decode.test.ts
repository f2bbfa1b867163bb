import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatAddress } from "../../src/net/address.js";
import {
  decodeFrame,
  destinationAddress,
  destinationPort,
  type IpPacket,
  isEchoRequest,
  isFragment,
  isWhole,
  sourceAddress,
  sourcePort,
} from "../../src/net/decode.js";
import {
  concat,
  ethernet,
  icmpEcho,
  icmpMessage,
  ipv4,
  ipv4FragmentsOf,
  ipv6,
  ipv6FragmentsOf,
  type Layer4,
  loopLink,
  nullLink,
  otherProtocol,
  patterned,
  ppp,
  qinq,
  sctp,
  sll,
  sll2,
  tcp,
  udp,
} from "../support/frames.js";

const [RAW, ETHERNET, NULL, LOOP, PPP, SLL, SLL2, IPV4, IPV6] = [101, 1, 0, 108, 9, 113, 276, 228, 229];
const ENDPOINT = "10.1.0.7";
const REMOTE = "198.51.100.9";
const ENDPOINT6 = "fd00:1::7";
const REMOTE6 = "2001:db8:5::9";

const four = (layer4: Layer4, more = {}) => ipv4({ src: ENDPOINT, dst: REMOTE, ...more }, layer4);
const six = (layer4: Layer4, more = {}) => ipv6({ src: ENDPOINT6, dst: REMOTE6, ...more }, layer4);

/** The five-tuple in words, as a person would write it. */
function words(frame: Uint8Array, packet: IpPacket | undefined): string {
  if (!packet) return "not IP";
  const source = `${formatAddress(sourceAddress(frame, packet))}:${sourcePort(frame, packet)}`;
  const destination = `${formatAddress(destinationAddress(frame, packet))}:${destinationPort(frame, packet)}`;
  return `${packet.kind} ${source} > ${destination}`;
}

function decoded(frame: Uint8Array, linkType = RAW, wireLength = frame.length): IpPacket {
  const packet = decodeFrame(frame, linkType, wireLength);
  if (!packet) throw new Error("not decoded");
  return packet;
}

describe("the link layer", () => {
  const datagram = udp({ srcPort: 40000, dstPort: 53 });
  const cases: [string, number, (packet: Uint8Array) => Uint8Array][] = [
    ["Ethernet", ETHERNET, (p) => ethernet(p)],
    ["one VLAN tag", ETHERNET, (p) => ethernet(p, { vlans: [{ id: 5 }] })],
    ["QinQ", ETHERNET, (p) => qinq(p, 5, 6)],
    ["three tags", ETHERNET, (p) => ethernet(p, { vlans: [{ id: 1, tpid: 0x9100 }, { id: 2 }, { id: 3 }] })],
    ["Linux cooked v1", SLL, (p) => sll(p)],
    ["Linux cooked v2", SLL2, (p) => sll2(p)],
    ["null, little-endian", NULL, (p) => nullLink(p)],
    ["null, big-endian", NULL, (p) => nullLink(p, "big")],
    ["OpenBSD loop", LOOP, (p) => loopLink(p)],
    ["PPP with HDLC bytes", PPP, (p) => ppp(p)],
    ["PPP without them", PPP, (p) => ppp(p, false)],
    ["PPP with a one-byte protocol", PPP, (p) => concat(Uint8Array.of(p[0] >> 4 === 4 ? 0x21 : 0x57), p)],
    ["raw IP", RAW, (p) => p],
  ];
  test.each(cases)("an IPv4 and an IPv6 datagram are found behind %s", (_, linkType, wrap) => {
    const v4 = wrap(four(datagram));
    const v6 = wrap(six(datagram));
    expect(words(v4, decodeFrame(v4, linkType, v4.length))).toBe(`udp ${ENDPOINT}:40000 > ${REMOTE}:53`);
    expect(words(v6, decodeFrame(v6, linkType, v6.length))).toBe(`udp ${ENDPOINT6}:40000 > ${REMOTE6}:53`);
  });

  test("raw IPv4 and raw IPv6 link types hold the packet at once", () => {
    expect(decoded(four(datagram), IPV4).family).toBe(4);
    expect(decoded(six(datagram), IPV6).family).toBe(6);
  });

  test("other EtherTypes, other loopback families, other versions and unknown link types are not IP", () => {
    const packet = four(datagram);
    expect(decodeFrame(ethernet(packet, { etherType: 0x0806 }), ETHERNET, 60)).toBeUndefined();
    expect(decodeFrame(concat(Uint8Array.of(7, 0, 0, 0), packet), NULL, 60)).toBeUndefined();
    expect(decodeFrame(concat(Uint8Array.of(0x55), packet), RAW, 60)).toBeUndefined();
    expect(decodeFrame(packet, 147, 60)).toBeUndefined();
  });

  test("padding behind the packet belongs to the link layer", () => {
    const frame = ethernet(four(udp({ srcPort: 1, dstPort: 2 })), { trailer: new Uint8Array(18) });
    const packet = decoded(frame, ETHERNET);
    expect(packet.end).toBe(14 + 28);
    expect(isWhole(packet)).toBe(true);
  });
});

describe("IPv4", () => {
  test("options are stepped over", () => {
    const frame = four(tcp({ srcPort: 1000, dstPort: 443, flags: "SYN" }), { options: Uint8Array.of(7, 7, 4, 0, 0) });
    const packet = decoded(frame);
    expect(words(frame, packet)).toBe(`tcp ${ENDPOINT}:1000 > ${REMOTE}:443`);
    expect([packet.transportAt, packet.tcpFlags, packet.payloadAt]).toEqual([28, 2, 48]);
  });

  test("only the first fragment has ports, and all say what datagram they are of", () => {
    const whole = four(udp({ srcPort: 9, dstPort: 10, payload: patterned(100) }), { id: 77 });
    const pieces = ipv4FragmentsOf(whole, [40, 40]).map((piece) => decoded(piece));
    expect(pieces.map((p) => p.kind)).toEqual(["udp", "later-fragment", "later-fragment"]);
    expect(pieces.map((p) => [p.fragmentId, p.fragmentOffset, p.moreFragments])).toEqual([
      [77, 0, true],
      [77, 40, true],
      [77, 80, false],
    ]);
    expect(pieces.every(isFragment)).toBe(true);
    expect(isFragment(decoded(whole))).toBe(false);
  });

  test("a total length of zero reaches to the end of the frame, as segmentation offload leaves it", () => {
    const packet = decoded(four(tcp({ srcPort: 1, dstPort: 2, payload: patterned(50) }), { totalLength: 0 }));
    expect([packet.length, packet.fault, isWhole(packet)]).toEqual([90, "", true]);
  });

  test("a total length beyond the wire is truncated, beyond the capture alone it is merely not whole", () => {
    const whole = four(tcp({ srcPort: 5, dstPort: 6, payload: patterned(50) }));
    const short = whole.subarray(0, 60);
    expect(decoded(short, RAW, 60)).toMatchObject({ fault: "truncated", kind: "tcp", sourcePortAt: 20 });
    expect(decoded(short, RAW, 90)).toMatchObject({ fault: "", kind: "tcp", end: 60, length: 90 });
  });

  test("a header length below five words or beyond the total length is bad, but the addresses are known", () => {
    const low = four(udp({ srcPort: 1, dstPort: 2 }));
    low[0] = 0x44;
    const long = four(udp({ srcPort: 1, dstPort: 2 }));
    long[0] = 0x4f;
    for (const frame of [low, long]) {
      expect(decoded(frame)).toMatchObject({ fault: "bad-header", kind: "unreadable" });
      expect(words(frame, decoded(frame))).toBe(`unreadable ${ENDPOINT}:0 > ${REMOTE}:0`);
    }
  });

  test("ports that the capture cut off are unreadable and cut, that the wire lacked unreadable and truncated", () => {
    const frame = four(udp({ srcPort: 1, dstPort: 2 }));
    expect(decoded(frame.subarray(0, 22), RAW, 28)).toMatchObject({ kind: "unreadable", fault: "cut" });
    expect(decoded(frame.subarray(0, 22), RAW, 22)).toMatchObject({ kind: "unreadable", fault: "truncated" });
  });

  test("protocols without ports are other", () => {
    const frame = four(otherProtocol(47, patterned(12)));
    expect(words(frame, decoded(frame))).toBe(`other ${ENDPOINT}:0 > ${REMOTE}:0`);
  });

  test("SCTP has ports and a four-byte checksum", () => {
    const frame = four(sctp({ srcPort: 3000, dstPort: 36412 }));
    expect(words(frame, decoded(frame))).toBe(`sctp ${ENDPOINT}:3000 > ${REMOTE}:36412`);
    expect(decoded(frame).checksumAt).toBe(28);
  });
});

describe("IPv6", () => {
  test("extension headers of every kind are stepped over", () => {
    const extensions = [0, 60, 43, 51, 135, 60].map((type, i) => ({ type, body: patterned(6 + 8 * (i % 3)) }));
    const frame = six(udp({ srcPort: 7, dstPort: 8 }), { extensions });
    expect(words(frame, decoded(frame))).toBe(`udp ${ENDPOINT6}:7 > ${REMOTE6}:8`);
  });

  test("an atomic fragment is no fragment, a later fragment is never read as ports", () => {
    const atomic = six(udp({ srcPort: 7, dstPort: 8 }), { fragment: { id: 9 } });
    expect([decoded(atomic).kind, isFragment(decoded(atomic))]).toEqual(["udp", false]);
    const whole = six(udp({ srcPort: 7, dstPort: 8, payload: patterned(100) }));
    const pieces = ipv6FragmentsOf(whole, [48, 40], 0xfedcba98).map((piece) => decoded(piece));
    expect(pieces.map((p) => [p.kind, p.fragmentOffset, p.fragmentId])).toEqual([
      ["udp", 0, 0xfedcba98],
      ["later-fragment", 48, 0xfedcba98],
      ["later-fragment", 88, 0xfedcba98],
    ]);
  });

  test("a chain that runs past the packet is truncated; no next header is other", () => {
    const frame = six(udp({ srcPort: 7, dstPort: 8 }), { extensions: [{ type: 60 }] });
    frame[41] = 200;
    expect(decoded(frame)).toMatchObject({ kind: "unreadable", fault: "truncated" });
    expect(decoded(six(otherProtocol(59, new Uint8Array(0))))).toMatchObject({ kind: "other", protocol: 59 });
  });
});

describe("ICMP", () => {
  test("an echo has its identifier as source port, in both families", () => {
    const v4 = four(icmpEcho({ id: 4711 }));
    const v6 = six(icmpEcho({ id: 4711, reply: true }));
    expect(words(v4, decoded(v4))).toBe(`echo ${ENDPOINT}:4711 > ${REMOTE}:0`);
    expect(words(v6, decoded(v6))).toBe(`echo ${ENDPOINT6}:4711 > ${REMOTE6}:0`);
    expect([decoded(v4).icmpType, decoded(v6).icmpType]).toEqual([8, 129]);
  });

  test("an error shows the packet it quotes, cut to eight bytes of TCP", () => {
    const inner = four(tcp({ srcPort: 50000, dstPort: 443 })).subarray(0, 28);
    const frame = ipv4({ src: "203.0.113.1", dst: ENDPOINT }, icmpMessage({ type: 11, inner }));
    const packet = decoded(frame);
    expect(packet.kind).toBe("icmp-error");
    expect(words(frame, packet.inner)).toBe(`tcp ${ENDPOINT}:50000 > ${REMOTE}:443`);
    expect([packet.inner?.checksumAt, packet.inner?.end]).toEqual([-1, 56]);
  });

  test("an ICMPv6 error shows the ports behind the quoted extension headers", () => {
    const inner = six(udp({ srcPort: 50001, dstPort: 53 }), { extensions: [{ type: 0 }] });
    const frame = ipv6({ src: "2001:db8::1", dst: ENDPOINT6 }, icmpMessage({ type: 1, code: 4, inner }));
    expect(words(frame, decoded(frame).inner)).toBe(`udp ${ENDPOINT6}:50001 > ${REMOTE6}:53`);
  });

  test("an error about an error is followed one level deep", () => {
    const quoted = four(icmpMessage({ type: 3, inner: four(udp({ srcPort: 1, dstPort: 2 })) }));
    const inner = decoded(ipv4({ src: REMOTE, dst: ENDPOINT }, icmpMessage({ type: 3, inner: quoted }))).inner;
    expect([inner?.kind, inner?.inner]).toEqual(["icmp-error", undefined]);
  });

  test("timestamps have an identifier as echoes do, and ask or answer", () => {
    const [request, reply] = [13, 14].map((type) => decoded(four(icmpMessage({ type, word: 7 * 0x10000 }))));
    expect([request!.kind, isEchoRequest(request!), reply!.kind, isEchoRequest(reply!)]).toEqual([
      ...["echo", true],
      ...["echo", false],
    ]);
  });

  test("deprecated queries and neighbour discovery are neither echo nor error", () => {
    for (const type of [15, 16, 17, 18]) expect(decoded(four(icmpMessage({ type }))).kind).toBe("icmp-other");
    expect(decoded(six(icmpMessage({ type: 135 }))).kind).toBe("icmp-other");
  });
});

test("an address is a copy, also of a Buffer, whose slices share memory", () => {
  const frame = Buffer.from(six(udp({ srcPort: 1, dstPort: 2 })));
  const before = sourceAddress(frame, decoded(frame));
  frame.fill(0, 8, 24);
  expect(formatAddress(before)).toBe(ENDPOINT6);
});

describe("hostile bytes", () => {
  const frames = [
    four(tcp({ srcPort: 1, dstPort: 2, options: patterned(12), payload: patterned(9) })),
    four(sctp({ srcPort: 1, dstPort: 2 })),
    four(icmpMessage({ type: 3, inner: four(udp({ srcPort: 1, dstPort: 2, payload: patterned(5) })) })),
    six(udp({ srcPort: 1, dstPort: 2 }), { extensions: [{ type: 0 }, { type: 51 }], fragment: { id: 1, more: true } }),
    six(icmpMessage({ type: 2, inner: six(tcp({ srcPort: 1, dstPort: 2 }), { extensions: [{ type: 60 }] }) })),
  ];

  test("every truncation of every packet decodes to something whose places lie inside the frame", () => {
    for (const frame of frames) {
      for (let length = 0; length <= frame.length; length++) {
        for (const wire of [length, frame.length]) {
          const piece = frame.subarray(0, length);
          expectInside(piece, decodeFrame(piece, RAW, wire));
        }
      }
    }
  });

  test("random bytes and random flips decode to something whose places lie inside the frame", () => {
    const mutated = fc
      .tuple(fc.constantFrom(...frames), fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 }))
      .map(([frame, flips]) => {
        const copy = frame.slice();
        for (const [at, value] of flips) if (at < copy.length) copy[at] = value;
        return copy;
      });
    const links = fc.constantFrom(RAW, ETHERNET, NULL, LOOP, PPP, SLL, SLL2, IPV4, IPV6);
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 120 })), links, fc.nat(400), (frame, link, extra) => {
        expectInside(frame, decodeFrame(frame, link, frame.length + extra));
        expectInside(frame, decodeFrame(frame, RAW, frame.length));
      }),
      { seed: 7, numRuns: 3000 },
    );
  });

  test("8,000 extension headers in one packet are walked once", () => {
    const chain = new Uint8Array(8 * 8000).fill(0).map((_, i) => (i % 8 === 0 ? 60 : 0));
    const frame = six(otherProtocol(60, chain));
    expect(decoded(frame)).toMatchObject({ kind: "unreadable", fault: "truncated" });
  });

  function expectInside(frame: Uint8Array, packet: IpPacket | undefined): void {
    if (!packet) return;
    const places = [packet.sourcePortAt, packet.destinationPortAt, packet.checksumAt].filter((at) => at >= 0);
    for (const at of places) expect(at + 2).toBeLessThanOrEqual(packet.end);
    expect(packet.end).toBeLessThanOrEqual(frame.length);
    expect(packet.destinationAt + (packet.family === 4 ? 4 : 16)).toBeLessThanOrEqual(frame.length);
    expect(packet.payloadAt).toBeLessThanOrEqual(packet.end);
    if (packet.kind !== "unreadable") expect(packet.transportAt).toBeLessThanOrEqual(packet.end);
    expectInside(frame, packet.inner);
  }
});
