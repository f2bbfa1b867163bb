import { readFile } from "node:fs/promises";
import { instantiate } from "@assemblyscript/loader";
import { EngineError } from "../errors.js";
import { packageFile } from "../platform/node/wasm.js";
import type { Contestant } from "./measure.js";

/** What machine.wasm exports (assembly/bench/machine.ts). */
interface MachineExports extends Record<string, unknown> {
  reserve(bytes: number): number;
  layCycle(lines: number, seed: number): void;
  chase(at: number, steps: number): number;
  loadLines(seed: number, count: number, lines: number): number;
  storePairs(seed: number, count: number, lines: number): number;
  readStream(bytes: number): number;
  updateStream(bytes: number, value: number): number;
  writeStream(bytes: number, value: number): void;
}

const LINE = 64;
const SEED = 7;
const CHASE_STEPS = 1 << 15;
const RANDOM_LINES = 1 << 18;
/** Streams shorter than this are run over several times in one go, bytes. */
const STREAM_BYTES = 16 << 20;

/** What is measured of the memory; each runs in units of its own: loads, lines, or pairs of lines. */
export interface MemoryProbes {
  /** A load that waits for the one before. */
  readonly chase: Contestant;
  /** A load from a random line that waits for none. */
  readonly load: Contestant;
  /** Blind stores into a random line and the next. */
  readonly pair: Contestant;
  /** 64 bytes of a stream: read, written, and read and written back. */
  readonly read: Contestant;
  readonly write: Contestant;
  readonly update: Contestant;
}

/**
 * Probes over memory of their own.
 * @param tableBytes over which random accesses spread   @param streamBytes over which streams run; both multiples of 64
 * @throws {EngineError} where there is no memory for that, or machine.wasm is not built
 */
export async function memoryProbes(tableBytes: number, streamBytes: number): Promise<MemoryProbes> {
  const table = await reserve(tableBytes);
  const stream = await reserve(streamBytes);
  const lines = tableBytes / LINE;
  table.layCycle(lines, SEED);
  stream.writeStream(streamBytes, 1);
  let at = 0;
  let seed = SEED;
  const turns = Math.max(1, Math.ceil(STREAM_BYTES / streamBytes));
  const overStream = (once: () => void) =>
    probe(() => {
      for (let i = 0; i < turns; i++) once();
      return (turns * streamBytes) / LINE;
    });
  return {
    chase: probe(() => {
      at = table.chase(at, CHASE_STEPS);
      return CHASE_STEPS;
    }),
    load: probe(() => {
      seed = table.loadLines(seed, RANDOM_LINES, lines);
      return RANDOM_LINES;
    }),
    pair: probe(() => {
      seed = table.storePairs(seed, RANDOM_LINES, lines);
      return RANDOM_LINES;
    }),
    read: overStream(() => stream.readStream(streamBytes)),
    write: overStream(() => stream.writeStream(streamBytes, 1)),
    update: overStream(() => stream.updateStream(streamBytes, 1)),
  };
}

function probe(run: () => number): Contestant {
  return { restore: () => {}, run, verify: () => {} };
}

async function reserve(bytes: number): Promise<MachineExports> {
  const file = packageFile("build", "machine.wasm");
  const source = await readFile(file).catch((cause: unknown) => {
    throw new EngineError(`${file}: cannot be read, expected the probes that \`npm run build\` makes`, { cause });
  });
  const { exports } = await instantiate<MachineExports>(Uint8Array.from(source));
  if (!exports.reserve(bytes)) throw new EngineError(`benchmark: no memory for a probe over ${bytes} bytes`);
  return exports;
}
