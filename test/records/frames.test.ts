import { describe, expect, test } from "vitest";
import { be16, be32, concat, icmpEcho, ipv4, ipv6, sctp, tcp, udp } from "../support/frames.js";
import { flow, jsonLines, POD, REMOTE, readRecords, TIME_NS, tcpOf } from "./texts.js";

const POD6 = "fd00:1::7";
const REMOTE6 = "2001:db8:99::9";
const UDP = { UDP: { source_port: 5000, destination_port: 53 } };
const SCTP = { SCTP: { source_port: 6000, destination_port: 38412 } };
const HEARTBEAT = concat(Uint8Array.of(4, 0), be16(8), be16(1), be16(4));

/** The frame that one flow is made into. */
async function frameOf(words: Parameters<typeof flow>[0]): Promise<Buffer> {
  const { frames, error } = await readRecords(jsonLines(flow(words)));
  expect(error).toBeUndefined();
  expect(frames).toHaveLength(1);
  expect(frames[0]!.wireLength).toBe(frames[0]!.bytes.length);
  return frames[0]!.bytes;
}

const header = { src: POD, dst: REMOTE, id: 1, dontFragment: true, ttl: 64 };
const header6 = { src: POD6, dst: REMOTE6, hopLimit: 64 };
const six = { from: POD6, to: REMOTE6 };

describe("a record is made into a raw packet whose lengths and checksums are those of a full recount", () => {
  test.each([
    ["a TCP SYN", {}, ipv4(header, tcp({ srcPort: 40000, dstPort: 443, flags: "SYN", seq: 1, window: 65535 }))],
    [
      "TCP data",
      { l4: tcpOf("PSH ACK") },
      ipv4(header, tcp({ srcPort: 40000, dstPort: 443, flags: "PSH ACK", seq: 1, ack: 1, window: 65535 })),
    ],
    [
      "a TCP FIN over IPv6",
      { ...six, l4: tcpOf("FIN ACK") },
      ipv6(header6, tcp({ srcPort: 40000, dstPort: 443, flags: "FIN ACK", seq: 1, ack: 1, window: 65535 })),
    ],
    ["a UDP datagram", { l4: UDP }, ipv4(header, udp({ srcPort: 5000, dstPort: 53, payload: be32(1) }))],
    [
      "a UDP datagram over IPv6",
      { ...six, l4: UDP },
      ipv6(header6, udp({ srcPort: 5000, dstPort: 53, payload: be32(1) })),
    ],
    ["SCTP", { l4: SCTP }, ipv4(header, sctp({ srcPort: 6000, dstPort: 38412, tag: 1, chunks: HEARTBEAT }))],
    [
      "SCTP over IPv6",
      { ...six, l4: SCTP },
      ipv6(header6, sctp({ srcPort: 6000, dstPort: 38412, tag: 1, chunks: HEARTBEAT })),
    ],
    [
      "an echo request, with the end of the sender's address as identifier",
      { l4: { ICMPv4: { type: 8 } } },
      ipv4(header, icmpEcho({ id: 7, payload: new Uint8Array(0) })),
    ],
    [
      "an ICMPv6 echo request",
      { ...six, l4: { ICMPv6: { type: 128 } } },
      ipv6(header6, icmpEcho({ id: 7, payload: new Uint8Array(0) })),
    ],
    [
      "the reply to an echo, with the same identifier",
      { from: REMOTE, to: POD, reply: true, l4: { ICMPv4: {} } },
      ipv4({ ...header, src: REMOTE, dst: POD }, icmpEcho({ id: 7, reply: true, payload: new Uint8Array(0) })),
    ],
  ])("%s", async (_, words, expected) => {
    expect((await frameOf(words)).toString("hex")).toBe(Buffer.from(expected).toString("hex"));
  });

  test("keeps the time to the nanosecond", async () => {
    expect((await readRecords(jsonLines(flow()))).frames[0]!.time).toBe(TIME_NS);
  });

  test("and no two are alike, so that none is taken for a copy", async () => {
    for (const l4 of [tcpOf("ACK"), UDP, SCTP, { ICMPv4: { type: 8 } }]) {
      for (const ends of [{}, six]) {
        const { frames } = await readRecords(jsonLines(flow({ ...ends, l4 }), flow({ ...ends, l4 })));
        expect(frames).toHaveLength(2);
        expect(frames[0]!.bytes.equals(frames[1]!.bytes)).toBe(false);
      }
    }
  });

  test("whatever the size of the memory that they are read into", async () => {
    const text = jsonLines(...Array.from({ length: 3000 }, (_, i) => flow({ l4: tcpOf("SYN", 1000 + i) })));
    const whole = await readRecords(text);
    expect(whole.frames).toHaveLength(3000);
    expect(await readRecords(text, { memorySize: 100, indexCapacity: 1 })).toEqual(whole);
  });
});
