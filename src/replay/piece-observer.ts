import type { MergedIndex } from "../capture/merge.js";
import type { Columns } from "./columns.js";
import type { Face } from "./viewpoint.js";

/** One piece of the captures: frames `first` to `end` - 1 of it are being replayed. All windows are overwritten by the next piece. */
export interface ObservedPiece {
  readonly columns: Columns;
  readonly index: MergedIndex;
  readonly faces: readonly Face[];
  readonly arena: Uint8Array;
  readonly first: number;
  readonly end: number;
  /** Frames of the captures before this piece: frame `i` of it has number `passed + i + 1`. */
  readonly passed: number;
}

/** Somebody who watches a replay piece by piece. Nothing is done for observers where there are none. */
export interface PieceObserver {
  /** The piece as captured; its columns say where each frame enters, overlay packets are opened, nothing has been translated. */
  before?(piece: ObservedPiece): void;
  /** What became of it: columns have verdicts, frames are rewritten in place. */
  after?(piece: ObservedPiece): void;
}
