import { expect, test } from "vitest";
import {
  crc32c,
  ethernet,
  icmpEcho,
  ipv4,
  ipv4FragmentsOf,
  ipv6,
  nullLink,
  onesSum,
  patterned,
  ppp,
  qinq,
  sll,
  sll2,
  tcp,
  text,
  udp,
} from "./frames.js";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

// Both vectors were put on a wire and accepted by a Linux stack that checks them.
test("a UDP checksum equals that of a datagram a Linux stack accepted", () => {
  const payload = Uint8Array.of(0x12, 0x34, 0x45, 0xdd);
  const packet = ipv4({ src: "10.0.0.2", dst: "192.0.2.102" }, udp({ srcPort: 9000, dstPort: 53, payload }));
  expect(hex(packet.subarray(26, 28))).toBe("b7ff");
});

test("a TCP checksum equals that of a segment a Linux stack accepted", () => {
  const segment = tcp({ srcPort: 9001, dstPort: 80, seq: 1, ack: 0, flags: "SYN", window: 8192, urgent: 0xe800 });
  expect(hex(ipv4({ src: "10.0.0.2", dst: "192.0.2.102" }, segment).subarray(36, 38))).toBe("b7ff");
});

test("an IPv4 header with the published checksum b861 sums to ffff", () => {
  const header = Buffer.from("45000073000040004011b861c0a80001c0a800c7", "hex");
  expect(onesSum(header)).toBe(0xffff);
});

test("CRC32c of 123456789 is the catalogue's check value", () => {
  expect(crc32c(text("123456789"))).toBe(0xe3069283);
});

test("fragments of a packet put together again are the packet's body, and every header sums right", () => {
  const whole = ipv4({ src: "10.0.0.2", dst: "192.0.2.9" }, icmpEcho({ id: 7, payload: patterned(100) }));
  const fragments = ipv4FragmentsOf(whole, [32, 48]);
  expect(fragments.map((f) => f.length - 20)).toEqual([32, 48, 28]);
  expect(fragments.map((f) => ((f[6] << 8) | f[7]) & 0x3fff)).toEqual([0x2000, 0x2004, 10]);
  expect(Buffer.concat(fragments.map((f) => f.subarray(20)))).toEqual(Buffer.from(whole.subarray(20)));
  for (const fragment of fragments) expect(onesSum(fragment.subarray(0, 20))).toBe(0xffff);
});

test("each link header ends in the bytes that name IPv4 or IPv6", () => {
  const four = ipv4({ src: "10.0.0.2", dst: "192.0.2.9" }, udp({ srcPort: 1, dstPort: 2 }));
  const six = ipv6({ src: "fd00::1", dst: "2001:db8::9" }, udp({ srcPort: 1, dstPort: 2 }));
  const header = (frame: Uint8Array, packet: Uint8Array) => hex(frame.subarray(0, frame.length - packet.length));
  expect(header(ethernet(four), four)).toBe("0200000000020200000000010800");
  expect(header(qinq(six, 100, 7), six)).toBe("02000000000202000000000188a800648100000786dd");
  expect(header(sll(four), four)).toBe("00000001000602000000000100000800");
  expect(header(sll2(six), six)).toBe("86dd00000000000200010006020000000001" + "0000");
  expect([header(nullLink(four), four), header(nullLink(six, "big"), six)]).toEqual(["02000000", "0000001e"]);
  expect([header(ppp(four), four), header(ppp(six, false), six)]).toEqual(["ff030021", "0057"]);
});
