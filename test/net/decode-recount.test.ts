import { describe, expect, test } from "vitest";
import { decodeFrame, type IpPacket } from "../../src/net/decode.js";
import { checksumState, fold, ipv4HeaderSum, isSameSum, sctpCrc } from "../../src/net/recount.js";
import {
  type ChecksumChoice,
  icmpEcho,
  ipv4,
  ipv4FragmentsOf,
  ipv6,
  type Layer4,
  patterned,
  sctp,
  tcp,
  text,
  udp,
} from "../support/frames.js";

const RAW = 101;
const four = (layer4: Layer4, more = {}) => ipv4({ src: "10.1.0.7", dst: "198.51.100.9", ...more }, layer4);
const six = (layer4: Layer4) => ipv6({ src: "fd00::7", dst: "2001:db8::9" }, layer4);
const packetOf = (frame: Uint8Array, wire = frame.length) => decodeFrame(frame, RAW, wire) as IpPacket;
const stateOf = (frame: Uint8Array, wire?: number) => checksumState(frame, packetOf(frame, wire));

const BUILDERS: [string, (checksum?: ChecksumChoice) => Layer4][] = [
  ["TCP", (checksum) => tcp({ srcPort: 5, dstPort: 6, payload: patterned(33), checksum })],
  ["UDP", (checksum) => udp({ srcPort: 5, dstPort: 6, payload: patterned(33), checksum })],
  ["echo", (checksum) => icmpEcho({ id: 5, payload: patterned(33), checksum })],
];

describe.each(BUILDERS)("the checksum of a %s packet", (_, build) => {
  test.each([four, six])("is right when right and wrong by any amount", (packet) => {
    expect(stateOf(packet(build()))).toBe("right");
    for (const wrongBy of [1, 0x111, 0xfffe]) expect(stateOf(packet(build({ wrongBy })))).toBe("wrong");
  });

  test("cannot be recounted where bytes were not captured or lie in other fragments", () => {
    const whole = four(build());
    expect(stateOf(whole.subarray(0, whole.length - 1), whole.length)).toBe("unverifiable");
    expect(stateOf(ipv4FragmentsOf(whole, [32])[0])).toBe("unverifiable");
  });
});

test("the pseudo-header sum in the field is partial, in both families and also in a cut frame", () => {
  for (const packet of [four, six]) {
    for (const build of [BUILDERS[0][1], BUILDERS[1][1]]) {
      const frame = packet(build("partial"));
      expect(stateOf(frame)).toBe("partial");
      expect(stateOf(frame.subarray(0, frame.length - 9), frame.length)).toBe("partial");
    }
  }
});

test("a UDP checksum of zero is none", () => {
  expect(stateOf(four(udp({ srcPort: 1, dstPort: 2, checksum: 0 })))).toBe("none");
});

test("a right TCP checksum of zero is right also when sent as ffff", () => {
  const zero = { srcPort: 9002, dstPort: 80, flags: "SYN", window: 8192 };
  // The urgent pointer is free: search the value that makes the right checksum zero.
  const urgent = Array.from({ length: 65536 }, (_, u) => u).find((u) => {
    const frame = four(tcp({ ...zero, urgent: u }));
    return frame[36] === 0 && frame[37] === 0;
  });
  expect(urgent).toBeDefined();
  expect(stateOf(four(tcp({ ...zero, urgent, checksum: 0xffff })))).toBe("right");
});

test("an SCTP packet is judged by its CRC32c", () => {
  expect(stateOf(four(sctp({ srcPort: 1, dstPort: 2 })))).toBe("right");
  expect(stateOf(four(sctp({ srcPort: 1, dstPort: 2, checksum: 0x12345678 })))).toBe("wrong");
  const check = {
    ...packetOf(four(sctp({ srcPort: 1, dstPort: 2 }))),
    at: 0,
    length: 9,
    transportAt: 0,
    end: 9,
    checksumAt: 20,
  };
  expect(sctpCrc(text("123456789"), check as IpPacket)).toBe(0xe3069283);
});

test("an IPv4 header sums to ffff only when its checksum is right, options included", () => {
  const options = Uint8Array.of(7, 7, 4, 1, 2, 3, 4, 0);
  const right = four(udp({ srcPort: 1, dstPort: 2 }), { options });
  const wrong = four(udp({ srcPort: 1, dstPort: 2 }), { options, headerChecksum: { wrongBy: 2 } });
  expect(ipv4HeaderSum(right, packetOf(right))).toBe(0xffff);
  expect(ipv4HeaderSum(wrong, packetOf(wrong))).toBe(2);
  expect(ipv4HeaderSum(six(icmpEcho({ id: 1 })), packetOf(six(icmpEcho({ id: 1 }))))).toBe(0xffff);
});

test("sums beyond 32 bits fold, and 0 and ffff are one value", () => {
  expect(fold(0xffff * 0x10000 * 3)).toBe(0xffff);
  expect([isSameSum(0, 0xffff), isSameSum(1, 0xffff)]).toEqual([true, false]);
});
