import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { openCapture } from "../../src/capture/open.js";
import {
  type CaptureInterface,
  type CaptureReader,
  createFrameIndex,
  type FrameIndex,
} from "../../src/capture/types.js";

/** One frame as read, copied out of the reader's memory. */
export interface ReadFrame {
  /** Nanoseconds since the epoch. */
  time: bigint;
  wireLength: number;
  interface: number;
  bytes: Buffer;
}

export interface ReadResult {
  frames: ReadFrame[];
  interfaces: readonly CaptureInterface[];
  truncated: boolean;
  skippedBlocks: Record<string, number>;
  adjusted: Record<string, number>;
  /** What `next` threw, after all of `frames`. */
  error: unknown;
}

export interface ReadOptions {
  /** Bytes of memory to read into. */
  memorySize?: number;
  indexCapacity?: number;
}

/** Reads a whole capture given as bytes; `pieces` are the chunks in which they arrive. */
export async function readBytes(bytes: Uint8Array | Uint8Array[], options: ReadOptions = {}): Promise<ReadResult> {
  const pieces = Array.isArray(bytes) ? bytes : [bytes];
  return drain(await openCapture("-", { stdin: Readable.from(pieces) }), options);
}

/** Reads a whole capture file. */
export async function readFile(path: string, options: ReadOptions = {}): Promise<ReadResult> {
  return drain(await openCapture(path), options);
}

/** Runs `use` with the path of a file that holds `bytes`, and removes the file. */
export async function withFile<T>(bytes: Uint8Array, use: (path: string) => Promise<T>): Promise<T> {
  return withFolder((folder) => {
    const path = join(folder, "capture");
    writeFileSync(path, bytes);
    return use(path);
  });
}

/** Runs `use` with an empty folder, and removes it with all that is in it. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "sluicegate-capture-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Reads a capture to its end or to the error that ends it, and closes it. */
export async function drain(reader: CaptureReader, options: ReadOptions = {}): Promise<ReadResult> {
  const memory = new Uint8Array(options.memorySize ?? 1 << 20);
  const index = createFrameIndex(options.indexCapacity ?? 1000);
  const frames: ReadFrame[] = [];
  let error: unknown;
  try {
    while (await reader.next(memory, index)) frames.push(...framesOf(memory, index));
  } catch (thrown) {
    error = thrown;
  }
  await reader.close();
  return {
    frames,
    interfaces: reader.interfaces,
    truncated: reader.truncated,
    skippedBlocks: Object.fromEntries(reader.skippedBlocks),
    adjusted: Object.fromEntries(reader.adjusted),
    error,
  };
}

/** Copies of the frames that `index` describes. */
export function framesOf(memory: Uint8Array, index: FrameIndex): ReadFrame[] {
  return Array.from({ length: index.count }, (_, i) => ({
    time: (BigInt(index.timeHigh[i]) << 32n) | BigInt(index.timeLow[i]),
    wireLength: index.wireLength[i],
    interface: index.interfaceIndex[i],
    bytes: Buffer.from(memory.subarray(index.offset[i], index.offset[i] + index.capturedLength[i])),
  }));
}
