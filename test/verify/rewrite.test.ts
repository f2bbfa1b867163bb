import { describe, expect, test } from "vitest";
import { decodeFrame, type IpPacket } from "../../src/net/decode.js";
import { rewriteFindings } from "../../src/verify/rewrite.js";
import {
  type ChecksumChoice,
  ethernet,
  icmpEcho,
  ipv4,
  ipv6,
  type Layer4,
  otherProtocol,
  patterned,
  qinq,
  sctp,
  sll,
  sll2,
  tcp,
  udp,
} from "../support/frames.js";
import { EGRESS_A, EGRESS6_A, POD, POD6, poke, REMOTE, REMOTE6 } from "./scene.js";

const RAW = 101;
const four = (src: string, layer4: Layer4, more = {}) => ipv4({ src, dst: REMOTE, ...more }, layer4);
const six = (src: string, layer4: Layer4) => ipv6({ src, dst: REMOTE6 }, layer4);

/** `field` of everything that is wrong with `result` as the translation of `given`; no hop. */
function faults(given: Uint8Array, result: Uint8Array, linkType = RAW, wireLength = given.length): string[] {
  const packet = decodeFrame(given, linkType, wireLength) as IpPacket;
  return rewriteFindings({ o: { given, result }, packet }, "source", 0).map((finding) => finding.field);
}

type Build = (port: number, checksum?: ChecksumChoice) => Layer4;
const TCP: Build = (srcPort, checksum) => tcp({ srcPort, dstPort: 443, payload: patterned(31), checksum });
const UDP: Build = (srcPort, checksum) => udp({ srcPort, dstPort: 53, payload: patterned(31), checksum });
const ECHO: Build = (id, checksum) => icmpEcho({ id, payload: patterned(31), checksum });

describe("a checksum keeps its rightness", () => {
  const builds: [string, Build][] = [
    ["TCP", TCP],
    ["UDP", UDP],
    ["echo", ECHO],
  ];
  test.each(builds)("%s: wrong stays wrong by the same amount, in both families", (_, build) => {
    for (const [packet, inside, outside] of [
      [four, POD, EGRESS_A],
      [six, POD6, EGRESS6_A],
    ] as const) {
      for (const wrongBy of [1, 0x111, 0x8000]) {
        const given = packet(inside, build(1000, { wrongBy }));
        expect(faults(given, packet(outside, build(2000, { wrongBy })))).toEqual([]);
        expect(faults(given, packet(outside, build(2000)))).toEqual(["transport-checksum"]);
        expect(faults(given, packet(outside, build(2000, { wrongBy: wrongBy + 1 })))).toEqual(["transport-checksum"]);
      }
    }
  });

  test("a wrong IPv4 header checksum stays wrong by the same amount", () => {
    const wrong = { headerChecksum: { wrongBy: 9 } };
    expect(faults(four(POD, TCP(1), wrong), four(EGRESS_A, TCP(2), wrong))).toEqual([]);
    expect(faults(four(POD, TCP(1), wrong), four(EGRESS_A, TCP(2)))).toEqual(["ip-checksum"]);
  });

  test("a UDP checksum of zero stays zero, a computed one never becomes it", () => {
    expect(faults(four(POD, UDP(1, 0)), four(EGRESS_A, UDP(2, 0)))).toEqual([]);
    expect(faults(four(POD, UDP(1, 0)), four(EGRESS_A, UDP(2)))).toEqual(["transport-checksum"]);
    expect(faults(four(POD, UDP(1)), four(EGRESS_A, UDP(2, 0)))).toEqual(["transport-checksum"]);
  });

  test("the vector whose UDP checksum becomes zero leaves as ffff, its TCP twin as 0000 or ffff, which are one value", () => {
    const payload = Uint8Array.of(0x12, 0x34, 0x45, 0xdd);
    const datagram = (src: string, checksum?: number) =>
      ipv4({ src, dst: "192.0.2.102" }, udp({ srcPort: 9000, dstPort: 53, payload, checksum }));
    expect(Buffer.from(datagram("192.0.2.1")).readUInt16BE(26)).toBe(0xffff);
    expect(faults(datagram("10.0.0.2"), datagram("192.0.2.1"))).toEqual([]);
    expect(faults(datagram("10.0.0.2"), datagram("192.0.2.1", 0))).toEqual(["transport-checksum"]);
    const segment = (src: string, checksum?: number) =>
      ipv4({ src, dst: "192.0.2.102" }, tcp({ srcPort: 9001, dstPort: 80, flags: "SYN", urgent: 0xe800, checksum }));
    expect(Buffer.from(segment("192.0.2.1")).readUInt16BE(36)).toBe(0);
    for (const checksum of [0, 0xffff]) expect(faults(segment("10.0.0.2"), segment("192.0.2.1", checksum))).toEqual([]);
  });

  test("a partial checksum stays partial, also in a cut frame; completing it is none of the engine's business", () => {
    for (const build of [TCP, UDP]) {
      const [given, result] = [four(POD, build(1, "partial")), four(EGRESS_A, build(2, "partial"))];
      expect(faults(given, result)).toEqual([]);
      expect(faults(given, four(EGRESS_A, build(2)))).toEqual(["transport-checksum"]);
      expect(faults(given.subarray(0, 44), result.subarray(0, 44), RAW, given.length)).toEqual([]);
    }
  });

  test("a frame cut by the capture is judged by what changed", () => {
    const [given, result] = [four(POD, TCP(1)).subarray(0, 45), four(EGRESS_A, TCP(2)).subarray(0, 45)];
    expect(faults(given, result, RAW, 71)).toEqual([]);
    expect(faults(given, poke(result, 37, result[37] ^ 1), RAW, 71)).toEqual(["transport-checksum"]);
    // Cut before the checksum: nothing to judge but the header's.
    expect(faults(given.subarray(0, 30), result.subarray(0, 30), RAW, 71)).toEqual([]);
  });

  test("SCTP: a new port needs a new CRC32c, a new address alone leaves it", () => {
    const packet = (src: string, srcPort: number, checksum?: number) =>
      four(src, sctp({ srcPort, dstPort: 9, checksum }));
    expect(faults(packet(POD, 1), packet(EGRESS_A, 2))).toEqual([]);
    expect(faults(packet(POD, 1), packet(EGRESS_A, 1))).toEqual([]);
    expect(faults(packet(POD, 1), packet(EGRESS_A, 2, 0x01020304))).toEqual(["transport-checksum"]);
    expect(faults(packet(POD, 1), packet(EGRESS_A, 1, 0x01020304))).toEqual(["transport-checksum"]);
    expect(faults(packet(POD, 1, 0x01020304), packet(EGRESS_A, 2))).toEqual(["transport-checksum"]);
    // Off by the same bits before and after; by others; and not computed at all, which it stays.
    const off = (frame: Uint8Array, bits = 0x40) => frame.map((byte, at) => (at === 20 + 8 ? byte ^ bits : byte));
    expect(faults(off(packet(POD, 1)), off(packet(EGRESS_A, 2)))).toEqual([]);
    expect(faults(off(packet(POD, 1)), off(packet(EGRESS_A, 2), 0x41))).toEqual(["transport-checksum"]);
    expect(faults(packet(POD, 1, 0), packet(EGRESS_A, 2, 0))).toEqual([]);
    expect(faults(packet(POD, 1, 0), packet(EGRESS_A, 2))).toEqual(["transport-checksum"]);
  });
});

test("what translation may change is found behind every link header, VLAN tags and options", () => {
  const options = { options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0) };
  const [given, result] = [four(POD, TCP(1), options), four(EGRESS_A, TCP(2), options)];
  const wraps: [(packet: Uint8Array) => Uint8Array, number][] = [
    [(p) => ethernet(p, { vlans: [{ id: 4 }], trailer: patterned(7) }), 1],
    [(p) => qinq(p, 4, 5), 1],
    [(p) => sll(p), 113],
    [(p) => sll2(p), 276],
  ];
  for (const [wrap, linkType] of wraps) {
    expect(faults(wrap(given), wrap(result), linkType)).toEqual([]);
    const last = wrap(result).length - 1;
    expect(faults(wrap(given), poke(wrap(result), last, wrap(result)[last] ^ 1), linkType).length).toBeGreaterThan(0);
    expect(faults(wrap(given), poke(wrap(result), 1, 0x5a), linkType)).toEqual(["header-bytes"]);
  }
});

test("a protocol without ports has its address changed and nothing else", () => {
  const [given, result] = [
    four(POD, otherProtocol(47, patterned(20))),
    four(EGRESS_A, otherProtocol(47, patterned(20))),
  ];
  expect(faults(given, result)).toEqual([]);
  expect(faults(given, poke(result, 21, 0xee))).toEqual(["payload"]);
});

test("every single byte that changes beyond what may change is found", () => {
  const [given, result] = [four(POD, UDP(1)), four(EGRESS_A, UDP(2))];
  for (let at = 0; at < result.length; at++) {
    // An address or port of another value is no fault here, but the checksums then do not fit.
    expect(faults(given, poke(result, at, result[at] ^ 0x10)), `byte ${at}`).not.toEqual([]);
  }
});
