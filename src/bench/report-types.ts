import type { CaseInfo } from "./cases.js";
import type { Machine } from "./machine.js";
import type { Sample } from "./measure.js";
import type { Estimate } from "./statistics.js";

export const BENCH_SCHEMA = "sluicegate.io/bench-report/v1";

/** One figure. */
export interface BenchCase extends CaseInfo {
  /** Nanoseconds per frame. */
  readonly ns: Estimate;
  readonly yardstickNs: Estimate;
  /** Median of the ratios of the turns: what comparisons are about. */
  readonly ratio: Estimate;
  /** Distance of the yardstick's quartiles as a share of its median. */
  readonly unrest: number;
  /** How far the median ratios of the placements lie apart, as a share of the ratio: what it matters where the tables lie. */
  readonly placementSpread: number;
  /** Relative margin of error of a turn's wall time, percent; the worst of the placements. */
  readonly marginOfError: number;
  /** One list of turns for each time that the tables were set up afresh. */
  readonly placements: readonly (readonly Sample[])[];
}

/** A bound that a release is held to, and whether this run keeps it. */
export interface Bound {
  readonly name: string;
  readonly caseId: string;
  readonly kind: "at-most" | "at-least";
  readonly limit: number;
  readonly value: number;
  readonly met: boolean;
}

/** What a table takes: memory is counted from the engine's own, not estimated. */
export interface TableFacts {
  readonly name: string;
  /** Connections, endpoints or prefixes. */
  readonly rows: number;
  /** Bytes by which the engine's memory is larger than with room for next to none. */
  readonly bytes: number;
  readonly bytesPerRow: number;
  /** Milliseconds of CPU time: from the model to the blob, and until the engine has taken it. Policies only. */
  readonly compileMs?: number;
  readonly loadMs?: number;
  readonly blobBytes?: number;
  /** Growth of the process while the blob was made, model included. Policies only. */
  readonly hostBytes?: number;
}

export interface BenchReport {
  readonly schema: typeof BENCH_SCHEMA;
  readonly machine: Machine;
  /** The build that took the yardsticks' place; such a report is no measure for later runs. */
  readonly against?: string;
  readonly clock: "cpu" | "wall";
  readonly batch: number;
  readonly touch: boolean;
  /** Times that every case was set up afresh, and turns that count each time. */
  readonly placements: number;
  readonly turns: number;
  readonly blockMs: number;
  readonly cases: readonly BenchCase[];
  readonly bounds: readonly Bound[];
  readonly tables?: readonly TableFacts[];
}
