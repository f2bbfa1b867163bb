import { beforeAll, describe, expect, it, test } from "vitest";
import { startProbe } from "../../support/probe.js";

interface Probe {
  readonly memory: { readonly buffer: ArrayBuffer };
  bufferAt(): number;
  sumOf(offset: number, length: number): number;
  fold(sum: number): number;
  delta16(was: number, now: number): number;
  delta32(was: number, now: number): number;
  combine(a: number, b: number): number;
  negate(delta: number): number;
  applyDelta(checksum: number, delta: number): number;
  applyUdpDelta(checksum: number, delta: number): number;
  applyPartialDelta(sum: number, delta: number): number;
}

let probe: Probe;
let buffer: Uint8Array;

beforeAll(async () => {
  probe = await startProbe<Probe>("checksum");
  buffer = new Uint8Array(probe.memory.buffer, probe.bufferAt() >>> 0, 65536);
});

/** Words as they lie in memory: what the engine reads without swapping. */
function raw16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

function raw32(dotted: string): number {
  const [a, b, c, d] = dotted.split(".").map(Number) as [number, number, number, number];
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}

/** RFC 1071 over big-endian words, from the text alone: an odd last byte counts as the high half of a word. */
function recount(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) + (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** A pseudo-header (RFC 9293 section 3.1) and a transport segment, as the checksum covers them. */
function covered(src: string, dst: string, protocol: number, segment: readonly number[]): Uint8Array {
  const address = (text: string) => text.split(".").map(Number);
  return Uint8Array.from([...address(src), ...address(dst), 0, protocol, 0, segment.length, ...segment]);
}

/** mulberry32: numbers for random cases that repeat from the seed. */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000) * limit);
  };
}

test("RFC 1624's own example: dd2f becomes 0000, not ffff, when 5555 becomes 3285", () => {
  const delta = probe.delta16(raw16(0x5555), raw16(0x3285));
  expect(raw16(probe.applyDelta(raw16(0xdd2f), delta))).toBe(0x0000);
});

describe("vectors observed on Linux when 10.0.0.2 is translated to 192.0.2.1", () => {
  const delta = () => probe.delta32(raw32("10.0.0.2"), raw32("192.0.2.1"));
  const udp = [0x23, 0x28, 0, 53, 0, 12, 0, 0, 0x12, 0x34, 0x45, 0xdd];
  const tcp = (port: number, urgent: number) => [
    ...[port >> 8, port & 0xff, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0x20, 0, 0, 0],
    ...[urgent >> 8, urgent & 0xff],
  ];

  it("UDP whose checksum folds to zero leaves with ffff", () => {
    expect(recount(covered("10.0.0.2", "192.0.2.102", 17, udp))).toBe(0xb7ff);
    expect(recount(covered("192.0.2.1", "192.0.2.102", 17, udp))).toBe(0x0000);
    expect(raw16(probe.applyUdpDelta(raw16(0xb7ff), delta()))).toBe(0xffff);
  });

  it("TCP whose checksum folds to zero leaves with 0000", () => {
    const segment = tcp(9001, 0xe800);
    expect(recount(covered("10.0.0.2", "192.0.2.102", 6, segment))).toBe(0xb7ff);
    expect(recount(covered("192.0.2.1", "192.0.2.102", 6, segment))).toBe(0x0000);
    expect(raw16(probe.applyDelta(raw16(0xb7ff), delta()))).toBe(0x0000);
  });

  it("TCP whose right checksum 0000 came as ffff leaves with 4800", () => {
    const segment = tcp(9002, 0x9fff);
    expect(recount(covered("10.0.0.2", "192.0.2.102", 6, segment))).toBe(0x0000);
    expect(recount(covered("192.0.2.1", "192.0.2.102", 6, segment))).toBe(0x4800);
    expect(raw16(probe.applyDelta(0xffff, delta()))).toBe(0x4800);
  });

  it("a UDP checksum of zero stays zero", () => {
    expect(probe.applyUdpDelta(0, delta())).toBe(0);
  });
});

test("300,000 random changes of address and port give the checksum of a recount, bit for bit", () => {
  const random = randomNumbers(1624);
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < 300_000; i++) {
    for (let word = 0; word < 64; word += 4) view.setUint32(word, random(0x1_0000_0000));
    // As in every IP header and pseudo-header, one word is never zero.
    view.setUint16(0, 0x4500);
    const checksum = recount(bytes);
    const [address, port] = [random(0x1_0000_0000), random(0x10000)];
    const delta = probe.combine(
      probe.delta32(view.getUint32(12, true), address),
      probe.delta16(view.getUint16(20, true), port),
    );
    const updated = raw16(probe.applyDelta(raw16(checksum), delta));
    view.setUint32(12, address, true);
    view.setUint16(20, port, true);
    if (updated !== recount(bytes)) expect({ case: i, updated }).toEqual({ case: i, updated: recount(bytes) });
  }
});

test("a wrong checksum stays wrong by the same amount, modulo ffff", () => {
  const random = randomNumbers(7);
  for (let i = 0; i < 20_000; i++) {
    const delta = probe.delta32(random(0x1_0000_0000), random(0x1_0000_0000));
    const right = random(0x10000);
    const error = 1 + random(0xfffd);
    const wrong = (right + error) % 0xffff;
    const change = (checksum: number) => probe.applyDelta(checksum, delta) % 0xffff;
    expect((change(wrong) - change(right) + 0xffff) % 0xffff).toBe(error);
  }
});

test("a negated delta undoes a delta", () => {
  const random = randomNumbers(11);
  for (let i = 0; i < 20_000; i++) {
    const delta = probe.delta32(random(0x1_0000_0000), random(0x1_0000_0000));
    const checksum = random(0xffff);
    const back = probe.applyDelta(probe.applyDelta(checksum, delta), probe.negate(delta));
    expect(back % 0xffff).toBe(checksum % 0xffff);
  }
});

test("a partial checksum, the pseudo-header's sum, follows the addresses", () => {
  const sum = (src: string) => ~recount(covered(src, "198.51.100.1", 6, [])) & 0xffff;
  const delta = probe.delta32(raw32("10.0.1.7"), raw32("203.0.113.10"));
  expect(raw16(probe.applyPartialDelta(raw16(sum("10.0.1.7")), delta))).toBe(sum("203.0.113.10"));
});

test("the sum of any bytes is that of a recount, at every alignment, odd lengths included", () => {
  const random = randomNumbers(1071);
  for (let i = 0; i < 2000; i++) {
    const length = i < 70 ? i : random(60_000);
    const offset = random(8);
    for (let at = 0; at < Math.min(length, 64); at++) buffer[offset + at] = random(256);
    if (i % 7 === 0) buffer.fill(0xff, offset, offset + length);
    const expected = ~recount(buffer.subarray(offset, offset + length)) & 0xffff;
    expect(raw16(probe.sumOf(offset, length)) % 0xffff).toBe(expected % 0xffff);
  }
});

test("a sum of 65,536 words of ffff folds to ffff", () => {
  expect(probe.fold(0xffff * 0x10000)).toBe(0xffff);
});
