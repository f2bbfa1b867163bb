import type { FrameBuffer } from "./frame-buffer.js";

/** Knows one kind of connection records. */
export interface RecordDecoder {
  /** `hubble-flows`, `ct-list`. */
  readonly kind: string;
  /** Most frames that come of one record. */
  readonly mostFrames: number;
  /**
   * Appends the frames of one record, for which there is room.
   * @returns why there are none: a reason to count under; "" where there are some, undefined where the text is no record at all
   * @throws {RecordFault} where something in it is not what it should be
   */
  decode(record: string, frames: FrameBuffer): string | undefined;
}
