import * as stages from "../../assembly/bench/stages.js";
import { type Engine, startEngine } from "../engine/engine.js";
import type { EngineConfig } from "../engine/engine-config.js";
import { type EngineExports, instantiateEngine } from "../engine/load.js";
import { packageFile } from "../platform/node/wasm.js";

/** What profile.wasm exports beside what the engine does (assembly/bench/profile.ts). */
interface ProfileExports extends EngineExports {
  setStage(stage: number): void;
  lineTotal(): number;
  scratchSize(): number;
}

/** Parts of the work on a frame in their order; each figure is what is added by going one further. */
export const PASSES = [
  { name: "host", stage: stages.STAGE_CALL, what: "JavaScript: one offset per frame, one call per batch" },
  { name: "records", stage: stages.STAGE_RECORDS, what: "checks of the frame records" },
  { name: "parse", stage: stages.STAGE_PARSE, what: "pass 1: headers read, key hashed" },
  { name: "touch", stage: stages.STAGE_TOUCH, what: "pass 1: blind stores into the likely lines of the table" },
  { name: "find", stage: stages.STAGE_FIND, what: "pass 2: the line is found" },
  { name: "translate", stage: stages.STAGE_SETTLE, what: "pass 2: state, rewrite, counters, verdict" },
  { name: "sweep", stage: stages.STAGE_WHOLE, what: "a line per frame looked at for expiry" },
] as const;

export type PassName = (typeof PASSES)[number]["name"];

/** An engine whose `process` can be told how far to go. */
export class ProfileEngine {
  readonly engine: Engine;
  readonly #exports: ProfileExports;

  private constructor(engine: Engine, exports: ProfileExports) {
    this.engine = engine;
    this.#exports = exports;
  }

  /** @throws {EngineError} where profile.wasm is not built or refuses the configuration */
  static async create(config: EngineConfig): Promise<ProfileEngine> {
    const exports = (await instantiateEngine(packageFile("build", "profile.wasm"))) as ProfileExports;
    return new ProfileEngine(startEngine(config, exports), exports);
  }

  /** @param stage STAGE_* */
  setStage(stage: number): void {
    this.#exports.setStage(stage);
  }

  /** Lets `work` process frames and counts the lines of the table that their stores and look-ups are about. */
  countLines(work: () => void): number {
    this.setStage(stages.STAGE_COUNT);
    work();
    const lines = this.#exports.lineTotal() >>> 0;
    this.setStage(stages.STAGE_WHOLE);
    return lines;
  }

  /** Bytes that pass 1 leaves for pass 2 about each frame. */
  get scratchBytes(): number {
    return this.#exports.scratchSize();
  }
}
