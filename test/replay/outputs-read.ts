import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ReplayOptions } from "../../src/replay/options.js";
import { replay } from "../../src/replay/replay.js";
import type { ReplayReport } from "../../src/replay/report-types.js";
import { withFolder } from "../support/capture-read.js";

/** One frame of an output, read without the product's reader. */
export interface OutputFrame {
  readonly number: number;
  readonly interfaceName: string;
  readonly linkType: number;
  readonly timeNs: bigint;
  readonly wire: number;
  readonly bytes: Buffer;
}

export interface ReplayResult {
  readonly report: ReplayReport;
  readonly external: OutputFrame[];
  readonly endpoint: OutputFrame[];
  /** The two files as they are. */
  readonly files: { readonly external: Buffer; readonly endpoint: Buffer };
}

/** Replays into a folder of its own and reads what was written there; verification is on unless told otherwise. */
export function replayAndRead(options: Omit<ReplayOptions, "outDir">): Promise<ReplayResult> {
  return withFolder(async (outDir) => {
    const report = await replay({ ...options, outDir });
    const files = {
      external: readFileSync(join(outDir, "external.pcapng")),
      endpoint: readFileSync(join(outDir, "endpoint.pcapng")),
    };
    return { report, external: readOutput(files.external), endpoint: readOutput(files.endpoint), files };
  });
}

/** As `replayAndRead`, for a replay that ends in an error: what it threw, and what it had written by then. */
export function replayFailing(
  options: Omit<ReplayOptions, "outDir">,
): Promise<{ error: unknown; external: OutputFrame[] }> {
  return withFolder(async (outDir) => {
    const error = await replay({ ...options, outDir }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const path = join(outDir, "external.pcapng");
    return { error, external: existsSync(path) ? readOutput(readFileSync(path)) : [] };
  });
}

/** Reads a little-endian pcapng of one section with enhanced packet blocks; refuses everything else. */
export function readOutput(file: Buffer): OutputFrame[] {
  const interfaces: { name: string; linkType: number }[] = [];
  const frames: OutputFrame[] = [];
  for (let at = 0; at < file.length; ) {
    const type = file.readUInt32LE(at);
    const length = file.readUInt32LE(at + 4);
    if (file.readUInt32LE(at + length - 4) !== length) throw new Error(`block at ${at} has two lengths`);
    const block = file.subarray(at, at + length);
    if (type === 1) interfaces.push(readInterface(block));
    else if (type === 6) frames.push(readPacket(block, interfaces));
    else if (type !== 0x0a0d0d0a) throw new Error(`block at ${at} has type ${type}`);
    at += length;
  }
  return frames;
}

function readInterface(block: Buffer): { name: string; linkType: number } {
  const options = readOptions(block, 16);
  if (options.get(9)?.[0] !== 9) throw new Error("interface has no nanosecond resolution");
  return { name: options.get(2)?.toString("utf8") ?? "", linkType: block.readUInt16LE(8) };
}

function readPacket(block: Buffer, interfaces: readonly { name: string; linkType: number }[]): OutputFrame {
  const captured = block.readUInt32LE(20);
  const options = readOptions(block, 28 + Math.ceil(captured / 4) * 4);
  const { name, linkType } = interfaces[block.readUInt32LE(8)];
  return {
    number: Number(options.get(5)?.readBigUInt64LE(0)),
    interfaceName: name,
    linkType,
    timeNs: (BigInt(block.readUInt32LE(12)) << 32n) | BigInt(block.readUInt32LE(16)),
    wire: block.readUInt32LE(24),
    bytes: Buffer.from(block.subarray(28, 28 + captured)),
  };
}

function readOptions(block: Buffer, from: number): Map<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let at = from; at + 4 <= block.length - 4; ) {
    const code = block.readUInt16LE(at);
    if (code === 0) break;
    const length = block.readUInt16LE(at + 2);
    options.set(code, block.subarray(at + 4, at + 4 + length));
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return options;
}
