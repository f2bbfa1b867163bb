import { type CaptureNotes, captureFrames } from "../capture/frames.js";
import { type CaptureInput, checkInput, nameOfInput } from "../capture/input.js";
import type { PolicyModel } from "../config/types.js";
import { UsageError } from "../errors.js";
import type { PairFrame } from "../pair/frame.js";
import type { SeenMapping } from "../pair/mapping.js";
import { type PairResult, verifyCapturePair } from "../pair/verify-pair.js";
import { breathe } from "../platform/abort.js";
import { type PairReport, pairReport } from "../report/pair-view.js";

/** Frames between two words about progress, and between two looks whether to go on. */
const FRAMES_PER_STEP = 4096;

/** What `verify` is to do. */
export interface VerifyOptions {
  /** A capture inside, with the endpoints' addresses: at the pods or on their nodes. */
  readonly before: CaptureInput;
  /** A capture of the same traffic on the gateways' uplink. */
  readonly after: CaptureInput;
  /** What `loadManifests` or `loadManifestTexts` made of manifests. */
  readonly model: PolicyModel;
  /** Nanoseconds that the second capture's clock is ahead; estimated where left out. */
  readonly skewNs?: bigint;
  /** Mismatches that the report lists; all are counted. */
  readonly maxMismatches?: number;
  /** Ends the comparison: it rejects with the signal's `reason` within 4,096 frames, or at once while a capture is awaited. */
  readonly signal?: AbortSignal;
  /** Told after every 4,096 frames of both captures together. */
  readonly onProgress?: (progress: { readonly frames: number }) => void;
  /** Told of what a reader should know: a capture that is cut off. */
  readonly onWarning?: (text: string) => void;
  /** Told of every packet that was seen on both sides under different addresses. */
  readonly onMapping?: (mapping: SeenMapping) => void;
}

/**
 * Judges another system's translation by two captures of the same traffic, with code that shares nothing with the engine. Memory holds four
 * seconds of both and what the verifier remembers of connections.
 * @throws {UsageError} for captures that do not exist and options out of range
 * @throws {CaptureError} at damage in a capture
 * @throws the reason of `signal` once it is aborted
 */
export async function verify(options: VerifyOptions): Promise<PairReport> {
  const { before, after, model, signal, onProgress } = options ?? {};
  for (const capture of [before, after]) checkInput(capture);
  if (!Array.isArray(model?.policies)) throw new UsageError(`model is ${model}, expected what loadManifests returns`);
  const [beforeName, afterName] = [nameOfInput(before), nameOfInput(after)];
  const notes: [CaptureNotes, CaptureNotes] = [{ truncated: false }, { truncated: false }];
  let frames = 0;
  const count = () => {
    if (++frames % FRAMES_PER_STEP === 0) onProgress?.({ frames });
  };
  const sides = [before, after].map((capture, i) => watched(captureFrames(capture, notes[i], signal), signal, count));
  const result = await compare(sides as [FrameSide, FrameSide], options).finally(() =>
    Promise.all(sides.map((side) => side.return(undefined))),
  );
  for (const [i, name] of [beforeName, afterName].entries())
    if (notes[i]!.truncated) options.onWarning?.(`${name}: the last record is cut off`);
  const truncated = notes.some((note) => note.truncated);
  return pairReport(result, { before: beforeName, after: afterName, truncated });
}

type FrameSide = AsyncGenerator<PairFrame>;

async function compare([before, after]: [FrameSide, FrameSide], options: VerifyOptions): Promise<PairResult> {
  const { model, skewNs, maxMismatches, onMapping, signal } = options;
  try {
    return await verifyCapturePair(before, after, model, {
      beforeName: nameOfInput(options.before),
      afterName: nameOfInput(options.after),
      ...(skewNs !== undefined && { skewNs }),
      ...(maxMismatches !== undefined && { maxMismatches }),
      ...(onMapping && { onMapping }),
    });
  } catch (error) {
    // What a reader makes of an abort is no damage.
    signal?.throwIfAborted();
    throw error;
  }
}

/** The same frames, counted, until a signal says stop. */
async function* watched(frames: FrameSide, signal: AbortSignal | undefined, count: () => void): FrameSide {
  try {
    for (let taken = 0; ; taken++) {
      if (taken % FRAMES_PER_STEP === 0) await breathe(signal);
      const next = await frames.next();
      if (next.done) return;
      count();
      yield next.value;
    }
  } finally {
    await frames.return(undefined);
  }
}
