import { Dice } from "../scenario-fuzz/dice.js";
import { asFinding, Finding } from "./finding.js";
import type { Features, Target } from "./target.js";

/** Inputs kept to make others of; beyond it the oldest of the found ones make room. */
const CORPUS_LIMIT = 4000;
/** Attempts at a smaller input that a finding is worth. */
const REDUCTION_LIMIT = 3000;

/** An execution that takes longer than this, milliseconds, each time that it is tried, hangs. */
const HANG_MS = 1000;
const HANG_TRIES = 3;

/** A finding with the input that shows it. */
export interface Found {
  readonly target: string;
  readonly finding: Finding;
  readonly input: Uint8Array;
}

/**
 * Makes inputs for a target out of those that showed something new, one after the other. The inputs are a pure function of the seed and
 * the corpus that it starts from, however fast or slowly it runs.
 */
export class Fuzzer {
  readonly target: Target;
  executions = 0;
  readonly #dice: Dice;
  readonly #corpus: Uint8Array[] = [];
  readonly #features = new Set<number | string>();
  readonly #seeds: Uint8Array[];
  /** Called with each input before it is run. */
  readonly #announce: (input: Uint8Array) => void;

  constructor(target: Target, seed: number, corpus: readonly Uint8Array[], announce: (input: Uint8Array) => void) {
    this.target = target;
    this.#dice = new Dice(seed);
    this.#seeds = [...target.seeds(), ...corpus];
    this.#announce = announce;
  }

  /** The inputs that showed something new, the seeds among them. */
  get corpus(): readonly Uint8Array[] {
    return this.#corpus;
  }

  get featureCount(): number {
    return this.#features.size;
  }

  /** Runs one input. @returns what is wrong with what it did, if anything, with an input as small as could be made */
  async step(): Promise<Found | undefined> {
    const seed = this.#seeds.pop();
    const input = seed ?? this.target.mutate(this.#pick(), this.#pick(), this.#dice);
    const finding = await this.#execute(input, seed !== undefined);
    if (!finding) return undefined;
    const smallest = await this.#reduce(input, finding);
    return { target: this.target.name, ...smallest };
  }

  async #execute(input: Uint8Array, keep = false): Promise<Finding | undefined> {
    this.executions++;
    this.#announce(input);
    try {
      let isNew = keep;
      for (const feature of await runInTime(this.target, input)) {
        if (this.#features.has(feature)) continue;
        this.#features.add(feature);
        isNew = true;
      }
      if (isNew) this.#keep(input);
      return undefined;
    } catch (error) {
      return asFinding(error);
    }
  }

  #keep(input: Uint8Array): void {
    if (this.#corpus.length >= CORPUS_LIMIT) this.#corpus.splice(0, CORPUS_LIMIT / 4);
    this.#corpus.push(input);
  }

  /** The later ones more often: they were the hardest to find. */
  #pick(): Uint8Array {
    const size = this.#corpus.length;
    if (size === 0) return new Uint8Array(0);
    const recent = Math.min(size, 64);
    return this.#corpus[this.#dice.chance(40) ? size - this.#dice.int(1, recent) : this.#dice.int(0, size - 1)];
  }

  /** Takes smaller inputs for as long as they show a finding of the same kind. */
  async #reduce(input: Uint8Array, finding: Finding): Promise<{ input: Uint8Array; finding: Finding }> {
    let best = { input, finding };
    let attempts = 0;
    for (let progress = true; progress && attempts < REDUCTION_LIMIT; ) {
      progress = false;
      for (const candidate of this.target.smaller(best.input)) {
        if (attempts++ >= REDUCTION_LIMIT) break;
        const again = await this.#execute(candidate);
        if (again?.kind !== finding.kind || candidate.length > best.input.length) continue;
        if (Buffer.compare(candidate, best.input) === 0) continue;
        best = { input: candidate, finding: again };
        progress = true;
        break;
      }
    }
    return best;
  }
}

/** Runs an input; a slow one again, as it may have been the machine. @throws Finding where it is slow each time */
export async function runInTime(target: Target, input: Uint8Array): Promise<Features> {
  for (let tries = 1; ; tries++) {
    const started = performance.now();
    const features = await target.execute(input);
    const tookMs = performance.now() - started;
    if (tookMs < HANG_MS) return features;
    if (tries === HANG_TRIES) throw new Finding("hang", `took ${Math.round(tookMs)} ms`);
  }
}
