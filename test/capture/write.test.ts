import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PcapngWriter, PcapWriter } from "../../src/capture/write.js";
import { OutputError } from "../../src/errors.js";
import { frameBytes } from "../support/capture-bytes.js";
import { readFile, withFolder } from "../support/capture-read.js";

interface WrittenFrame {
  time: bigint;
  wireLength: number;
  interface: number;
  bytes: Buffer;
}

const low = (time: bigint) => Number(time & 0xffffffffn);
const high = (time: bigint) => Number(time >> 32n);

describe("pcapng", () => {
  test("frames of any length, time and interface read back equal, whatever memory the writer copies from", async () => {
    const random = fc.record({
      time: fc.bigInt(0n, 2n ** 64n - 1n),
      wireLength: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      interface: fc.constantFrom(0, 1, 2),
      bytes: fc.uint8Array({ maxLength: 700 }).map((bytes) => Buffer.from(bytes)),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(random, { maxLength: 20 }), fc.boolean(), async (frames, inOneMemory) => {
        await withFolder(async (folder) => {
          const path = join(folder, "out.pcapng");
          writePcapng(path, frames, inOneMemory);
          const result = await readFile(path);
          expect(result.error).toBeUndefined();
          expect(result.frames).toEqual(frames);
        });
      }),
      { numRuns: 50 },
    );
  });

  test("each packet block carries its frame's number as epb_packetid, also above 32 bits", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "out.pcapng");
      const writer = new PcapngWriter(path);
      const id = writer.interfaceId(1, "gateway-a");
      const frame = frameBytes(5);
      writer.frame(id, 7, 0, 5, 5, 1, frame, 0);
      writer.frame(id, 7, 0, 5, 5, 2 ** 40 + 3, frame, 0);
      writer.close();
      const bytes = readFileSync(path);
      expect(packetIds(bytes)).toEqual([1n, 2n ** 40n + 3n]);
    });
  });

  test("an interface is named once per link type and name, with nanosecond resolution", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "out.pcapng");
      const writer = new PcapngWriter(path);
      const names = [
        [1, "gateway-a"],
        [1, "gateway-b"],
        [101, "gateway-a"],
        [1, "gateway-a"],
        [1, "é".repeat(200)],
      ] as const;
      expect(names.map(([linkType, name]) => writer.interfaceId(linkType, name))).toEqual([0, 1, 2, 0, 3]);
      writer.close();
      const { interfaces } = await readFile(path);
      expect(interfaces.slice(0, 3)).toEqual([
        { linkType: 1, name: "gateway-a", snapLength: 0 },
        { linkType: 1, name: "gateway-b", snapLength: 0 },
        { linkType: 101, name: "gateway-a", snapLength: 0 },
      ]);
      expect(interfaces[3]?.name?.startsWith("é".repeat(127))).toBe(true);
    });
  });

  test("the same calls give the same bytes, however dirty the buffer was", async () => {
    await withFolder(async (folder) => {
      const frames = [1, 2, 3].map((seed) => written(BigInt(seed), frameBytes(seed * 97, seed)));
      const [first, second] = [join(folder, "first"), join(folder, "second")];
      writePcapng(first, frames, false);
      const dirty = new Uint8Array(1 << 20).fill(0xa5);
      writePcapng(second, frames, false, dirty);
      expect(readFileSync(second).equals(readFileSync(first))).toBe(true);
    });
  });

  test("more than the buffer holds is written out on the way, the largest frame included", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "out.pcapng");
      const frames = Array.from({ length: 9 }, (_, i) => written(BigInt(i), Buffer.alloc(262_144, i + 1)));
      writePcapng(path, frames, false);
      const result = await readFile(path);
      expect(result.frames.map(({ bytes }) => bytes.every((byte) => byte === bytes[0]) && bytes[0])).toEqual(
        frames.map((_, i) => i + 1),
      );
    });
  });

  test("a frame above 262,144 bytes is wrong use", async () => {
    await withFolder(async (folder) => {
      const writer = new PcapngWriter(join(folder, "out.pcapng"));
      const frame = Buffer.alloc(262_145);
      expect(() => writer.frame(0, 0, 0, frame.length, 0, 1, frame, 0)).toThrow("frame has 262145 bytes");
      writer.close();
    });
  });
});

describe("pcap", () => {
  test("frames of any length and time before 2106 read back equal", async () => {
    const random = fc.record({
      time: fc.bigInt(0n, 2n ** 32n * 1_000_000_000n - 1n),
      wireLength: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      bytes: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(random, { maxLength: 20 }), async (frames) => {
        await withFolder(async (folder) => {
          const path = join(folder, "out.pcap");
          const writer = new PcapWriter(path, 101);
          for (const { time, wireLength, bytes } of frames) {
            writer.frame(low(time), high(time), bytes.length, wireLength, bytes, 0);
          }
          writer.close();
          const result = await readFile(path);
          expect(result.interfaces).toEqual([{ linkType: 101, name: undefined, snapLength: 262_144 }]);
          expect(result.frames).toEqual(frames.map((frame) => ({ ...frame, interface: 0 })));
        });
      }),
      { numRuns: 50 },
    );
  });
});

describe("what cannot be written", () => {
  test("a folder that does not exist is named with the system's code", () => {
    const target = "/nonexistent-folder/out.pcapng";
    const failure = thrownBy(() => new PcapngWriter(target));
    expect(failure).toBeInstanceOf(OutputError);
    expect(failure).toMatchObject({ code: "output", systemCode: "ENOENT", file: target });
  });

  test("a full disk shows at the latest on close, as ENOSPC", () => {
    const writer = new PcapWriter("/dev/full", 1);
    const failure = thrownBy(() => writer.close());
    expect(failure).toBeInstanceOf(OutputError);
    expect(failure).toMatchObject({ systemCode: "ENOSPC", file: "/dev/full" });
    expect(thrownBy(() => writer.close())).toBeUndefined();
  });

  test("a pipe whose reader has gone shows as EPIPE", async () => {
    await withFolder(async (folder) => {
      const pipe = join(folder, "pipe");
      execFileSync("mkfifo", [pipe]);
      const reader = openSync(pipe, "r+");
      const fd = openSync(pipe, "w");
      closeSync(reader);
      const writer = new PcapngWriter(fd);
      expect(thrownBy(() => writer.close())).toMatchObject({ code: "output", systemCode: "EPIPE" });
      closeSync(fd);
    });
  });

  test("a descriptor given stays open after close", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "out.pcap");
      const fd = openSync(path, "w");
      const writer = new PcapWriter(fd, 1);
      writer.frame(0, 0, 4, 4, frameBytes(4), 0);
      writer.close();
      closeSync(fd);
      expect((await readFile(path)).frames).toHaveLength(1);
    });
  });

  test("a descriptor that takes no bytes is an error of its own", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "readable");
      writePcapng(path, [], false);
      const fd = openSync(path, "r");
      const writer = new PcapWriter(fd, 1);
      expect(thrownBy(() => writer.flush())).toMatchObject({ systemCode: "EBADF", file: `descriptor ${fd}` });
      closeSync(fd);
    });
  });
});

function written(time: bigint, bytes: Buffer): WrittenFrame {
  return { time, wireLength: bytes.length, interface: 0, bytes };
}

/** Writes the frames with numbers from 1; in one memory, the writer's buffer lies beside the frames. */
function writePcapng(path: string, frames: readonly WrittenFrame[], inOneMemory: boolean, buffer?: Uint8Array): void {
  const memory = new Uint8Array(2 << 20);
  const beside = inOneMemory ? memory.subarray(0, 1 << 20) : buffer;
  const writer = new PcapngWriter(path, beside ? { buffer: beside } : {});
  const ids = ["a", "b", "c"].map((name) => writer.interfaceId(1, name));
  const arena = memory.subarray((1 << 20) + 3);
  let number = 0;
  for (const { time, wireLength, interface: place, bytes } of frames) {
    const source = inOneMemory ? arena : bytes;
    const at = inOneMemory ? 5 : 0;
    if (inOneMemory) arena.set(bytes, at);
    writer.frame(ids[place], low(time), high(time), bytes.length, wireLength, ++number, source, at);
  }
  writer.close();
}

/** The epb_packetid of every packet block, found by walking blocks and options by hand. */
function packetIds(bytes: Buffer): bigint[] {
  const ids: bigint[] = [];
  for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at + 4)) {
    if (bytes.readUInt32LE(at) !== 6) continue;
    const options = at + 28 + Math.ceil(bytes.readUInt32LE(at + 20) / 4) * 4;
    expect([bytes.readUInt16LE(options), bytes.readUInt16LE(options + 2)]).toEqual([5, 8]);
    expect(bytes.readUInt32LE(options + 12)).toBe(0);
    ids.push(bytes.readBigUInt64LE(options + 4));
  }
  return ids;
}

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
