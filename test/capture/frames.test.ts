import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type CaptureNotes, captureFrames } from "../../src/capture/frames.js";
import { readFile, withFile } from "../support/capture-read.js";

test("frames come one by one with number, time, link type and bytes, as the reader gives them", async () => {
  const file = "pcaps/offload/in.pcapng";
  const { frames, interfaces } = await readFile(file);
  const notes: CaptureNotes = { truncated: true };
  let i = 0;
  for await (const frame of captureFrames(file, notes)) {
    const expected = frames[i++]!;
    expect({ ...frame, bytes: Buffer.from(frame.bytes) }).toEqual({
      frame: i,
      timeNs: expected.time,
      linkType: interfaces[expected.interface]!.linkType,
      bytes: expected.bytes,
      wireLength: expected.wireLength,
    });
  }
  expect(i).toBe(725);
  expect(notes.truncated).toBe(false);
});

test("a cut-off last record is noted", async () => {
  await withFile(readFileSync("pcaps/icmp/in.pcap").subarray(0, 500), async (path) => {
    const notes: CaptureNotes = { truncated: false };
    let count = 0;
    for await (const _ of captureFrames(path, notes)) count++;
    expect(count).toBeGreaterThan(0);
    expect(notes.truncated).toBe(true);
  });
});
