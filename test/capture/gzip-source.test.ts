import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { CaptureError } from "../../src/errors.js";
import { enhancedPacket, frameBytes, interfaceBlock, pcap, pcapng } from "../support/capture-bytes.js";
import { readBytes, readFile, withFile } from "../support/capture-read.js";

const RECORDS = Array.from({ length: 100 }, (_, i) => ({ seconds: i, frame: frameBytes((i * 53) % 700, i) }));
const PCAP = pcap(RECORDS);
const PCAPNG = pcapng([
  interfaceBlock(),
  ...RECORDS.map(({ seconds, frame }) => enhancedPacket({ ticks: BigInt(seconds), frame })),
]);

describe("gzipped captures", () => {
  test("read like the plain file, from a file and from a stream", async () => {
    for (const plain of [PCAP, PCAPNG]) {
      const expected = await readBytes(plain);
      expect(expected.frames).toHaveLength(RECORDS.length);
      expect(await readBytes(gzipSync(plain))).toEqual(expected);
      expect(await readBytes(gzipSync(plain), { memorySize: 4096, indexCapacity: 3 })).toEqual(expected);
      await withFile(gzipSync(plain), async (path) => expect(await readFile(path)).toEqual(expected));
    }
  });

  test("of several members, also empty ones and those with name, comment and extra field, read as one", async () => {
    const half = Math.floor(PCAP.length / 2);
    const members = [
      gzipSync(PCAP.subarray(0, 10)),
      gzipSync(Buffer.alloc(0)),
      withHeaderFields(gzipSync(PCAP.subarray(10, half))),
      gzipSync(PCAP.subarray(half)),
    ];
    const expected = await readBytes(PCAP);
    expect(await readBytes(Buffer.concat(members))).toEqual(expected);
    expect(await readBytes(oneByOne(Buffer.concat(members)))).toEqual(expected);
  });

  test("cut anywhere are truncated captures, with every frame that was compressed before the cut", async () => {
    const compressed = Buffer.concat([gzipSync(pcap(RECORDS.slice(0, 10))), gzipSync(pcap(RECORDS).subarray(24))]);
    const firstMember = gzipSync(pcap(RECORDS.slice(0, 10))).length;
    for (let length = firstMember; length < compressed.length; length += 41) {
      const { frames, truncated, error } = await readBytes(compressed.subarray(0, length));
      expect(error).toBeUndefined();
      expect(truncated).toBe(length > firstMember);
      expect(frames.length).toBeGreaterThanOrEqual(10);
      expect(frames.map(({ bytes }) => bytes)).toEqual(
        [...RECORDS.slice(0, 10), ...RECORDS].slice(0, frames.length).map(({ frame }) => frame),
      );
    }
  });

  test("cut before their own capture header are refused like a cut plain file", async () => {
    const compressed = gzipSync(PCAP);
    await expect(readBytes(compressed.subarray(0, 5))).rejects.toThrow("file is empty");
    await expect(readBytes(gzipSync(PCAP.subarray(0, 20)))).rejects.toThrow("pcap header is cut off after 20 bytes");
    await expect(readBytes(gzipSync(Buffer.from("text")))).rejects.toThrow("magic is 74657874");
  });

  test("with bytes of another kind behind them are read, and the bytes are counted", async () => {
    for (const rest of [Buffer.from("hello"), Buffer.alloc(20_000), Buffer.of(0x1f), Buffer.of(0x1f, 0x00)]) {
      const result = await readBytes(Buffer.concat([gzipSync(PCAP), rest]));
      expect(result.frames).toHaveLength(RECORDS.length);
      expect(result).toMatchObject({
        error: undefined,
        truncated: false,
        skippedBlocks: { "bytes-behind-gzip-data": 1 },
      });
    }
  });

  test("with a wrong CRC or length give every frame, then the damage", async () => {
    const good = gzipSync(PCAP);
    for (const [at, what] of [
      [good.length - 8, "CRC of the gzip data is"],
      [good.length - 4, "length of the gzip data is"],
    ] as const) {
      const bad = Buffer.from(good);
      bad[at] ^= 1;
      const { frames, error, truncated } = await readBytes(bad);
      expect(frames).toHaveLength(RECORDS.length);
      expect(error).toBeInstanceOf(CaptureError);
      expect(error).toMatchObject({ offset: PCAP.length, message: expect.stringContaining(what) });
      expect(truncated).toBe(false);
    }
  });

  test("with deflate data that cannot be end with a typed error, after the frames of the members before", async () => {
    const bad = gzipSync(PCAP.subarray(24));
    bad[10] = 0x07; // a last block of the type 3, which does not exist
    const { frames, error } = await readBytes(Buffer.concat([gzipSync(PCAP), bad]));
    expect(frames).toHaveLength(RECORDS.length);
    expect(error).toBeInstanceOf(CaptureError);
    expect(error).toMatchObject({ offset: PCAP.length, message: expect.stringContaining("Z_DATA_ERROR") });
    await expect(readBytes(bad)).rejects.toThrow("gzip data cannot be decompressed (Z_DATA_ERROR)");
  });

  test("of an unknown method or with reserved flags are refused", async () => {
    const method = Buffer.from(gzipSync(PCAP));
    method[2] = 7;
    await expect(readBytes(method)).rejects.toThrow("gzip method is 7, expected 8");
    const flags = Buffer.from(gzipSync(PCAP));
    flags[3] = 0x20;
    await expect(readBytes(flags)).rejects.toThrow("gzip flags are 32, expected reserved bits to be 0");
  });
});

/** The member with FEXTRA, FNAME, FCOMMENT and FHCRC added to its header. */
function withHeaderFields(member: Buffer): Buffer {
  const head = Buffer.from(member.subarray(0, 10));
  head[3] = 0x02 | 0x04 | 0x08 | 0x10;
  const fields = [Buffer.of(3, 0, 1, 2, 3), Buffer.from("name\0"), Buffer.from("comment\0"), Buffer.alloc(2)];
  return Buffer.concat([head, ...fields, member.subarray(10)]);
}

function oneByOne(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.of(byte));
}
