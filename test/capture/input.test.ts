import { readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { type CaptureFrame, captureFrames } from "../../src/capture/frames.js";
import { type CaptureInput, checkInput, isRereadable, nameOfInput } from "../../src/capture/input.js";
import { UsageError } from "../../src/errors.js";

const PLAIN = "pcaps/web/in.pcap";
const GZIPPED = "pcaps/any/in.pcap.gz";

async function framesOf(input: CaptureInput): Promise<CaptureFrame[]> {
  const frames: CaptureFrame[] = [];
  for await (const frame of captureFrames(input)) frames.push({ ...frame, bytes: frame.bytes.slice() });
  return frames;
}

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe("a capture is the same wherever it comes from", () => {
  test.each([PLAIN, GZIPPED])("%s: path, bytes, blob, file, generator, both kinds of streams", async (path) => {
    const bytes = new Uint8Array(readFileSync(path));
    const expected = await framesOf(path);
    const file = await open(path);
    const inputs: CaptureInput[] = [
      { name: "bytes", bytes },
      { name: "blob", bytes: new Blob([bytes]) },
      Object.assign(new Blob([bytes]), { name: "file" }),
      { name: "generator", bytes: chunksOf(bytes, 4099) },
      { name: "web stream", bytes: new Blob([bytes]).stream() },
      { name: "stream", bytes: file.createReadStream() },
    ];
    for (const input of inputs) expect((await framesOf(input)).length, nameOfInput(input)).toBe(expected.length);
    expect(await framesOf(inputs[0]!)).toEqual(expected);
    expect(await framesOf(inputs[1]!)).toEqual(expected);
  });

  test("frames keep their times, lengths and link types", async () => {
    const expected = await framesOf("pcaps/offload/in.pcapng");
    expect(await framesOf({ name: "frames", frames: expected })).toEqual(expected);
    const made = { timeNs: 5n, bytes: Uint8Array.of(1, 2, 3) };
    expect(await framesOf({ name: "made", frames: [made, { ...made, linkType: 101, wireLength: 9 }] })).toEqual([
      { ...made, frame: 1, linkType: 1, wireLength: 3 },
      { ...made, frame: 2, linkType: 101, wireLength: 9 },
    ]);
    expect(await framesOf({ name: "none", frames: [] })).toEqual([]);
  });

  test("frames may be reused by their source once the next one is asked for", async () => {
    async function* reusing() {
      const bytes = new Uint8Array(1000);
      for (let i = 0; i < 3000; i++) {
        bytes.fill(i);
        yield { timeNs: BigInt(i), bytes };
      }
    }
    const frames = await framesOf({ name: "reused", frames: reusing() });
    expect(frames).toHaveLength(3000);
    expect(frames.every(({ bytes, timeNs }) => bytes[0] === (Number(timeNs) & 0xff) && bytes[999] === bytes[0])).toBe(
      true,
    );
  });
});

describe("a capture that can be read once", () => {
  test("is told from one that can be read again", () => {
    const stream = chunksOf(new Uint8Array(0), 1);
    const again: CaptureInput[] = [
      "a.pcap",
      { name: "a", bytes: new Uint8Array(0) },
      { name: "a", bytes: new Blob([]) },
    ];
    again.push({ name: "a", frames: [] }, Object.assign(new Blob([]), { name: "a" }));
    expect(again.map(isRereadable)).toEqual([true, true, true, true, true]);
    const once: CaptureInput[] = ["-", { name: "a", bytes: stream }, { name: "a", frames: new Set<never>() }];
    expect(once.map(isRereadable)).toEqual([false, false, false]);
  });

  test("is refused the second time, instead of being empty", async () => {
    const input = { name: "live", bytes: chunksOf(new Uint8Array(readFileSync(PLAIN)), 1 << 20) };
    await framesOf(input);
    await expect(framesOf(input)).rejects.toThrow("live: was read already, expected what can be read again");
  });

  test("that breaks says where, and what its source said", async () => {
    async function* broken() {
      yield new Uint8Array(readFileSync(PLAIN)).subarray(0, 5000);
      throw new Error("the line is cut");
    }
    const reading = framesOf({ name: "live", bytes: broken() });
    await expect(reading).rejects.toThrow("live: byte 5000: cannot be read on (the line is cut)");
  });
});

test.each<[string, unknown]>([
  ["capture is undefined, expected a path, a File, { name, bytes } or { name, frames }", undefined],
  ["capture is 5, expected", 5],
  ["capture is an object with bytes, expected", { bytes: new Uint8Array(1) }],
  ["capture is an object with name, bytes, expected", { name: "a", bytes: "text" }],
  ["capture is an object with nothing in it, expected", new Uint8Array(0)],
])("wrong use: %s", (message, input) => {
  expect(() => checkInput(input)).toThrow(UsageError);
  expect(() => checkInput(input)).toThrow(message);
});
