import { describe, expect, test } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import type { PairFrame } from "../../src/pair/frame.js";
import { verifyCapturePair } from "../../src/pair/verify-pair.js";
import { readFile } from "../support/capture-read.js";
import { onesSum } from "../support/frames.js";
import { poke } from "../verify/scene.js";
import { fields, NAMES } from "./captures.js";

describe("two captures around a Linux gateway", () => {
  const framesOf = async (path: string): Promise<PairFrame[]> => {
    const { frames, interfaces } = await readFile(path);
    return frames.map(({ time, bytes, wireLength, interface: number }, i) => {
      return { frame: i + 1, timeNs: time, linkType: interfaces[number].linkType, bytes, wireLength };
    });
  };
  const manifests = loadManifests(["pcaps/manifests"]);
  const verify = async (edit: (uplink: PairFrame[], inside: PairFrame[]) => void) => {
    const [inside, uplink] = [await framesOf("pcaps/snat/inside.pcap"), await framesOf("pcaps/snat/uplink.pcap")];
    edit(uplink, inside);
    return verifyCapturePair(inside, uplink, manifests, NAMES);
  };
  /** The `n`th frame of the uplink that is TCP with payload from a gateway. */
  const nthData = (uplink: PairFrame[], n: number): PairFrame => {
    const data = uplink.filter(({ bytes }) => bytes[23] === 6 && bytes[26] === 203 && bytes.length > 100);
    return data[n];
  };
  const replace = (uplink: PairFrame[], old: PairFrame, bytes: Uint8Array) => {
    uplink[uplink.indexOf(old)] = { ...old, bytes };
  };

  test("pair in all frames but the two that end at the gateway, without a mismatch", async () => {
    const result = await verify(() => {});
    expect(result.verification).toMatchObject({ ok: true, framesChecked: 745, mismatches: [] });
    expect(result).toMatchObject({ paired: 745, unpairedBefore: 2, unpairedAfter: 0, ambiguous: 0, segmented: 0 });
    expect(result.skipped).toEqual({ "before: not a readable IP packet": 5, "after: not a readable IP packet": 2 });
    expect(result.isSkewEstimated).toBe(true);
    expect(result.skewNs > -1_000_000n && result.skewNs < 1_000_000n).toBe(true);
  });

  test("pair as well when the second clock is an hour ahead", async () => {
    const result = await verify((uplink) => {
      uplink.forEach((frame, i) => {
        uplink[i] = { ...frame, timeNs: frame.timeNs + 3_600_000_000_000n };
      });
    });
    expect(result).toMatchObject({ paired: 745, isSkewEstimated: true });
    expect(result.skewNs / 1_000_000_000n).toBe(3600n);
  });

  test("show a planted payload byte, a checksum that is off and a TTL that grew", async () => {
    const result = await verify((uplink) => {
      const [a, b, c] = [nthData(uplink, 3), nthData(uplink, 10), nthData(uplink, 20)];
      replace(uplink, a, poke(a.bytes, -1, a.bytes[a.bytes.length - 1] ^ 1));
      replace(uplink, b, poke(b.bytes, 51, b.bytes[51] ^ 1));
      const older = poke(c.bytes, 22, 200, c.bytes[23], 0, 0);
      const sum = ~onesSum(older.subarray(14, 34)) & 0xffff;
      replace(uplink, c, poke(older, 24, sum >> 8, sum & 0xff));
    });
    expect(fields(result).sort()).toEqual(["payload", "transport-checksum", "transport-checksum", "ttl"]);
    expect(result.paired).toBe(745);
    expect(result.verification.mismatches[0].capture).toMatch(/^inside\.pcap \(uplink\.pcap frame \d+\)$/);
  });

  test("show a frame that leaked with its private address", async () => {
    const result = await verify((uplink, inside) => {
      const leaked = nthData(uplink, 5);
      const identification = Buffer.from(leaked.bytes.subarray(16, 20));
      const original = inside.find(({ bytes }) => bytes[23] === 6 && identification.equals(bytes.subarray(16, 20)));
      if (!original) throw new Error("the segment is not in the inside capture");
      replace(uplink, leaked, original.bytes);
    });
    expect(fields(result)).toContain("leak");
  });
});
