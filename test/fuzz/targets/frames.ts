import { Dice } from "../../scenario-fuzz/dice.js";
import { Finding } from "../finding.js";
import { decodeInput, encodeInput, smallerInputs } from "../frame-input.js";
import { FrameRun } from "../frame-run.js";
import { mutateInput } from "../mutate-frames.js";
import { seedFrames } from "../seed-frames.js";
import type { Features, Target } from "../target.js";
import { WORLDS } from "../worlds.js";

/** One in so many inputs is run in batches as well, on an engine of its own: the result has to be the same. */
const BATCHES_EVERY = 8;
const SEED_LENGTH = 12;

/** Frames through the engine: every hook, link type and protocol, single and in batches. */
export class FramesTarget implements Target {
  readonly name = "frames";
  units = 0;
  readonly #runs: readonly FrameRun[];
  readonly #twins: readonly FrameRun[];
  readonly #frames = seedFrames();

  private constructor(runs: readonly FrameRun[], twins: readonly FrameRun[]) {
    this.#runs = runs;
    this.#twins = twins;
  }

  /** @param wasmFile another build of the engine */
  static async start(wasmFile?: string): Promise<FramesTarget> {
    const start = () => Promise.all(WORLDS.map((world) => FrameRun.start(world, wasmFile)));
    return new FramesTarget(await start(), await start());
  }

  /** All seed frames in every world, some at a time. */
  seeds(): Uint8Array[] {
    const dice = new Dice(4);
    return WORLDS.flatMap((_, world) => {
      const inputs: Uint8Array[] = [];
      for (let from = 0; from < this.#frames.length; from += SEED_LENGTH) {
        const records = this.#frames.slice(from, from + SEED_LENGTH);
        inputs.push(encodeInput({ world, records: dice.chance(50) ? records : records.reverse() }));
      }
      return inputs;
    });
  }

  mutate(base: Uint8Array, other: Uint8Array, dice: Dice): Uint8Array {
    return encodeInput(mutateInput(decodeInput(base), decodeInput(other), dice, this.#frames));
  }

  execute(bytes: Uint8Array): Features {
    const { world, records } = decodeInput(bytes);
    const number = world % WORLDS.length;
    const features = new Set<number | string>();
    this.#runs[number].reset();
    const singly = this.#runs[number].runSingly(records, features);
    this.units += records.length;
    if (bytes.length % BATCHES_EVERY === 0) {
      this.#twins[number].reset();
      const batched = this.#twins[number].runInBatches(records);
      this.units += records.length;
      const at = singly.findIndex((line, i) => line !== batched[i]);
      if (at >= 0 || singly.length !== batched.length)
        throw new Finding("batch", `frame ${at} of ${singly.length} comes to something else in a batch`);
    }
    return [...features].map((feature) => (typeof feature === "number" ? feature : `${number} ${feature}`));
  }

  smaller = smallerInputs;
}
