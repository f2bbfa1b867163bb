/** What becomes of a frame: it is written to no file, to `external.pcapng` or to `endpoint.pcapng`. */
export const WRITTEN_NOWHERE = 0;
export const WRITTEN_EXTERNAL = 1;
export const WRITTEN_ENDPOINT = 2;

export interface SharedSizes {
  readonly frames: number;
  readonly bytes: number;
  readonly shares: number;
  /** Frames are written to files. */
  readonly hasOutput: boolean;
}

/**
 * One piece of the captures in memory that threads share. The thread that reads fills frames and columns; every share has a copy of its own
 * to work in, and puts what became of its own frames into the second half: no two threads ever write to one place.
 */
export class SharedPiece {
  readonly memory: SharedArrayBuffer;
  /** As captured, with a column for each field of a merged index. */
  readonly bytes: Uint8Array;
  readonly offset: Uint32Array;
  readonly captured: Uint32Array;
  readonly wire: Uint32Array;
  readonly timeLow: Uint32Array;
  readonly timeHigh: Uint32Array;
  readonly interface: Uint32Array;
  readonly source: Uint16Array;
  /** As they leave, each where it lay, and by frame how it is written: WRITTEN_*, LINKTYPE_*, and with WRITTEN_EXTERNAL the egress. */
  readonly outBytes: Uint8Array;
  readonly outOffset: Uint32Array;
  readonly outCaptured: Uint32Array;
  readonly outWire: Uint32Array;
  readonly outLink: Uint16Array;
  readonly outEgress: Uint16Array;
  readonly written: Uint8Array;
  /** By share: see `LiveTrace.changes`. */
  readonly changes: readonly Int32Array[];

  /** @param memory of a piece of the same sizes, made by another thread */
  constructor({ frames, bytes, shares, hasOutput }: SharedSizes, memory?: SharedArrayBuffer) {
    let size = 0;
    const take = (length: number) => {
      const at = size;
      size = Math.ceil((at + length) / 64) * 64;
      return at;
    };
    const longs = Array.from({ length: 6 }, () => take(frames * 4));
    const source = take(frames * 2);
    const changes = Array.from({ length: shares }, () => take(frames * 4));
    const outFrames = hasOutput ? frames : 0;
    const outLongs = Array.from({ length: 3 }, () => take(outFrames * 4));
    const outWords = Array.from({ length: 2 }, () => take(outFrames * 2));
    const written = take(outFrames);
    const bytesAt = take(bytes);
    const outBytesAt = take(hasOutput ? bytes : 0);
    this.memory = memory ?? new SharedArrayBuffer(size);
    const long = (at: number, count: number) => new Uint32Array(this.memory, at, count);
    const word = (at: number, count: number) => new Uint16Array(this.memory, at, count);
    [this.offset, this.captured, this.wire, this.timeLow, this.timeHigh, this.interface] = longs.map((at) =>
      long(at, frames),
    ) as [Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array];
    this.source = word(source, frames);
    this.changes = changes.map((at) => new Int32Array(this.memory, at, frames));
    [this.outOffset, this.outCaptured, this.outWire] = outLongs.map((at) => long(at, outFrames)) as [
      Uint32Array,
      Uint32Array,
      Uint32Array,
    ];
    [this.outLink, this.outEgress] = outWords.map((at) => word(at, outFrames)) as [Uint16Array, Uint16Array];
    this.written = new Uint8Array(this.memory, written, outFrames);
    this.bytes = new Uint8Array(this.memory, bytesAt, bytes);
    this.outBytes = new Uint8Array(this.memory, outBytesAt, hasOutput ? bytes : 0);
  }
}
