import { type CaptureInput, nameOfInput } from "../capture/input.js";
import type { OutputTarget } from "../capture/output-sink.js";
import { UsageError } from "../errors.js";
import { concatBytes } from "../net/bytes.js";
import { NoMatchError } from "../replay/no-match.js";
import type { ReplayOptions } from "../replay/options.js";
import { replay } from "../replay/replay.js";
import { type Conditions, type Failure, failureOf, failureOfError, isAlike } from "./failure.js";
import { flowsOf, frameText, type HeldFrame, holdFrames, timeOf, writeFrames } from "./frames.js";
import { minimize } from "./minimize.js";

/** What is to be cut down, and how it is tried. */
export interface ShrinkOptions {
  readonly capture: CaptureInput;
  /** How it is replayed, each time. */
  readonly replay: Omit<ReplayOptions, "captures">;
  /** What counts as a failure beside mismatches and errors. */
  readonly conditions?: Conditions;
  /** Where the frames that are left go, as pcapng: a path, or who takes the bytes. */
  readonly output?: OutputTarget;
  /** Told each time that fewer frames still fail. */
  readonly onProgress?: (progress: ShrinkProgress) => void;
}

/** How far cutting down has come. */
export interface ShrinkProgress {
  /** Frames and flows that still fail. */
  readonly frames: number;
  readonly flows: number;
  readonly replays: number;
}

/** What `shrink --json` prints. */
export interface ShrinkReport {
  readonly schema: "sluicegate.io/shrink-report/v1";
  readonly capture: string;
  /** Of the frames that are left. Frame numbers are those of the capture. */
  readonly failure: { readonly kind: Failure["kind"]; readonly what: string };
  readonly frames: { readonly read: number; readonly kept: number };
  readonly flows: { readonly read: number; readonly kept: number };
  readonly replays: number;
  readonly kept: readonly KeptFrame[];
  readonly output?: string;
}

/** A frame that is left. */
export interface KeptFrame {
  /** Number in the capture. */
  readonly frame: number;
  /** Seconds since the capture's first frame. */
  readonly at: string;
  readonly text: string;
}

/**
 * Leaves out of a failing capture whatever it fails without: whole flows first, then frames. It goes on failing in the same way (the same
 * field is wrong, the same condition holds, the same error comes), and none of the frames that are left can be left out alone. Under a
 * scenario the first frame stays, as time counts from it. The capture is held in memory. The result is a pure function of the inputs.
 * @throws {UsageError} where the capture does not fail
 * @throws {CaptureError} where it is damaged
 */
export async function shrinkCapture(options: ShrinkOptions): Promise<ShrinkReport> {
  const all = await holdFrames(options.capture);
  const trials = new Trials(options, all);
  const first = await trials.failure(all);
  if (!first) throw new UsageError(`${nameOfInput(options.capture)}: ${notFailing(options)}`);
  const kept = await reduce(trials, all, first);
  const failure = (await trials.failure(kept)) ?? first;
  if (options.output !== undefined) writeFrames(options.output, kept);
  return reportOf(options, all, kept, failure, trials.replays);
}

function notFailing({ conditions, replay: { verify } }: ShrinkOptions): string {
  const checked = verify === false ? "its frames are not verified (--no-verify)" : "every frame is verified";
  const asked = conditions ? ", no condition of --fail-on holds" : "";
  return `does not fail: ${checked}${asked}, and no error comes; expected a capture whose replay exits with 1 or ends in an error`;
}

async function reduce(trials: Trials, all: readonly HeldFrame[], first: Failure): Promise<readonly HeldFrame[]> {
  const fails = (frames: readonly HeldFrame[]) => trials.fails(frames, first);
  // Frames behind the first wrong one cannot have made it wrong.
  const upTo = first.frame === undefined ? all : all.slice(0, first.frame);
  const start = upTo.length < all.length && (await fails(upTo)) ? upTo : all;
  const flows = await minimize(flowsOf(start), (part) => fails(inOrder(part)));
  return trials.withAnchor(await minimize(inOrder(flows), fails));
}

function inOrder(flows: readonly (readonly HeldFrame[])[]): HeldFrame[] {
  return flows.flat().sort((a, b) => a.number - b.number);
}

/** What the part that is tried is called. */
const PART = "part.pcapng";

/** Frames as a capture in memory. */
function bytesOf(frames: readonly HeldFrame[]): Uint8Array {
  const chunks: Uint8Array[] = [];
  writeFrames((bytes) => chunks.push(bytes), frames);
  return concatBytes(chunks);
}

/** Replays of parts of the capture; each part once. */
class Trials {
  replays = 0;
  readonly #options: ShrinkOptions;
  readonly #anchor: HeldFrame | undefined;
  readonly #known = new Map<string, Failure | undefined>();
  #least = Number.POSITIVE_INFINITY;

  constructor(options: ShrinkOptions, all: readonly HeldFrame[]) {
    this.#options = options;
    this.#anchor = options.replay.scenario ? all[0] : undefined;
  }

  withAnchor(frames: readonly HeldFrame[]): readonly HeldFrame[] {
    return this.#anchor === undefined || frames[0] === this.#anchor ? frames : [this.#anchor, ...frames];
  }

  async fails(frames: readonly HeldFrame[], like: Failure): Promise<boolean> {
    const part = this.withAnchor(frames);
    if (!isAlike(like, await this.failure(part))) return false;
    if (part.length < this.#least) {
      this.#least = part.length;
      this.#options.onProgress?.({ frames: part.length, flows: flowsOf(part).length, replays: this.replays });
    }
    return true;
  }

  /** How these frames fail; undefined = they do not. */
  async failure(frames: readonly HeldFrame[]): Promise<Failure | undefined> {
    const key = frames.map(({ number }) => number).join(",");
    if (this.#known.has(key)) return this.#known.get(key);
    this.replays++;
    const failure = await this.#replay(frames);
    this.#known.set(key, failure);
    return failure;
  }

  async #replay(frames: readonly HeldFrame[]): Promise<Failure | undefined> {
    try {
      const report = await replay({ ...this.#options.replay, captures: [{ name: PART, bytes: bytesOf(frames) }] });
      return named(
        failureOf(report, this.#options.conditions ?? (() => [])),
        frames,
        nameOfInput(this.#options.capture),
      );
    } catch (error) {
      this.#options.replay.signal?.throwIfAborted();
      // Without the frames that match, nothing of the failure is left.
      if (error instanceof NoMatchError && this.replays > 1) return undefined;
      return failureOfError(error);
    }
  }
}

/** The failure's text with the capture's name and its frame's number there, in place of those of the part. */
function named(failure: Failure | undefined, frames: readonly HeldFrame[], capture: string): Failure | undefined {
  if (failure?.frame === undefined) return failure;
  const number = frames[failure.frame - 1]?.number;
  return { ...failure, text: failure.text.replace(/^.*? frame \d+/, `${capture} frame ${number}`) };
}

function reportOf(
  { capture, output }: ShrinkOptions,
  all: readonly HeldFrame[],
  kept: readonly HeldFrame[],
  { kind, text }: Failure,
  replays: number,
): ShrinkReport {
  const startNs = timeOf(all[0]!);
  return {
    schema: "sluicegate.io/shrink-report/v1",
    capture: nameOfInput(capture),
    failure: { kind, what: text },
    frames: { read: all.length, kept: kept.length },
    flows: { read: flowsOf(all).length, kept: flowsOf(kept).length },
    replays,
    kept: kept.map((frame) => ({
      frame: frame.number,
      at: secondsSince(startNs, timeOf(frame)),
      text: frameText(frame),
    })),
    ...(typeof output === "string" && { output }),
  };
}

function secondsSince(startNs: bigint, timeNs: bigint): string {
  return (Number(timeNs - startNs) / 1e9).toFixed(6);
}
