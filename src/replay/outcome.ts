import type { Egress } from "../config/types.js";
import type { EngineCounters } from "../engine/counters.js";
import type { VerificationResult } from "../verify/types.js";
import type { CourseOutcome } from "./course.js";
import type { BusySource } from "./no-match.js";
import type { ReplayReport, ViewpointDecision } from "./report-types.js";
import type { MovedPlaces, TallyState } from "./tally.js";

/** All that came of a replay, or of one share of it: plain data, which can come from another thread. */
export interface Outcome {
  readonly tally: TallyState;
  readonly places: MovedPlaces;
  /** Fragments that wait for their first one. */
  readonly held: number;
  readonly counters: EngineCounters;
  /** Mappings that the outside gave up for others. */
  readonly evictedMappings: number;
  readonly egresses: readonly Egress[];
  /** Virtual time of the first frame; undefined where there was none. */
  readonly startNs: bigint | undefined;
  /** The latest timestamp. */
  readonly clockNs: bigint;
  readonly course: CourseOutcome;
  readonly overlay: ReplayReport["overlay"];
  /** With the place of each mismatch among what became of all frames. */
  readonly verification: (VerificationResult & { readonly places: readonly number[] }) | undefined;
  readonly viewpoints: readonly ViewpointDecision[];
  readonly framesOfFile: readonly number[];
  readonly framesRead: number;
  readonly framesMatched: number;
  /** Frames given to engines, and milliseconds spent on them. */
  readonly framesGiven: number;
  readonly engineMs: number;
  /** Who sent the frames, where none matched an endpoint. */
  readonly sources: readonly BusySource[] | undefined;
}
