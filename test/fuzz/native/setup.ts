/**
 * What the native harness reads: one world's configuration record and policy, and the seeds of the target `frames` as files.
 * Usage: node dist/test/fuzz/native/setup.js FOLDER
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeEngineConfig } from "../../../src/engine/engine-config.js";
import { readCorpus } from "../corpus.js";
import { FramesTarget } from "../targets/frames.js";
import { WORLDS } from "../worlds.js";

const folder = process.argv[2] ?? "build/fuzz-native";
const seeds = join(folder, "seeds");
mkdirSync(seeds, { recursive: true });
/** The one that holds fragments and tells errors. */
const world = WORLDS.findIndex(({ name }) => name === "errors of its own");
const { config, blobs } = WORLDS[world];
writeFileSync(join(folder, "config.bin"), encodeEngineConfig(config));
writeFileSync(join(folder, "policy.bin"), blobs[0]);
writeFileSync(join(folder, "world.bin"), Uint8Array.of(world));
[...(await FramesTarget.start()).seeds(), ...readCorpus("frames")].forEach((input, i) => {
  writeFileSync(join(seeds, `${i}`), Uint8Array.of(world, ...input.subarray(1)));
});
