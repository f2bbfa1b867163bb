import type { Machine } from "./machine.js";

export const PROFILE_SCHEMA = "sluicegate.io/bench-profile/v1";

/** What a pass adds to a frame's time, nanoseconds; noise can make a small one negative. */
export interface PassFigure {
  readonly name: string;
  readonly ns: number;
}

/** Bytes that a frame makes the engine read and write, in whole cache lines where they are lines of memory. */
export interface FrameBytes {
  readonly what: string;
  readonly read: number;
  readonly written: number;
  readonly from: "memory" | "cache";
  readonly how: string;
}

/** The machine's memory at the size of the table and the frames. */
export interface MemoryFigures {
  /** A load that waits for the one before, random lines over the table's size. */
  readonly latencyNs: number;
  /** A load from a random line that waits for none. */
  readonly loadNs: number;
  /** A blind store into a random line and one into the next. */
  readonly pairNs: number;
  /** Lines under way at once in the latter: latency divided by time per line. */
  readonly overlap: number;
  /** Streams over table and arena, 10^9 bytes per second; `updateGBs` counts what is read and what is written. */
  readonly readGBs: number;
  readonly writeGBs: number;
  readonly updateGBs: number;
}

export interface WorkProfile {
  readonly work: "forward" | "reverse" | "new";
  /** Nanoseconds per frame: the sum of the passes. */
  readonly ns: number;
  readonly passes: readonly PassFigure[];
  /** Lines of the table per frame, counted. Not for new connections, nor is what follows. */
  readonly lines?: number;
  readonly touched?: readonly FrameBytes[];
  readonly bound?: { readonly bandwidthNs: number; readonly missNs: number; readonly ns: number };
  /** Measured time divided by the bound. */
  readonly distance?: number;
  /** The same work with everything in the nearest caches. */
  readonly computingNs?: number;
}

export interface SizeProfile {
  readonly connections: number;
  readonly tableBytes: number;
  readonly arenaBytes: number;
  readonly memory: MemoryFigures;
  readonly works: readonly WorkProfile[];
  /** Forward frames through what is profiled, divided by the same through engine.wasm; not measured at the largest sizes. */
  readonly toPackage?: number;
}

export interface ProfileReport {
  readonly schema: typeof PROFILE_SCHEMA;
  readonly machine: Machine;
  readonly clock: "cpu" | "wall";
  readonly batch: number;
  readonly turns: number;
  readonly blockMs: number;
  /** Frames and tables in the nearest caches: what is left is computing. */
  readonly computing: { readonly connections: number; readonly forwardNs: number; readonly reverseNs: number };
  readonly sizes: readonly SizeProfile[];
}
