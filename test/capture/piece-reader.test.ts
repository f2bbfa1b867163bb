import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openCapture } from "../../src/capture/open.js";
import { createFrameIndex } from "../../src/capture/types.js";
import { CaptureError, UsageError } from "../../src/errors.js";
import {
  enhancedPacket,
  frameBytes,
  interfaceBlock,
  otherBlock,
  pcap,
  pcapng,
  sectionHeader,
  simplePacket,
} from "../support/capture-bytes.js";
import { drain, framesOf, readBytes, readFile, withFile, withFolder } from "../support/capture-read.js";

const MANY = Array.from({ length: 120 }, (_, i) => ({ seconds: i, frame: frameBytes((i * 37) % 600, i) }));
const PCAP = pcap(MANY);
const PCAPNG = pcapng([
  interfaceBlock({ name: "eth0" }),
  ...MANY.map(({ seconds, frame }) => enhancedPacket({ ticks: BigInt(seconds), frame })),
  simplePacket({ frame: frameBytes(99) }),
]);

describe("the size of memory and index", () => {
  for (const [kind, bytes] of [
    ["pcap", PCAP],
    ["pcapng", PCAPNG],
  ] as const) {
    test(`${kind}: 4 KiB of memory and an index of any size give the same frames as a large memory`, async () => {
      const large = await readBytes(bytes, { memorySize: 4 << 20, indexCapacity: 10_000 });
      expect(large.frames.length).toBeGreaterThanOrEqual(MANY.length);
      for (const indexCapacity of [1, 2, 7, 1000]) {
        expect(await readBytes(bytes, { memorySize: 4096, indexCapacity })).toEqual(large);
      }
    });

    test(`${kind}: pieces end in the same places however the bytes arrive`, async () => {
      const ends = async (chunks: Buffer[]) => {
        const reader = await openCapture("-", { stdin: Readable.from(chunks) });
        const memory = new Uint8Array(10_000);
        const index = createFrameIndex(50);
        const counts: number[] = [];
        while (await reader.next(memory, index)) counts.push(index.count);
        return counts;
      };
      const whole = await ends([bytes]);
      expect(await ends(chunksOf(bytes, 1))).toEqual(whole);
      expect(await ends(chunksOf(bytes, 333))).toEqual(whole);
    });
  }

  test("frames lie inside the memory given, also where it is a part of a WebAssembly memory", async () => {
    await withFile(PCAP, async (path) => {
      const wasm = new Uint8Array(1 << 20).fill(0xa5);
      const memory = wasm.subarray(1000, 9000);
      const reader = await openCapture(path);
      const index = createFrameIndex(100);
      const frames = [];
      while (await reader.next(memory, index)) frames.push(...framesOf(memory, index));
      await reader.close();
      expect(frames.map(({ bytes }) => bytes)).toEqual(MANY.map(({ frame }) => frame));
      expect(wasm.subarray(0, 1000).every((byte) => byte === 0xa5)).toBe(true);
      expect(wasm.subarray(9000).every((byte) => byte === 0xa5)).toBe(true);
    });
  });

  test("reading goes on in another memory, as long as it has room for what is unread", async () => {
    const reader = await openCapture("-", { stdin: Readable.from([PCAP]) });
    const index = createFrameIndex(10);
    const frames = [];
    for (;;) {
      const memory = new Uint8Array(8192);
      if (!(await reader.next(memory, index))) break;
      frames.push(...framesOf(memory, index));
    }
    expect(frames.map(({ bytes }) => bytes)).toEqual(MANY.map(({ frame }) => frame));
    const small = await openCapture("-", { stdin: Readable.from([PCAP]) });
    await small.next(new Uint8Array(8192), index);
    await expect(small.next(new Uint8Array(100), index)).rejects.toThrow(UsageError);
  });

  test("a memory that cannot hold a record header and an index without room are wrong use", async () => {
    const reader = await openCapture("-", { stdin: Readable.from([PCAP]) });
    await expect(reader.next(new Uint8Array(63), createFrameIndex(1))).rejects.toThrow("expected at least 64");
    await expect(reader.next(new Uint8Array(64), createFrameIndex(0))).rejects.toThrow("expected at least 1 frame");
  });

  test("a frame that can never fit is damage at its offset, after the frames before it", async () => {
    const bytes = pcap([{ frame: frameBytes(100) }, { frame: frameBytes(5000) }, { frame: frameBytes(100) }]);
    const { frames, error } = await readBytes(bytes, { memorySize: 4096 });
    expect(frames).toHaveLength(1);
    expect(error).toBeInstanceOf(CaptureError);
    expect(error).toMatchObject({ offset: 24 + 116, message: expect.stringContaining("record has 5016 bytes") });
  });

  test("a block without a frame may be larger than the memory", async () => {
    const name = interfaceBlock({ name: "x".repeat(40_000), resolution: 9 });
    const packet = enhancedPacket({ ticks: 7n, frame: frameBytes(60) });
    const bytes = pcapng([name, packet, otherBlock(0x0bad, frameBytes(100_000)), packet]);
    const result = await readBytes(bytes, { memorySize: 4096 });
    expect(result.frames.map(({ time }) => time)).toEqual([7n, 7n]);
    expect(result).toMatchObject({ skippedBlocks: { custom: 1 }, truncated: false, error: undefined });
    const cut = await readBytes(bytes.subarray(0, bytes.length - 1000), { memorySize: 4096 });
    expect(cut).toMatchObject({ truncated: true, error: undefined });
    expect(cut.frames).toHaveLength(1);
  });

  test("after its end a reader stays at its end, after an error it repeats it", async () => {
    const reader = await openCapture("-", { stdin: Readable.from([pcap([])]) });
    const memory = new Uint8Array(4096);
    const index = createFrameIndex(1);
    expect(await reader.next(memory, index)).toBe(false);
    expect(await reader.next(memory, index)).toBe(false);
    const bad = await openCapture("-", { stdin: Readable.from([pcap([{ frame: frameBytes(4), captured: 2 ** 31 }])]) });
    await expect(bad.next(memory, index)).rejects.toThrow(CaptureError);
    await expect(bad.next(memory, index)).rejects.toThrow(CaptureError);
  });
});

describe("hostile input", () => {
  test("any bytes behind a good header, any change of a good file: an end or a typed error, never more", async () => {
    const starts = [PCAP.subarray(0, 24), PCAPNG.subarray(0, 28), sectionHeader()("big"), PCAPNG.subarray(0, 64)];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 500 }), async (start, rest) => {
        const { error } = await readBytes(Buffer.concat([start, rest]), { memorySize: 4096 });
        if (error !== undefined) expect(error).toBeInstanceOf(CaptureError);
      }),
      { numRuns: 500 },
    );
    const small = pcapng([interfaceBlock({ name: "a", resolution: 9 }), enhancedPacket({ frame: frameBytes(30) })]);
    for (let at = 28; at < small.length; at++) {
      for (const value of [0, 0x7f, 0xff]) {
        const changed = Buffer.from(small);
        changed[at] = value;
        const { error } = await readBytes(changed, { memorySize: 4096 });
        if (error !== undefined) expect(error).toBeInstanceOf(CaptureError);
      }
    }
  });

  test("memory does not grow with the size of the file", async () => {
    const bytesUsed = await withFolder(async (folder) => {
      const path = join(folder, "large.pcap");
      const record = pcap([{ frame: frameBytes(1000) }]).subarray(24);
      const piece = Buffer.concat(Array.from({ length: 1000 }, () => record));
      writeFileSync(path, pcap([]));
      const used = async (pieces: number) => {
        for (let i = 0; i < pieces; i++) writeFileSync(path, piece, { flag: "a" });
        const reader = await openCapture(path);
        const memory = new Uint8Array(64 * 1024);
        const index = createFrameIndex(64);
        const before = process.memoryUsage();
        let frames = 0;
        while (await reader.next(memory, index)) frames += index.count;
        const after = process.memoryUsage();
        await reader.close();
        return { frames, arrayBuffers: after.arrayBuffers - before.arrayBuffers };
      };
      return [await used(1), await used(63)];
    });
    expect(bytesUsed.map(({ frames }) => frames)).toEqual([1000, 64_000]);
    for (const { arrayBuffers } of bytesUsed) expect(arrayBuffers).toBeLessThan(1 << 20);
  });
});

describe("files", () => {
  test("a file, a stream and a named pipe of the same bytes read alike", async () => {
    await withFile(PCAPNG, async (path) => {
      const fromFile = await readFile(path);
      expect(fromFile.frames).toHaveLength(MANY.length + 1);
      expect(await readBytes(chunksOf(PCAPNG, 1000))).toEqual(fromFile);
    });
  });

  test("what is missing, a folder or unreadable is wrong use and named", async () => {
    await withFolder(async (folder) => {
      const missing = join(folder, "missing.pcap");
      await expect(openCapture(missing)).rejects.toThrow(`${missing}: cannot be opened (ENOENT), expected a readable`);
      await expect(openCapture(missing)).rejects.toBeInstanceOf(UsageError);
      await expect(openCapture(folder)).rejects.toThrow(`${folder}: is a folder, expected a capture file`);
    });
  });

  test("a stream that breaks gives the frames before, then an error that names it", async () => {
    const broken = Readable.from(
      (async function* () {
        yield PCAP.subarray(0, 24 + 16 + MANY[0].frame.length + 16 + MANY[1].frame.length + 5);
        throw Object.assign(new Error("reset by peer"), { code: "ECONNRESET" });
      })(),
    );
    const { frames, error } = await drain(await openCapture("-", { stdin: broken }));
    expect(frames).toHaveLength(2);
    expect(error).toBeInstanceOf(CaptureError);
    expect(String(error)).toContain("cannot be read on (ECONNRESET)");
  });

  test("a named pipe is read like a file", async () => {
    await withFolder(async (folder) => {
      const pipe = join(folder, "pipe");
      const plain = join(folder, "plain");
      writeFileSync(plain, PCAP);
      execFileSync("mkfifo", [pipe]);
      execFileSync("sh", ["-c", 'cat "$0" > "$1" &', plain, pipe], { stdio: "ignore" });
      expect((await readFile(pipe)).frames).toHaveLength(MANY.length);
    });
  });
});

function chunksOf(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}
