import { kindOf } from "#platform/files.js";
import { type CaptureInput, isRereadable } from "../capture/input.js";
import { createMergedIndex, MergedCapture, type MergedIndex } from "../capture/merge.js";
import type { OpenOptions } from "../capture/open.js";
import { type CaptureReader, createFrameIndex } from "../capture/types.js";
import type { PolicyModel } from "../config/types.js";
import { UsageError } from "../errors.js";
import { openCaptureOrRecords } from "../records/open.js";
import type { Columns } from "./columns.js";
import type { ViewpointDecision } from "./report-types.js";
import type { ResolvedOptions } from "./setup.js";
import type { Face, Viewpoints } from "./viewpoint.js";

/** Captures merged at once: each needs room for a whole frame in memory. */
const MAX_CAPTURES = 1024;
const NS_PER_MINUTE = 60_000_000_000n;
const PIECE_SIZE = 1 << 20;
/** Room for the largest frame (262,144 bytes) with its record, and some. */
const PIECE_SIZE_OF_MANY = 320 << 10;
/** Behind the frames of a piece: room for one frame that was held, whose own piece is gone. */
export const SPARE_BYTES = 256 << 10;
export const SPARE_FRAMES = 1;
const PIECE_FRAMES = 8192;
const PIECE_FRAMES_OF_MANY = 2048;

/** Memory that the pieces of `captures` captures are read into: a pure function of their number. */
export function pieceSizes(captures: number): { bytes: number; frames: number } {
  if (captures === 1) return { bytes: PIECE_SIZE, frames: PIECE_FRAMES };
  return {
    bytes: Math.max(PIECE_SIZE, captures * PIECE_SIZE_OF_MANY),
    frames: Math.max(PIECE_FRAMES, captures * PIECE_FRAMES_OF_MANY),
  };
}

/** Opens all captures. @throws {UsageError} where there is none, too many, or one twice as standard input   @throws {CaptureError} */
export async function openCaptures(options: ResolvedOptions): Promise<MergedCapture> {
  const { captures, inputs, skews, stdin, signal } = options;
  if (captures.length === 0 || captures.length > MAX_CAPTURES) {
    throw new UsageError(`there are ${captures.length} captures, expected 1 to ${MAX_CAPTURES}`);
  }
  if (captures.filter((path) => path === "-").length > 1) throw new UsageError("-: standard input is given twice");
  for (const path of skews?.keys() ?? []) {
    if (!captures.includes(path))
      throw new UsageError(`--skew ${path}: is none of the captures, expected one of ${captures.join(", ")}`);
  }
  const readers: CaptureReader[] = [];
  try {
    for (const input of inputs) readers.push(await openOne(input, options, stdin ? { stdin, signal } : { signal }));
  } catch (error) {
    for (const reader of readers) await reader.close();
    signal?.throwIfAborted();
    throw error;
  }
  return new MergedCapture(readers.map((reader, i) => ({ reader, skewNs: skews?.get(captures[i]!) ?? 0n })));
}

/** A capture, or connection records as if they were one. */
function openOne(
  input: CaptureInput,
  { model, recordsAtNs }: ResolvedOptions,
  options: OpenOptions,
): Promise<CaptureReader> {
  return openCaptureOrRecords(input, { ...options, atNs: recordsAtNs ?? tableTime(model) });
}

/**
 * When a connection table that does not say it is taken to have been dumped: together with the manifests, that is a minute after the
 * youngest endpoint came by its address.
 */
function tableTime({ endpoints }: PolicyModel): bigint {
  let youngest = 0n;
  for (const { fromNs } of endpoints) if (fromNs !== undefined && fromNs > youngest) youngest = fromNs;
  return youngest + NS_PER_MINUTE;
}

/**
 * Of several captures the first piece of each file is looked at before frames are merged: a merged piece may hold little of some. A single
 * capture, and what is no file, is decided by its first piece in memory instead.
 * @returns the decisions made
 */
export async function prescan(options: ResolvedOptions, viewpoints: Viewpoints): Promise<ViewpointDecision[]> {
  const { inputs } = options;
  if (inputs.length === 1) return [];
  const decisions: ViewpointDecision[] = [];
  const memory = new Uint8Array(PIECE_SIZE);
  const index = createFrameIndex(PIECE_FRAMES);
  for (const [file, input] of inputs.entries()) {
    if (!isStored(input)) continue;
    const reader = await openOne(input, options, {});
    try {
      await reader.next(memory, index);
      const faces = reader.interfaces.map((face, number): Face => ({ file, number, interface: face }));
      decisions.push(...viewpoints.decide(memory, index, faces));
    } finally {
      await reader.close();
    }
  }
  return decisions;
}

/** Whether a look at a capture takes nothing of it away. */
function isStored(input: CaptureInput): boolean {
  if (typeof input !== "string" || input === "-") return isRereadable(input);
  try {
    return kindOf(input) === "file";
  } catch {
    return false;
  }
}

/** A merged index over columns that lie in the engine's memory: readers fill them directly. */
export function indexOver(columns: Columns, capacity: number): MergedIndex {
  return {
    count: 0,
    capacity,
    offset: columns.offset,
    capturedLength: columns.captured,
    wireLength: columns.wire,
    timeLow: columns.timeLow,
    timeHigh: columns.timeHigh,
    interfaceIndex: columns.interface,
    source: createMergedIndex(capacity).source,
  };
}

/** The interfaces of a merged capture, each with its number within its file. Grows with the capture's list. */
export class Faces {
  readonly list: Face[] = [];
  readonly #merged: MergedCapture;
  readonly #perFile: number[] = [];

  constructor(merged: MergedCapture) {
    this.#merged = merged;
  }

  update(): void {
    for (let i = this.list.length; i < this.#merged.interfaces.length; i++) {
      const { file, interface: face } = this.#merged.interfaces[i]!;
      const number = this.#perFile[file] ?? 0;
      this.#perFile[file] = number + 1;
      this.list.push({ file, number, interface: face });
    }
  }
}
