import type { CaptureInterface, FrameIndex } from "./types.js";
import type { Window } from "./window.js";

/**
 * Largest captured length of one frame in bytes, the limit of libpcap and tcpdump (262,144).
 * A larger number in a record header is damage: nothing of that size is ever allocated.
 */
export const MAX_CAPTURED_LENGTH = 262_144;

/** Why parsing cannot go on: the text says what stands at `offset` of the file and what should. */
export interface RecordFault {
  readonly offset: number;
  readonly message: string;
}

/** Knows one file format: turns the bytes of a window into entries of a frame index. */
export interface RecordParser {
  readonly interfaces: readonly CaptureInterface[];
  readonly skippedBlocks: ReadonlyMap<string, number>;
  readonly adjusted: ReadonlyMap<string, number>;
  /** Bytes that the record at `window.at` needs from there on before parsing can go on; valid after `parse`. */
  readonly need: number;
  /** Whether the record that `need` speaks of holds a frame, which must then lie in the caller's memory as a whole. */
  readonly needsFrame: boolean;
  readonly fault: RecordFault | undefined;
  /** Advances `window.at` over whole records until they run out, `index` is full or `fault` is set. */
  parse(window: Window, index: FrameIndex): void;
}

/** Counts by reason. Hostile input cannot make it grow: from the 65th reason on all count as one. */
export class ReasonCounts extends Map<string, number> {
  add(reason: string): void {
    const key = this.has(reason) || this.size < 64 ? reason : "other";
    this.set(key, (this.get(key) ?? 0) + 1);
  }
}
