/** Link types of capture files that Sluicegate reads (https://www.tcpdump.org/linktypes.html). Others are counted, not guessed. */
export const LINKTYPE_NULL = 0;
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_PPP = 9;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_LOOP = 108;
export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_IPV4 = 228;
export const LINKTYPE_IPV6 = 229;
export const LINKTYPE_LINUX_SLL2 = 276;

/** One interface of a capture: pcap files have exactly one, pcapng files one per Interface Description Block over all sections. */
export interface CaptureInterface {
  /** LINKTYPE_* number. */
  readonly linkType: number;
  /** if_name where the file gives one. */
  readonly name: string | undefined;
  /** Bytes; 0 = unlimited or not stated. */
  readonly snapLength: number;
}

/**
 * Frames of one piece of a capture as a struct of arrays: no object per frame. `count` entries are valid.
 * `offset` is relative to the start of the memory that the piece was read into.
 */
export interface FrameIndex {
  count: number;
  readonly capacity: number;
  readonly offset: Uint32Array;
  /** Bytes that the file holds of the frame. */
  readonly capturedLength: Uint32Array;
  /** Bytes that the frame had on the wire; never less than `capturedLength` unless the file says so (P10). */
  readonly wireLength: Uint32Array;
  /** Timestamp in nanoseconds since the epoch as low and high 32 bits, so that no BigInt is made per frame. */
  readonly timeLow: Uint32Array;
  readonly timeHigh: Uint32Array;
  /** Index into `CaptureReader.interfaces`. */
  readonly interfaceIndex: Uint32Array;
}

/** An index with room for `capacity` frames. */
export function createFrameIndex(capacity: number): FrameIndex {
  return {
    count: 0,
    capacity,
    offset: new Uint32Array(capacity),
    capturedLength: new Uint32Array(capacity),
    wireLength: new Uint32Array(capacity),
    timeLow: new Uint32Array(capacity),
    timeHigh: new Uint32Array(capacity),
    interfaceIndex: new Uint32Array(capacity),
  };
}

/** What a file of connection records said, where a reader makes frames of records instead of reading them. */
export interface RecordNotes {
  /** What the records are: `hubble-flows`, `ct-list`. */
  readonly kind: string;
  /** Records so far, and those of them that frames were made of. */
  readonly read: number;
  readonly used: number;
  /** Records that no frame was made of, by reason. */
  readonly unused: ReadonlyMap<string, number>;
}

/** A capture being read piece by piece, straight into memory that the caller owns (Wasm memory in a replay). */
export interface CaptureReader {
  /** As given by the user; `-` for standard input. */
  readonly name: string;
  /** Grows as pcapng interface blocks are met; an index once given stays valid. */
  readonly interfaces: readonly CaptureInterface[];
  /** True once the last record turned out to be cut off (a killed tcpdump): a warning, not an error. */
  readonly truncated: boolean;
  /** Blocks that were skipped because of their type, options or emptiness, by a short reason. Never silent. */
  readonly skippedBlocks: ReadonlyMap<string, number>;
  /** Set where the file holds connection records and no frames: their frames were made up. */
  readonly records?: RecordNotes;
  /** Frames that were read although their record is odd, by what was done: `fraction-carried`, `captured-above-wire` … */
  readonly adjusted: ReadonlyMap<string, number>;
  /**
   * Fills `memory` with as many whole records as fit and `index` with their frames (record headers may lie between the frames).
   * Bytes of `memory` behind the last frame given belong to the reader until the next call, which goes on from them.
   * @returns false at the end of the capture, with `index.count` = 0
   * @throws {CaptureError} at damage, on the call after the one that delivered everything before it
   */
  next(memory: Uint8Array, index: FrameIndex): Promise<boolean>;
  /** Gives up the rest of the capture, and its file. */
  close(): Promise<void>;
}
