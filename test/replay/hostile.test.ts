import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import { pcap } from "../support/capture-bytes.js";
import { readBytes, withFile } from "../support/capture-read.js";
import { replayAndRead } from "./outputs-read.js";

const CAPTURES = ["web/in.pcap", "icmp/in.pcap", "overlay/in.pcap", "any/in.pcap.gz", "offload/in.pcapng"];
const ROUNDS = Number(process.env.SLUICEGATE_FUZZ_FACTOR ?? 1);

/** Numbers from 0 to `below` - 1; the same seed gives the same ones (xorshift, 32 bits). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function capture(name: string): Buffer {
  const bytes = readFileSync(`pcaps/${name}`);
  return name.endsWith(".gz") ? gunzipSync(bytes) : bytes;
}

/** Bytes changed, mostly in headers; frames cut, or said to be longer or shorter on the wire. */
function mutated(frame: Buffer, random: (below: number) => number): { frame: Buffer; wire: number } {
  let copy = Buffer.from(frame);
  if (random(3) > 0) return { frame: copy, wire: copy.length };
  const changes = 1 + random(4);
  for (let i = 0; i < changes; i++) {
    const at = random(random(2) ? Math.min(64, copy.length) : copy.length);
    copy[at] = random(4) ? random(256) : copy[at] ^ (1 << random(8));
  }
  if (random(4) === 0) copy = copy.subarray(0, random(copy.length + 1));
  const wire = random(6) === 0 ? copy.length + random(100) : copy.length;
  return { frame: copy, wire };
}

describe.each(CAPTURES)("frames that somebody changed on the way (%s)", (name) => {
  it("crash nothing, leak nothing, and are each counted once", async () => {
    const model = loadManifests(["pcaps/manifests"]);
    const { frames, interfaces } = await readBytes(capture(name));
    for (let seed = 1; seed <= 3 * ROUNDS; seed++) {
      const random = randomFrom(seed);
      const records = frames.map(({ bytes, time }) => ({
        ...mutated(bytes, random),
        seconds: Number(time / 1_000_000_000n),
        fraction: Number((time % 1_000_000_000n) / 1000n),
      }));
      const bytes = pcap(records, { linkType: interfaces[0].linkType });
      const { report, external, endpoint } = await withFile(bytes, (path) =>
        replayAndRead({ captures: [path], model }),
      );
      const { read, pass, snat, reverse, drop, lost, skipped } = report.frames;
      expect(read).toBe(frames.length);
      expect(pass + snat + reverse + drop + lost + skipped).toBe(read);
      expect(Object.values(report.reasons).reduce((sum, count) => sum + count, 0)).toBe(read - snat - reverse);
      expect([external.length, endpoint.length]).toEqual([snat, reverse + pass]);
      expect(report.verification.mismatches, `seed ${seed}`).toEqual([]);
    }
  });
});
