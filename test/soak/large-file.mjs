/**
 * Reads a generated capture of 2 GB (or of the number of MB given) and shows that memory stays below 512 MB.
 * Usage, after `npm run build`: node test/soak/large-file.mjs [MB]
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openCapture } from "../../dist/src/capture/open.js";
import { createFrameIndex } from "../../dist/src/capture/types.js";
import { PcapngWriter, PcapWriter } from "../../dist/src/capture/write.js";

const LIMIT_MB = 512;
const FRAME_SIZES = [64, 576, 1514];
const RECORD_OVERHEAD = { pcap: 16, pcapng: 52 };

const [, , argument, path] = process.argv;
if (argument === "--read") await read(path);
else compare(Number(argument ?? 2000) * 1e6);

function compare(size) {
  const folder = mkdtempSync(join(tmpdir(), "sluicegate-large-"));
  try {
    for (const kind of ["pcap", "pcapng"]) {
      const file = join(folder, `large.${kind}`);
      const frames = generate(kind, file, size);
      const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), "--read", file], { encoding: "utf8" });
      if (child.status !== 0) throw new Error(child.stderr);
      const result = JSON.parse(child.stdout);
      console.log(JSON.stringify({ kind, megabytes: size / 1e6, ...result }));
      if (result.frames !== frames) throw new Error(`${kind}: ${result.frames} frames were read, expected ${frames}`);
      if (result.maxRssMegabytes > LIMIT_MB) throw new Error(`${kind}: memory grew above ${LIMIT_MB} MB`);
      rmSync(file);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function generate(kind, file, size) {
  const frame = Buffer.alloc(1514, 0x5a);
  const writer = kind === "pcap" ? new PcapWriter(file, 1) : new PcapngWriter(file);
  const id = kind === "pcap" ? 0 : writer.interfaceId(1, "eth0");
  let frames = 0;
  for (let written = 0; written < size; frames++) {
    const length = FRAME_SIZES[frames % FRAME_SIZES.length];
    if (kind === "pcap") writer.frame(frames, 1, length, length, frame, 0);
    else writer.frame(id, frames, 1, length, length, frames + 1, frame, 0);
    written += length + RECORD_OVERHEAD[kind];
  }
  writer.close();
  return frames;
}

async function read(file) {
  const memory = new Uint8Array(4 << 20);
  const index = createFrameIndex(16_384);
  const reader = await openCapture(file);
  const start = process.hrtime.bigint();
  let frames = 0;
  while (await reader.next(memory, index)) frames += index.count;
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  await reader.close();
  const maxRssMegabytes = Math.round(process.resourceUsage().maxRSS / 1000);
  const millionFramesPerSecond = Number((frames / seconds / 1e6).toFixed(1));
  console.log(JSON.stringify({ frames, maxRssMegabytes, millionFramesPerSecond, truncated: reader.truncated }));
}
