import * as abi from "../../../assembly/abi.js";
import type { PolicyModel } from "../../../src/config/types.js";
import { compilePolicy } from "../../../src/engine/blob.js";
import { createEngine, type Engine } from "../../../src/engine/engine.js";
import type { EngineConfig } from "../../../src/engine/engine-config.js";
import { NativeReference, type Played } from "./reference.js";

/** A plain frame as it comes to a gateway: whole, over Ethernet, without FRAME_FLAG_*. */
export interface PlainFrame {
  /** HOOK_FROM_ENDPOINT or HOOK_FROM_NETWORK. */
  readonly hook: number;
  readonly bytes: Uint8Array;
  readonly timeNs: bigint;
  /** Bytes on the wire; default all that is there. */
  readonly wire?: number;
}

/** What the engine said of one. */
export interface PlainVerdict {
  readonly action: number;
  readonly reason: number;
  readonly egress: number;
  readonly natPort: number;
}

/** Of a verdict record all but what only redirects have. */
const VERDICT_BYTES = abi.VERDICT_INNER_AT;
/** Counters that the reference has; those behind them count what no plain frame does. */
const COUNTED_BYTES = abi.COUNTER_BITMAP_SEARCHES_AT + 8;
const GAP = 2;

/** An engine that plain frames go through, and all that went in and came out, for the reference to be held against. */
export class PlainRun {
  readonly engine: Engine;
  readonly #blob: Uint8Array;
  readonly #before: Uint8Array[] = [];
  readonly #after: Uint8Array[] = [];
  readonly #records: Uint8Array[] = [];
  readonly #verdicts: Uint8Array[] = [];
  #arenaSize = 0;
  #count = 0;

  private constructor(engine: Engine, blob: Uint8Array) {
    this.engine = engine;
    this.#blob = blob;
  }

  static async start(model: PolicyModel, config: EngineConfig): Promise<PlainRun> {
    const blob = compilePolicy(model, { natProfile: config.natProfile });
    const engine = await createEngine(config);
    engine.loadPolicy(blob);
    return new PlainRun(engine, blob);
  }

  get count(): number {
    return this.#count;
  }

  /** Lets frames through in one batch. */
  add(frames: readonly PlainFrame[]): PlainVerdict[] {
    const { engine } = this;
    const { arena } = engine;
    let end = 0;
    for (const [i, { hook, bytes, timeNs, wire = bytes.length }] of frames.entries()) {
      arena.set(bytes, end);
      const [low, high] = [Number(timeNs & 0xffff_ffffn), Number(timeNs >> 32n)];
      engine.setFrame(i, end, bytes.length, wire, hook, abi.LINK_ETHERNET, 0, low, high);
      end += bytes.length + GAP;
    }
    const records = engine.regionBytes(abi.REGION_FRAMES).slice(0, frames.length * abi.FRAME_SIZE);
    const view = new DataView(records.buffer);
    for (let i = 0; i < frames.length; i++) {
      const at = i * abi.FRAME_SIZE + abi.FRAME_OFFSET_AT;
      view.setUint32(at, view.getUint32(at, true) + this.#arenaSize, true);
    }
    this.#records.push(records);
    this.#before.push(arena.slice(0, end));
    engine.process(frames.length);
    this.#after.push(arena.slice(0, end));
    this.#verdicts.push(engine.regionBytes(abi.REGION_VERDICTS).slice(0, frames.length * abi.VERDICT_SIZE));
    this.#arenaSize += end;
    this.#count += frames.length;
    return frames.map((_, i) => ({
      action: engine.action(i),
      reason: engine.reason(i),
      egress: engine.egress(i),
      natPort: engine.natPort(i),
    }));
  }

  /**
   * Gives the same frames to the reference. @param batch frames per call   @returns what differs first, in words; undefined = nothing
   * @throws {Error} where the reference does not come to its end
   */
  differenceFrom(program: string, batch: number): string | undefined {
    const native = new NativeReference(program, this.engine.config, this.#blob);
    try {
      return this.#difference(native.play(Buffer.concat(this.#records), Buffer.concat(this.#before), batch));
    } finally {
      native.close();
    }
  }

  #difference(played: Played): string | undefined {
    const verdicts = Buffer.concat(this.#verdicts);
    for (let i = 0; i < this.#count; i++) {
      const at = i * abi.VERDICT_SIZE;
      const [ours, theirs] = [verdicts, played.verdicts].map((all) => all.subarray(at, at + VERDICT_BYTES));
      if (ours!.equals(theirs!)) continue;
      return `verdict ${i} is ${theirs!.toString("hex")}, the engine's is ${ours!.toString("hex")}`;
    }
    const at = firstDifference(Buffer.concat(this.#after), played.arena);
    if (at >= 0) return `byte ${at} of the frames is ${played.arena[at]}, the engine's is ${this.#afterAt(at)}`;
    const counters = this.engine.regionBytes(abi.REGION_COUNTERS).subarray(0, COUNTED_BYTES);
    const counter = firstDifference(counters, played.counters.subarray(0, COUNTED_BYTES));
    if (counter >= 0) return `counter ${counter >> 3} differs`;
    const stats = this.engine.regionBytes(abi.REGION_EGRESS_STATS).subarray(0, played.stats.length);
    const row = firstDifference(stats, played.stats);
    return row < 0 ? undefined : `statistics differ at byte ${row % abi.EGRESS_STATS_SIZE} of an egress`;
  }

  #afterAt(at: number): number {
    return Buffer.concat(this.#after)[at]!;
  }
}

/** Index of the first byte in which two pieces of the same length differ, or -1. */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
  if (Buffer.compare(a, b) === 0) return -1;
  return a.findIndex((byte, i) => byte !== b[i]);
}
