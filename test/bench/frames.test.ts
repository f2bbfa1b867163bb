import { describe, expect, it, test } from "vitest";
import { ENDPOINT_COUNT } from "../../src/bench/cluster.js";
import { evenly, FrameLayout } from "../../src/bench/frame-layout.js";
import { FRAME_BYTES, FrameWriter, type Protocol, readTuple, TCP_SYN, type Tuple } from "../../src/bench/frames.js";
import { shuffledRepeats } from "../../src/bench/random.js";
import { originalTuple, Traffic } from "../../src/bench/traffic.js";
import { decodeFrame } from "../../src/net/decode.js";
import { checksumState, ipv4HeaderSum } from "../../src/net/recount.js";

const NO_TUPLE = { src: 0, dst: 0, srcPort: 0, dstPort: 0 };

describe.each<Protocol>(["tcp", "udp", "tcp6"])("%s frames of the benchmark", (protocol) => {
  it("have right checksums, their tuple and their length, all of them present", () => {
    const traffic = new Traffic(3000, protocol);
    const frames = traffic.openers(TCP_SYN);
    const view = new DataView(frames.buffer);
    const [tuple, original]: Tuple[] = [{ ...NO_TUPLE }, { ...NO_TUPLE }] as [Tuple, Tuple];
    for (let i = 0; i < 3000; i++) {
      const at = traffic.layout.offsetOf(i);
      const frame = frames.subarray(at, at + traffic.layout.lengthOf(i));
      const packet = decodeFrame(frame, 1, frame.length)!;
      expect(packet.kind).toBe(protocol.slice(0, 3));
      expect(packet.length).toBe(frame.length - 14);
      expect(packet.fault).toBe("");
      if (packet.family === 4) expect(ipv4HeaderSum(frame, packet)).toBe(0xffff);
      expect(checksumState(frame, packet)).toBe("right");
      readTuple(view, at, tuple, protocol);
      original.dstPort = protocol === "udp" ? 53 : 443;
      originalTuple(i, original);
      expect(tuple).toEqual(original);
    }
  });
});

test("an IMIX has packets of 40, 576 and 1500 bytes at 7:4:1, whole, with right checksums", () => {
  const traffic = new Traffic(120, "tcp", { sizes: "imix" });
  const { layout } = traffic;
  const frames = traffic.openers(TCP_SYN);
  const seen = new Map<number, number>();
  for (let i = 0; i < 120; i++) {
    const frame = frames.subarray(layout.offsetOf(i), layout.offsetOf(i) + layout.lengthOf(i));
    const packet = decodeFrame(frame, 1, frame.length)!;
    expect(packet.fault).toBe("");
    expect(ipv4HeaderSum(frame, packet)).toBe(0xffff);
    expect(checksumState(frame, packet)).toBe("right");
    seen.set(packet.length, (seen.get(packet.length) ?? 0) + 1);
  }
  expect([...seen].sort(([a], [b]) => a - b)).toEqual([
    [40, 70],
    [576, 40],
    [1500, 10],
  ]);
});

test("frames of a layout lie one after the other, and are counted by the bytes that they take", () => {
  const layout = new FrameLayout([60, 590, 1514], 64);
  for (let i = 0; i < 50; i++) {
    expect(layout.offsetOf(i) % 64).toBe(0);
    expect(layout.offsetOf(i + 1) - layout.offsetOf(i)).toBe([64, 640, 1536][i % 3]);
    expect(layout.countIn(layout.offsetOf(i))).toBe(i);
  }
  expect(evenly(74).offsetOf(10)).toBe(740);
});

test("a UDP frame never carries a checksum of zero, which would mean none", () => {
  const view = new DataView(new ArrayBuffer(FRAME_BYTES));
  const writer = new FrameWriter("udp", FRAME_BYTES);
  const seen = new Uint32Array(0x10000);
  for (let srcPort = 0; srcPort < 0x10000; srcPort++) {
    writer.write(view, 0, { src: 0x0a010000, dst: 0xc6120000, srcPort, dstPort: 53 }, 0);
    seen[view.getUint16(40)]!++;
  }
  expect(seen[0]).toBe(0);
  // Some source port makes the sum fold to zero, which is sent as ffff.
  expect(seen[0xffff]).toBeGreaterThan(0);
});

test("no two of a million connections share a five-tuple", () => {
  const seen = new Set<number>();
  const tuple: Tuple = { ...NO_TUPLE };
  for (let i = 0; i < 1_000_000; i++) {
    originalTuple(i, tuple);
    // Pod and source port tell connections apart whatever their remotes.
    seen.add((tuple.src % ENDPOINT_COUNT) * 0x10000 + tuple.srcPort);
  }
  expect(seen.size).toBe(1_000_000);
});

test("frames lie in an order that has every connection equally often and is the same every time", () => {
  const order = shuffledRepeats(6000, 1000, 42);
  const counts = new Uint32Array(1000);
  for (const connection of order) counts[connection]!++;
  expect(counts.every((count) => count === 6)).toBe(true);
  expect(shuffledRepeats(6000, 1000, 42)).toEqual(order);
  const neighbours = order.filter((connection, i) => i > 0 && connection === order[i - 1]! + 1).length;
  expect(neighbours).toBeLessThan(60);
});

test("answers come from where the translated frames went, to where they came from", () => {
  const traffic = new Traffic(100, "tcp");
  const frames = traffic.openers(TCP_SYN);
  const mappings = { src: new Uint32Array(100), srcPort: new Uint16Array(100) };
  traffic.note(frames, 0, mappings);
  const answers = traffic.answers(
    mappings,
    Uint32Array.from({ length: 100 }, (_, i) => i),
    TCP_SYN,
  );
  const [sent, answered]: Tuple[] = [{ ...NO_TUPLE }, { ...NO_TUPLE }] as [Tuple, Tuple];
  for (let i = 0; i < 100; i++) {
    readTuple(new DataView(frames.buffer), i * FRAME_BYTES, sent, "tcp");
    readTuple(new DataView(answers.buffer), i * FRAME_BYTES, answered, "tcp");
    expect(answered).toEqual({ src: sent.dst, dst: sent.src, srcPort: sent.dstPort, dstPort: sent.srcPort });
  }
});
