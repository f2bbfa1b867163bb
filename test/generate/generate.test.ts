import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { LINKTYPE_ETHERNET } from "../../src/capture/types.js";
import { PcapWriter } from "../../src/capture/write.js";
import { UsageError } from "../../src/errors.js";
import { generateCapture } from "../../src/generate/generate.js";
import type { GenerateOptions } from "../../src/generate/options.js";
import {
  decodeFrame,
  destinationPort,
  type IpPacket,
  isFragment,
  sourcePort,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
} from "../../src/net/decode.js";
import { checksumState, ipv4HeaderSum } from "../../src/net/recount.js";
import { tupleKey, tupleOf } from "../../src/net/tuple.js";
import { readFile, withFolder } from "../support/capture-read.js";

interface GeneratedFrame {
  time: bigint;
  bytes: Uint8Array;
  packet: IpPacket | undefined;
}

const SMALL: Partial<GenerateOptions> = { packets: 20_000, endpoints: 300, remotes: 1000 };
/** Without frames that contradict themselves, so that everything can be asked of every frame. */
const SOUND: Partial<GenerateOptions> = { ...SMALL, malformedShare: 0 };

function generate(options: Partial<GenerateOptions>): GeneratedFrame[] {
  const frames: GeneratedFrame[] = [];
  const summary = generateCapture(options, {
    frame(timeLow, timeHigh, capturedLength, wireLength, source, at) {
      expect(wireLength).toBe(capturedLength);
      const bytes = source.slice(at, at + capturedLength);
      const packet = decodeFrame(bytes, LINKTYPE_ETHERNET, wireLength);
      frames.push({ time: (BigInt(timeHigh) << 32n) | BigInt(timeLow), bytes, packet });
    },
  });
  expect(summary.frames).toBe(frames.length);
  expect(summary.bytes).toBe(frames.reduce((sum, { bytes }) => sum + bytes.length, 0));
  return frames;
}

function packets(frames: readonly GeneratedFrame[]): { bytes: Uint8Array; packet: IpPacket }[] {
  return frames.flatMap(({ bytes, packet }) => (packet ? [{ bytes, packet }] : []));
}

function share<T>(items: readonly T[], isCounted: (item: T) => boolean): number {
  return items.filter(isCounted).length / items.length;
}

const isOutbound = ({ bytes }: { bytes: Uint8Array }) => bytes[1] === 0xff;

describe("the same options", () => {
  test("give the same bytes on every machine", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "small.pcap");
      const writer = new PcapWriter(path, LINKTYPE_ETHERNET);
      generateCapture({ seed: 42, packets: 5000 }, writer);
      writer.close();
      const hash = createHash("sha256").update(readFileSync(path)).digest("hex");
      expect(hash).toBe("7de04cec3c653275448400b5e0a7601de077cff34d6179786271303060236762");
      const { frames, interfaces, truncated, error } = await readFile(path);
      expect([frames.length, truncated, error]).toEqual([5000, false, undefined]);
      expect(interfaces).toEqual([{ linkType: LINKTYPE_ETHERNET, name: undefined, snapLength: 262_144 }]);
    });
  });

  test("with another seed give other frames of the same number", () => {
    const [first, second] = [1, 2].map((seed) => generate({ ...SMALL, packets: 2000, seed }));
    expect(first).toHaveLength(2000);
    expect(second).toHaveLength(2000);
    expect(first.map(({ bytes }) => bytes)).not.toEqual(second.map(({ bytes }) => bytes));
  });
});

describe("every frame", () => {
  const frames = generate(SOUND);

  test("is in the order of time, from the start asked for, at about the rate asked for", () => {
    const times = frames.map(({ time }) => time);
    expect(times[0]).toBe(1_700_000_000_000_000_000n);
    expect(times.every((time, i) => i === 0 || time >= times[i - 1])).toBe(true);
    const seconds = Number(times.at(-1)! - times[0]) / 1e9;
    expect(seconds).toBeGreaterThan(1);
    expect(seconds).toBeLessThan(6);
  });

  test("has right lengths and checksums by full recount, those quoted in errors included", () => {
    const states = new Map<string, number>();
    for (const { bytes, packet } of packets(frames)) {
      expect(packet.fault).toBe("");
      expect(packet.at + packet.length).toBe(bytes.length);
      expect(ipv4HeaderSum(bytes, packet)).toBe(0xffff);
      if (packet.inner) expect(ipv4HeaderSum(bytes, packet.inner)).toBe(0xffff);
      const state = checksumState(bytes, packet);
      states.set(state, (states.get(state) ?? 0) + 1);
    }
    expect(packets(frames)).toHaveLength(frames.length);
    const fragments = packets(frames).filter(({ packet }) => isFragment(packet)).length;
    expect(states.get("unverifiable")).toBe(fragments);
    expect([...states.keys()].sort()).toEqual(["none", "right", "unverifiable"]);
  });

  test("goes from an endpoint to a remote or back", () => {
    for (const { bytes, packet } of packets(frames)) {
      const [source, destination] = [packet.sourceAt, packet.destinationAt].map((at) => sideOf(bytes, packet, at));
      expect([source, destination]).toEqual(isOutbound({ bytes }) ? ["endpoint", "remote"] : ["remote", "endpoint"]);
    }
  });
});

describe("shares of the defaults", () => {
  const frames = generate(SMALL);
  const read = packets(frames);
  const near = (actual: number, expected: number, within: number) =>
    expect(Math.abs(actual - expected)).toBeLessThan(within);

  test("of protocols are those asked for within two points", () => {
    near(
      share(read, ({ packet }) => packet.protocol === 6),
      0.8,
      0.02,
    );
    near(
      share(read, ({ packet }) => packet.protocol === 17),
      0.18,
      0.02,
    );
    near(
      share(read, ({ packet }) => packet.kind === "echo"),
      0.01,
      0.005,
    );
    near(
      share(read, ({ packet }) => packet.inner !== undefined),
      0.005,
      0.001,
    );
    near(
      share(read, ({ packet }) => isFragment(packet)),
      0.003,
      0.0005,
    );
    expect(read.some(({ packet }) => packet.protocol === 132)).toBe(true);
    const malformed = frames.filter(({ bytes, packet }) => !packet || isDamaged(bytes, packet)).length;
    expect(malformed).toBe(20);
  });

  test("of packet lengths follow the measured histogram", () => {
    const lengths = frames.map(({ bytes }) => bytes.length - 14);
    near(
      share(lengths, (length) => length <= 64),
      0.24,
      0.03,
    );
    near(
      share(lengths, (length) => length > 1199),
      0.55,
      0.03,
    );
  });

  test("of IPv6, of endings and of five-tuples used again hold over flows", () => {
    const opened = read.filter(({ packet }) => (packet.tcpFlags & (TCP_SYN | TCP_ACK)) === TCP_SYN);
    near(
      share(opened, ({ packet }) => packet.family === 6),
      0.15,
      0.03,
    );
    const tuples = opened.map(({ bytes, packet }) => tupleKey(bytes, tupleOf(bytes, packet, "source")));
    near(1 - new Set(tuples).size / tuples.length, 0.02, 0.015);
    const fins = read.filter(({ packet }) => packet.tcpFlags & TCP_FIN).length / 2;
    const resets = read.filter(({ packet }) => packet.tcpFlags & TCP_RST).length;
    expect(fins).toBeGreaterThan(2 * resets);
    expect(resets).toBeGreaterThan(0);
  });

  test("of remote ports prefer 443 and 53", () => {
    const opened = read.filter((item) => isOutbound(item) && item.packet.sourcePortAt >= 0 && !item.packet.inner);
    const ports = opened.map(({ bytes, packet }) => destinationPort(bytes, packet));
    expect(share(ports, (port) => port === 443)).toBeGreaterThan(0.5);
    expect(ports).toContain(53);
    expect(ports).toContain(123);
    expect(ports).toContain(3478);
  });
});

describe("each share can be set", () => {
  test("to nothing: one protocol, one family, no replies", () => {
    const only = { ...SMALL, packets: 2000, udpShare: 0, icmpShare: 0, sctpShare: 0, errorShare: 0 } as const;
    const none = { fragmentShare: 0, malformedShare: 0, zeroChecksumShare: 0, ipv6Share: 0, replies: false };
    const frames = generate({ ...only, ...none });
    expect(frames).toHaveLength(2000);
    for (const item of packets(frames)) {
      expect([item.packet.protocol, item.packet.family, isOutbound(item)]).toEqual([6, 4, true]);
    }
  });

  test("to everything: UDP over IPv6, and IPv4 UDP without checksums", () => {
    const udp = { ...SOUND, packets: 2000, udpShare: 1, icmpShare: 0, sctpShare: 0, errorShare: 0, fragmentShare: 0 };
    const v6 = packets(generate({ ...udp, ipv6Share: 1, zeroChecksumShare: 1 }));
    expect(v6.every(({ bytes, packet }) => packet.family === 6 && checksumState(bytes, packet) === "right")).toBe(true);
    const v4 = packets(generate({ ...udp, ipv6Share: 0, zeroChecksumShare: 1 }));
    expect(v4.every(({ bytes, packet }) => packet.protocol === 17 && checksumState(bytes, packet) === "none")).toBe(
      true,
    );
  });

  test("to SCTP alone: errors quote its packets", () => {
    const sctp = {
      ...SOUND,
      packets: 2000,
      sctpShare: 1,
      udpShare: 0,
      icmpShare: 0,
      fragmentShare: 0,
      errorShare: 0.05,
    };
    const read = packets(generate(sctp));
    const errors = read.filter(({ packet }) => packet.kind === "icmp-error");
    expect(errors).toHaveLength(100);
    for (const { bytes, packet } of errors) {
      expect(packet.inner!.kind).toBe("sctp");
      expect(ipv4HeaderSum(bytes, packet.inner!)).toBe(0xffff);
      expect(checksumState(bytes, packet)).toBe("right");
    }
    expect(share(read, ({ packet }) => packet.kind === "sctp")).toBe(0.95);
  });

  test("without replies errors are left out, since remotes send them", () => {
    const frames = packets(generate({ ...SMALL, packets: 2000, errorShare: 0.1, replies: false }));
    expect(frames.every((item) => isOutbound(item) && item.packet.inner === undefined)).toBe(true);
  });

  test("to one remote and port: every flow has an endpoint port of its own", () => {
    const one = { ...SOUND, packets: 6000, endpoints: 1, remotes: 1, remotePort: 443, reuseShare: 0, udpShare: 0 };
    const opened = packets(generate({ ...one, icmpShare: 0, sctpShare: 0, fragmentShare: 0, ipv6Share: 0 })).filter(
      ({ packet }) => (packet.tcpFlags & (TCP_SYN | TCP_ACK)) === TCP_SYN,
    );
    const ports = opened.map(({ bytes, packet }) => sourcePort(bytes, packet));
    expect(ports.length).toBeGreaterThan(500);
    expect(new Set(ports).size).toBe(ports.length);
  });

  test("small and IMIX packets have no other data lengths", () => {
    const tcp = { ...SOUND, packets: 3000, udpShare: 0, icmpShare: 0, sctpShare: 0, errorShare: 0, fragmentShare: 0 };
    const lengths = (sizes: "small" | "imix") =>
      new Set(generate({ ...tcp, ipv6Share: 0, sizes }).map(({ bytes }) => bytes.length));
    // 52 is a SYN with options, 40 a segment without payload.
    expect([...lengths("small")].map((length) => length - 14).sort((a, b) => a - b)).toEqual([40, 46, 52]);
    expect([...lengths("imix")].map((length) => length - 14).sort((a, b) => a - b)).toEqual([40, 52, 576, 1500]);
  });

  test("too few packets for the flows are refused", () => {
    expect(() => generate({ packets: 100, flows: 90 })).toThrow(UsageError);
    expect(() => generate({ packets: 100, flows: 90 })).toThrow(
      /packets leave \d+ frames for 90 flows, expected at least/,
    );
  });
});

describe("conversations", () => {
  const frames = packets(generate({ ...SOUND, packets: 5000, errorShare: 0, fragmentShare: 0, reuseShare: 0 }));
  const flows = new Map<string, { bytes: Uint8Array; packet: IpPacket }[]>();
  for (const frame of frames) {
    const tuple = tupleOf(frame.bytes, frame.packet, isOutbound(frame) ? "source" : "destination");
    const key = tupleKey(frame.bytes, tuple);
    flows.set(key, [...(flows.get(key) ?? []), frame]);
  }

  test("of TCP open with a handshake and count every byte that either side sends", () => {
    let segments = 0;
    for (const flow of flows.values()) {
      if (flow[0].packet.protocol !== 6) continue;
      expect(flow[0].packet.tcpFlags & (TCP_SYN | TCP_ACK)).toBe(TCP_SYN);
      segments += expectRightNumbers(flow);
    }
    expect(segments).toBeGreaterThan(3000);
  });

  test("start with the endpoint", () => {
    for (const [first] of flows.values()) expect(isOutbound(first)).toBe(true);
  });
});

test("memory stays bounded: frames are streamed, not collected", () => {
  let frames = 0;
  const before = process.memoryUsage().arrayBuffers;
  const sink = { frame: () => void frames++ };
  generateCapture({ packets: 200_000, flows: 2000, endpoints: 100, remotes: 100 }, sink);
  expect(frames).toBe(200_000);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 << 20);
});

function isDamaged(bytes: Uint8Array, packet: IpPacket): boolean {
  if (packet.fault !== "" || ipv4HeaderSum(bytes, packet) !== 0xffff) return true;
  return !isFragment(packet) && checksumState(bytes, packet) === "wrong";
}

function sideOf(bytes: Uint8Array, packet: IpPacket, at: number): string {
  if (packet.family === 4) return bytes[at] === 10 && bytes[at + 1] >> 4 === 4 ? "endpoint" : remoteV4(bytes, at);
  const third = (bytes[at + 4] << 8) | bytes[at + 5];
  return third === 0x64 ? "endpoint" : third === 5 ? "remote" : "unknown";
}

function remoteV4(bytes: Uint8Array, at: number): string {
  return bytes[at] === 198 && bytes[at + 1] >> 1 === 9 ? "remote" : "unknown";
}

/** Each segment's sequence number is where the last one of its side ended. @returns segments looked at */
function expectRightNumbers(flow: readonly { bytes: Uint8Array; packet: IpPacket }[]): number {
  const next = new Map<boolean, number>();
  for (const { bytes, packet } of flow) {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const side = isOutbound({ bytes });
    const sequence = view.getUint32(packet.transportAt + 4);
    const known = next.get(side);
    if (known !== undefined && !(packet.tcpFlags & TCP_RST)) expect(sequence).toBe(known);
    const other = next.get(!side);
    if (packet.tcpFlags & TCP_ACK && other !== undefined) expect(view.getUint32(packet.transportAt + 8)).toBe(other);
    const counted = packet.tcpFlags & (TCP_SYN | TCP_FIN) ? 1 : 0;
    next.set(side, (sequence + bytes.length - packet.payloadAt + counted) >>> 0);
  }
  return flow.length;
}
