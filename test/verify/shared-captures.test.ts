import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatAddress } from "../../src/net/address.js";
import { decodeFrame, destinationAddress, sourceAddress } from "../../src/net/decode.js";
import { readFile } from "../support/capture-read.js";
import { type CaptureFrame, runCapture } from "./capture-run.js";
import { address, model } from "./scene.js";

const FOLDER = process.env.SLUICEGATE_CAPTURES ?? join(import.meta.dirname, "../../../shared/captures");
const present = existsSync(join(FOLDER, "README.md"));

/** Every second address of the capture is an endpoint that everything is selected for: 0.0.0.0/0 and ::/0. */
function modelOf(frames: readonly CaptureFrame[]) {
  const seen = new Set<string>();
  for (const { bytes, linkType, wireLength } of frames) {
    const packet = decodeFrame(bytes, linkType, wireLength);
    if (packet) for (const read of [sourceAddress, destinationAddress]) seen.add(formatAddress(read(bytes, packet)));
  }
  const half = [...seen].sort().filter((_, i) => i % 2 === 0);
  const endpoints = half.map((text, i) => ({
    name: `pod-${i}`,
    uid: `uid-${i}`,
    addresses: [address(text)],
    servicePorts: [],
  }));
  return { ...model({ endpoints }), clusterPrefixes: [] };
}

describe.skipIf(!present)(`captures of others (skipped where their folder is missing: ${FOLDER})`, () => {
  const files = present ? readdirSync(FOLDER).filter((file) => /\.pcap/.test(file)) : [];

  test.each(files)("%s goes through the engine without a mismatch", async (file) => {
    const { frames, interfaces } = await readFile(join(FOLDER, file));
    const inOrder = frames.map(({ time, bytes, wireLength, interface: number }) => {
      return { timeNs: time, linkType: interfaces[number].linkType, bytes, wireLength };
    });
    const { verification, verdicts } = await runCapture(inOrder, modelOf(inOrder));
    expect(verification.mismatches).toEqual([]);
    expect(Object.values(verdicts).reduce((sum, count) => sum + count, 0)).toBe(frames.length);
  });
});
