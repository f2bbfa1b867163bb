import { expect } from "vitest";
import { captureFrames } from "../../../src/capture/frames.js";

/** Frames as text: time, length on the wire, bytes. */
export async function framesOf(file: string): Promise<string[]> {
  const frames: string[] = [];
  for await (const { timeNs, wireLength, bytes } of captureFrames(file, { truncated: false }))
    frames.push(`${timeNs} ${wireLength} ${Buffer.from(bytes).toString("hex")}`);
  return frames;
}

/** Header and records of a capture with little-endian nanoseconds, as `gateway-view.ts` writes them. */
export function recordsOf(capture: Buffer): { head: Buffer; records: { head: Buffer; bytes: Buffer }[] } {
  const records = [];
  for (let at = 24; at < capture.length; ) {
    const length = capture.readUInt32LE(at + 8);
    records.push({ head: capture.subarray(at, at + 16), bytes: capture.subarray(at + 16, at + 16 + length) });
    at += 16 + length;
  }
  return { head: capture.subarray(0, 24), records };
}

export const VARIANTS = ["microseconds", "microseconds, big-endian", "nanoseconds", "nanoseconds, big-endian"] as const;
type Variant = (typeof VARIANTS)[number];

/** The same frames in another variant of the format. */
export function rewritten(capture: Buffer, variant: Variant): Uint8Array {
  const isBig = variant.includes("big");
  const isMicro = variant.includes("micro");
  const { head, records } = recordsOf(capture);
  const swapped = (bytes: Buffer, ...sizes: number[]) => {
    const copy = Buffer.from(bytes);
    let at = 0;
    for (const size of sizes) {
      if (isBig) copy.subarray(at, at + size).reverse();
      at += size;
    }
    return copy;
  };
  const first = Buffer.from(head);
  if (isMicro) first.writeUInt32LE(0xa1b2c3d4, 0);
  const all: Uint8Array[] = [swapped(first, 4, 2, 2, 4, 4, 4, 4)];
  for (const { head, bytes } of records) {
    const record = Buffer.from(head);
    if (isMicro) {
      expect(record.readUInt32LE(4) % 1000).toBe(0);
      record.writeUInt32LE(record.readUInt32LE(4) / 1000, 4);
    }
    all.push(swapped(record, 4, 4, 4, 4), bytes);
  }
  return Buffer.concat(all);
}

/** Frames by turns as they are, with one or two VLAN tags, cut anywhere, of nobody, and of another protocol than IP. */
export function odd(capture: Buffer): Buffer {
  const { head, records } = recordsOf(capture);
  const tag = (type: number, bytes: Buffer) =>
    Buffer.concat([bytes.subarray(0, 12), Buffer.from([type >> 8, type & 255, 0, 7]), bytes.subarray(12)]);
  const made = records.flatMap(({ head, bytes }, i) => {
    const from = [
      bytes,
      tag(0x8100, bytes),
      tag(0x88a8, tag(0x8100, bytes)),
      bytes.subarray(0, i % 60),
      Buffer.from(bytes),
    ][i % 5]!;
    if (i % 10 === 4) from[12] = 0x42;
    else if (i % 5 === 4) from.fill(0xee, 26, 34);
    const record = Buffer.from(head);
    record.writeUInt32LE(from.length, 8);
    record.writeUInt32LE(from.length + 100 * (i % 2), 12);
    return [record, from];
  });
  return Buffer.concat([head, ...made]);
}
