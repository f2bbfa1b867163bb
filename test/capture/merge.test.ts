import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMergedIndex, MergedCapture, type MergeInput } from "../../src/capture/merge.js";
import { openCapture } from "../../src/capture/open.js";
import { CaptureError, UsageError } from "../../src/errors.js";
import { enhancedPacket, frameBytes, interfaceBlock, pcap, pcapng } from "../support/capture-bytes.js";
import { framesOf, type ReadFrame } from "../support/capture-read.js";

interface MergedFrame extends ReadFrame {
  source: number;
}

const SECOND = 1_000_000_000n;

/** A pcap whose frames have these seconds; the first byte of each frame is its place in the file. */
function at(...seconds: number[]): Buffer {
  return pcap(seconds.map((second, place) => ({ seconds: second, frame: Buffer.of(place, 1, 2, 3) })));
}

describe("the order of merged frames", () => {
  test("is that of time, and at equal times that of the files", async () => {
    const { frames } = await merge([at(1, 5, 5, 9), at(1, 2, 5), at(0, 5)]);
    expect(places(frames)).toEqual(["2:0", "0:0", "1:0", "1:1", "0:1", "0:2", "1:2", "2:1", "0:3"]);
  });

  test("within a file is never changed, even where its times run backwards", async () => {
    const { frames } = await merge([at(10, 3, 4, 20), at(5, 12)]);
    expect(places(frames)).toEqual(["1:0", "0:0", "0:1", "0:2", "1:1", "0:3"]);
  });

  test("follows times shifted by the skew of a file, clamped to 64 bits", async () => {
    const { frames } = await merge([at(10, 20), at(10, 20)], { skews: [5n * SECOND, -5n * SECOND] });
    expect(places(frames)).toEqual(["1:0", "0:0", "1:1", "0:1"]);
    expect(frames.map(({ time }) => time / SECOND)).toEqual([5n, 15n, 15n, 25n]);
    const early = await merge([at(1, 3)], { skews: [-2n * SECOND] });
    expect(early.frames.map(({ time }) => time)).toEqual([0n, SECOND]);
    const late = await merge([at(2 ** 32 - 1)], { skews: [2n ** 63n - 1n] });
    expect(late.frames.map(({ time }) => time)).toEqual([(2n ** 32n - 1n) * SECOND + 2n ** 63n - 1n]);
    const ticks = pcapng([
      interfaceBlock({ resolution: 9 }),
      enhancedPacket({ ticks: 2n ** 64n - 5n, frame: frameBytes(4) }),
    ]);
    const clamped = await merge([ticks], { skews: [10n] });
    expect(clamped.frames.map(({ time }) => time)).toEqual([2n ** 64n - 1n]);
  });

  test("equals a stable sort by time where each file is sorted, whatever the sizes of arena and index", async () => {
    const sorted = fc.array(fc.nat(50), { maxLength: 40 }).map((times) => times.sort((a, b) => a - b));
    const files = fc.array(sorted, { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(files, fc.integer({ min: 1, max: 30 }), async (times, capacity) => {
        const expected = times
          .flatMap((seconds, file) => seconds.map((second, place) => ({ second, file, place })))
          .sort((a, b) => a.second - b.second || a.file - b.file || a.place - b.place)
          .map(({ file, place }) => `${file}:${place}`);
        const { frames } = await merge(
          times.map((seconds) => at(...seconds)),
          { arena: 128 * times.length, capacity },
        );
        expect(places(frames)).toEqual(expected);
      }),
    );
  });
});

describe("interfaces and sources", () => {
  test("interfaces of all files get running numbers, also those met late", async () => {
    const packet = (number: number, ticks: bigint) =>
      enhancedPacket({ interface: number, ticks, frame: frameBytes(20) });
    const first = pcapng([
      interfaceBlock({ name: "a0" }),
      packet(0, 1n),
      interfaceBlock({ name: "a1" }),
      packet(1, 9n),
    ]);
    const second = pcapng([interfaceBlock({ name: "b0" }), packet(0, 2n), packet(0, 10n)]);
    const { frames, capture } = await merge([first, second], { arena: 300 });
    const names = frames.map((frame) => {
      const { file, interface: facing } = capture.interfaces[frame.interface];
      expect(file).toBe(frame.source);
      return facing.name;
    });
    expect(names).toEqual(["a0", "b0", "a1", "b0"]);
  });

  test("a single file keeps its interface numbers and uses the whole arena", async () => {
    const { frames, capture } = await merge([pcap([{ frame: frameBytes(900) }])], { arena: 1000 });
    expect(frames).toMatchObject([{ source: 0, interface: 0, bytes: frameBytes(900) }]);
    expect(capture.interfaces.map(({ file, interface: facing }) => [file, facing.linkType])).toEqual([[0, 1]]);
  });
});

describe("what cannot be merged", () => {
  test("damage in one file ends the merge after everything earlier in time", async () => {
    const bad = pcap([
      { seconds: 4, frame: Buffer.of(0, 0) },
      { seconds: 5, frame: Buffer.of(1), captured: 2 ** 30 },
    ]);
    const { frames, error } = await merge([at(1, 2, 3, 4, 8, 9), bad]);
    expect(places(frames)).toEqual(["0:0", "0:1", "0:2", "0:3", "1:0"]);
    expect(error).toBeInstanceOf(CaptureError);
  });

  test("no capture at all and a skew of more than 64 bits are wrong use", async () => {
    expect(() => new MergedCapture([])).toThrow(UsageError);
    const [input] = await inputs([at(1)], [2n ** 63n]);
    expect(() => new MergedCapture([input])).toThrow("-: skew is 9223372036854775808 ns, expected less than 2^63 ns");
  });
});

interface MergeOptions {
  skews?: readonly bigint[];
  arena?: number;
  capacity?: number;
}

async function inputs(files: readonly Buffer[], skews: readonly bigint[] = []): Promise<MergeInput[]> {
  const readers = files.map((bytes) => openCapture("-", { stdin: Readable.from([bytes]) }));
  return (await Promise.all(readers)).map((reader, i) => ({ reader, skewNs: skews[i] ?? 0n }));
}

async function merge(
  files: readonly Buffer[],
  options: MergeOptions = {},
): Promise<{ frames: MergedFrame[]; error: unknown; capture: MergedCapture }> {
  const capture = new MergedCapture(await inputs(files, options.skews));
  const arena = new Uint8Array(options.arena ?? 64 * 1024);
  const index = createMergedIndex(options.capacity ?? 100);
  const frames: MergedFrame[] = [];
  let error: unknown;
  try {
    while (await capture.next(arena, index)) {
      frames.push(...framesOf(arena, index).map((frame, i) => ({ ...frame, source: index.source[i] })));
    }
  } catch (thrown) {
    error = thrown;
  }
  await capture.close();
  return { frames, error, capture };
}

/** `file:place` of each frame. */
function places(frames: readonly MergedFrame[]): string[] {
  return frames.map(({ source, bytes }) => `${source}:${bytes[0]}`);
}
