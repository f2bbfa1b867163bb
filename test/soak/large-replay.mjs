/**
 * Replays a generated capture of 2 GB (or of the number of MB given) and shows that memory stays below 512 MB, also with verification.
 * Usage, after `npm run build`: node test/soak/large-replay.mjs [MB]
 * 2026-11-23, Node 20.20, 2 shared cores, 2,352,941 frames (1,962 MB): peak 238 MB plain, 312 MB with verification, no mismatch.
 * Prints one line of JSON per run; exits with 1 where a frame is missing, a mismatch is found or memory grew above the limit.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PcapWriter } from "../../dist/src/capture/write.js";
import { loadManifests } from "../../dist/src/config/load.js";
import { generateCapture } from "../../dist/src/generate/generate.js";
import { generateManifests } from "../../dist/src/generate/manifests.js";
import { replay } from "../../dist/src/replay/replay.js";

const LIMIT_MB = 512;
/** Of the generator's mix of sizes. */
const MEAN_FRAME = 850;

const [, , argument, folder, verify] = process.argv;
if (argument === "--replay") await measure(folder, verify === "verify");
else compare(Number(argument ?? 2000));

function compare(megabytes) {
  const work = mkdtempSync(join(tmpdir(), "sluicegate-soak-"));
  try {
    const packets = Math.round((megabytes * 1e6) / MEAN_FRAME);
    const options = { packets, flows: Math.ceil(packets / 20), endpoints: 500 };
    const summary = generate(work, options);
    for (const mode of ["plain", "verify"]) {
      const script = fileURLToPath(import.meta.url);
      const child = spawnSync(process.execPath, [script, "--replay", work, mode], { encoding: "utf8" });
      if (child.status !== 0) throw new Error(child.stderr);
      const result = JSON.parse(child.stdout);
      console.log(JSON.stringify({ mode, megabytes: Math.round(summary.bytes / 1e6), ...result }));
      const { frames, mismatches, maxRssMegabytes } = result;
      if (frames !== summary.frames) throw new Error(`${frames} frames were replayed, expected ${summary.frames}`);
      if (mismatches !== 0) throw new Error(`${mismatches} mismatches`);
      if (maxRssMegabytes > LIMIT_MB)
        throw new Error(`memory grew to ${maxRssMegabytes} MB, expected ${LIMIT_MB} at most`);
    }
  } finally {
    rmSync(work, { recursive: true });
  }
}

function generate(work, options) {
  mkdirSync(join(work, "manifests"));
  writeFileSync(join(work, "manifests", "cluster.yaml"), generateManifests(options));
  const writer = new PcapWriter(join(work, "in.pcap"), 1);
  const summary = generateCapture(options, writer);
  writer.close();
  return summary;
}

async function measure(work, isVerified) {
  const model = loadManifests([join(work, "manifests")]);
  const outDir = join(work, "out");
  const report = await replay({ captures: [join(work, "in.pcap")], model, outDir, verify: isVerified });
  const result = {
    frames: report.frames.read,
    mismatches: report.verification.mismatchCount,
    framesPerSecond: Math.round(report.timing.framesPerSecond),
    maxRssMegabytes: Math.round(process.resourceUsage().maxRSS / 1024),
  };
  console.log(JSON.stringify(result));
}
