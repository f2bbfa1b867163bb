import { createMergedIndex, type MergedCapture, type MergedIndex } from "../capture/merge.js";
import { LINKTYPE_ETHERNET } from "../capture/types.js";
import type { PcapngWriter } from "../capture/write.js";
import type { Egress } from "../config/types.js";
import { CaptureError } from "../errors.js";
import { breathe } from "../platform/abort.js";
import { mergeOutcomes } from "./merge-outcomes.js";
import type { Outcome } from "./outcome.js";
import { Outputs, outputTargets } from "./outputs.js";
import { overlayFile } from "./overlay.js";
import type { ViewpointDecision } from "./report-types.js";
import { type ResolvedOptions, viewpointsFor } from "./setup.js";
import type { PieceAnswer, ShareSetup } from "./share.js";
import type { LooseFrame } from "./share-sinks.js";
import { ShareThread } from "./share-threads.js";
import { SharedPiece, type SharedSizes, WRITTEN_EXTERNAL, WRITTEN_NOWHERE } from "./shared-piece.js";
import { Faces, pieceSizes, prescan } from "./sources.js";

/** Pieces under way at a time: while one is written, one is worked on and one is read, and one waits. */
const PIECES = 4;

/** What a replay has come to. */
export interface Finished {
  readonly outcome: Outcome;
  /** What is wrong with a capture; everything before that was taken. */
  readonly damage: CaptureError | undefined;
}

/**
 * Replays captures by several machines, each in a thread of its own: this thread reads the pieces and writes the results, every share sees
 * all frames and takes those of its remotes. What comes out is what one machine makes of them.
 * @throws {EngineError} where a share fails or its thread ends   @throws {OutputError}
 */
export async function replayShared(options: ResolvedOptions, merged: MergedCapture): Promise<Finished> {
  const shared = new SharedReplay(options, merged);
  try {
    return await shared.run();
  } finally {
    await shared.end();
  }
}

/** A piece that was given to all shares. */
interface UnderWay {
  readonly piece: number;
  readonly count: number;
  readonly passed: number;
  readonly answers: Promise<PieceAnswer[]>;
}

class SharedReplay {
  readonly #options: ResolvedOptions;
  readonly #merged: MergedCapture;
  readonly #sizes: SharedSizes;
  readonly #pieces: readonly SharedPiece[];
  readonly #writer: ShareWriter;
  readonly #underWay: UnderWay[] = [];
  readonly #progress = { frames: 0, bytes: 0 };
  #threads: readonly ShareThread[] = [];
  #passed = 0;
  #live = 0;
  #peak = 0;

  constructor(options: ResolvedOptions, merged: MergedCapture) {
    this.#options = options;
    this.#merged = merged;
    const { hasOutput, workers: shares } = options;
    this.#sizes = { ...pieceSizes(options.captures.length), shares, hasOutput };
    this.#pieces = Array.from({ length: PIECES }, () => new SharedPiece(this.#sizes));
    this.#writer = new ShareWriter(options);
  }

  async run(): Promise<Finished> {
    const damage = await this.#takeAll();
    const outcomes = await Promise.all(this.#threads.map((thread) => thread.finish()));
    this.#writer.close();
    return { outcome: mergeOutcomes(outcomes, this.#peak), damage };
  }

  /** Ends threads and files, whatever has come of them. */
  async end(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()));
    this.#writer.close();
  }

  async #takeAll(): Promise<CaptureError | undefined> {
    const { bytes, frames } = this.#sizes;
    const arena = new Uint8Array(bytes);
    const index = createMergedIndex(frames);
    const faces = new Faces(this.#merged);
    const damage = await this.#start();
    if (damage) return damage;
    try {
      for (let piece = 0; this.#passed < this.#options.toFrame; piece = (piece + 1) % PIECES) {
        if (this.#underWay.length === PIECES) await this.#finishOne();
        if (!(await this.#merged.next(arena, index))) break;
        await breathe(this.#options.signal);
        const known = faces.list.length;
        faces.update();
        const used = fill(this.#pieces[piece]!, arena, index);
        this.#count(index);
        this.#give({ piece, count: index.count, used, faces: faces.list.slice(known) });
      }
      return undefined;
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      if (error instanceof CaptureError) return error;
      throw error;
    } finally {
      while (this.#underWay.length > 0) await this.#finishOne();
    }
  }

  /** Starts the shares. @returns what is wrong with a capture that was looked at ahead */
  async #start(): Promise<CaptureError | undefined> {
    const viewpoints = viewpointsFor(this.#options);
    let damage: CaptureError | undefined;
    try {
      this.#tell(await prescan(this.#options, viewpoints));
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      damage = error;
    }
    const memories = this.#pieces.map(({ memory }) => memory);
    const settings = viewpoints.settings();
    this.#threads = Array.from({ length: this.#options.workers }, (_, index) => {
      const options = { ...plainOptions(this.#options), shard: { index, count: this.#options.workers } };
      return new ShareThread({ options, sizes: this.#sizes, memories, settings });
    });
    return damage;
  }

  #give(order: Parameters<ShareThread["take"]>[0]): void {
    const answers = Promise.all(this.#threads.map((thread) => thread.take(order)));
    // Whoever waits for it hears of a failure; until then it is no unhandled one.
    answers.catch(() => {});
    this.#underWay.push({ piece: order.piece, count: order.count, passed: this.#passed, answers });
    this.#passed += order.count;
  }

  /** Waits for the piece that was given first, and writes what came of it. */
  async #finishOne(): Promise<void> {
    const { piece: number, count, passed, answers } = this.#underWay.shift()!;
    const all = await answers;
    const piece = this.#pieces[number]!;
    this.#tell(all[0]!.decisions);
    this.#followLive(piece, count);
    this.#writer.write(piece, count, passed, all);
    this.#options.onProgress?.({ ...this.#progress });
  }

  #followLive({ changes }: SharedPiece, count: number): void {
    for (let slot = 0; slot < count; slot++) {
      for (const column of changes) this.#live += column[slot]!;
      if (this.#live > this.#peak) this.#peak = this.#live;
    }
  }

  #count({ count, wireLength }: MergedIndex): void {
    const { fromFrame, toFrame } = this.#options;
    const first = Math.min(count, Math.max(0, fromFrame - 1 - this.#passed));
    const end = Math.max(first, Math.min(count, toFrame - this.#passed));
    this.#progress.frames += end - first;
    for (let slot = first; slot < end; slot++) this.#progress.bytes += wireLength[slot]!;
  }

  #tell(decisions: readonly ViewpointDecision[]): void {
    for (const decision of decisions) this.#options.onDecision?.(decision);
  }
}

/** Plain data for the threads: callbacks and streams stay here. */
function plainOptions(options: ResolvedOptions): ShareSetup["options"] {
  const { onProgress: _p, onDecision: _d, onWarning: _w, onOutput: _u, observers: _o, stdin: _s, ...rest } = options;
  const { signal: _a, ...plain } = rest;
  return { ...plain, inputs: [] };
}

/**
 * Copies a piece into shared memory; the arena stays the reader's. Frames of several captures are put together, as each capture has a part
 * of the arena. @returns bytes in use
 */
function fill(piece: SharedPiece, arena: Uint8Array, index: MergedIndex): number {
  const { count } = index;
  piece.captured.set(index.capturedLength.subarray(0, count));
  piece.wire.set(index.wireLength.subarray(0, count));
  piece.timeLow.set(index.timeLow.subarray(0, count));
  piece.timeHigh.set(index.timeHigh.subarray(0, count));
  piece.interface.set(index.interfaceIndex.subarray(0, count));
  piece.source.set(index.source.subarray(0, count));
  piece.written.fill(WRITTEN_NOWHERE);
  let used = 0;
  for (let slot = 0; slot < count; slot++) {
    const [at, length] = [index.offset[slot]!, index.capturedLength[slot]!];
    piece.bytes.set(arena.subarray(at, at + length), used);
    piece.offset[slot] = used;
    used += length;
  }
  return used;
}

/** Writes what the shares have made of a piece, in the order of frames. */
class ShareWriter {
  readonly #outputs: Outputs | undefined;
  readonly #overlay: PcapngWriter | undefined;
  readonly #egresses: Egress[] = [];
  #isClosed = false;

  constructor(options: ResolvedOptions) {
    const targetOf = outputTargets(options);
    if (!targetOf) return;
    this.#outputs = new Outputs(targetOf, this.#egresses);
    if (options.topology === "cluster") this.#overlay = overlayFile(targetOf);
  }

  write(piece: SharedPiece, count: number, passed: number, answers: readonly PieceAnswer[]): void {
    this.#egresses.push(...answers[0]!.egresses);
    if (this.#outputs) this.#writeFrames(this.#outputs, piece, count, passed, inOrder(answers, "released"));
    if (this.#overlay) this.#writePackets(this.#overlay, inOrder(answers, "packets"));
  }

  /** @throws {OutputError} */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      this.#outputs?.close();
    } finally {
      this.#overlay?.close();
    }
  }

  #writeFrames(
    outputs: Outputs,
    piece: SharedPiece,
    count: number,
    passed: number,
    released: readonly LooseFrame[],
  ): void {
    const { written, timeLow, timeHigh, outEgress, outLink, outCaptured, outWire, outOffset, outBytes } = piece;
    let next = 0;
    for (let slot = 0; slot < count; slot++) {
      const number = passed + slot + 1;
      if (written[slot] !== WRITTEN_NOWHERE) {
        const [low, high, held, wire] = [timeLow[slot]!, timeHigh[slot]!, outCaptured[slot]!, outWire[slot]!];
        const [link, at] = [outLink[slot]!, outOffset[slot]!];
        if (written[slot] === WRITTEN_EXTERNAL)
          outputs.external(outEgress[slot]!, link, low, high, held, wire, number, outBytes, at);
        else outputs.endpoint(link, low, high, held, wire, number, outBytes, at);
      }
      for (; next < released.length && released[next]!.place <= 2 * number + 1; next++)
        writeLoose(outputs, released[next]!);
    }
  }

  #writePackets(file: PcapngWriter, packets: readonly LooseFrame[]): void {
    for (const { node, timeLow, timeHigh, wire, number, bytes } of packets) {
      const id = file.interfaceId(LINKTYPE_ETHERNET, node);
      file.frame(id, timeLow, timeHigh, bytes.length, wire, number, bytes, 0);
    }
  }
}

function writeLoose(outputs: Outputs, frame: LooseFrame): void {
  const { written, egress, linkType, timeLow, timeHigh, wire, number, bytes } = frame;
  const held = bytes.length;
  if (written === WRITTEN_EXTERNAL) outputs.external(egress, linkType, timeLow, timeHigh, held, wire, number, bytes, 0);
  else outputs.endpoint(linkType, timeLow, timeHigh, held, wire, number, bytes, 0);
}

/** Frames of all shares by their places; those of one share stay in its order. */
function inOrder(answers: readonly PieceAnswer[], kind: "released" | "packets"): readonly LooseFrame[] {
  return answers.flatMap((answer) => answer[kind]).sort((a, b) => a.place - b.place);
}
