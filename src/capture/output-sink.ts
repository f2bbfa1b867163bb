import { closeWriting, openForWriting, writeSome } from "#platform/files.js";
import { OutputError } from "../errors.js";
import { systemCode } from "../platform/file.js";

/** Bytes of the buffer; no single record may be larger. */
export const SINK_BUFFER_SIZE = 1024 * 1024;
const RETRY_MS = 1;
/** Up to this length a loop over words is quicker than a call that moves memory. */
const MAX_LOOP_LENGTH = 128;

/** Takes bytes of an output in order; they are its own. What it throws ends the writing. */
export type TakeBytes = (bytes: Uint8Array<ArrayBuffer>) => void;

/** Where an output goes: a path, an open descriptor, or a function. */
export type OutputTarget = string | number | TakeBytes;

function nameOf(target: OutputTarget): string {
  if (typeof target === "string") return target;
  return typeof target === "number" ? `descriptor ${target}` : "output";
}

/**
 * A file, an open descriptor or a function that is written to through one fixed buffer with blocking calls.
 * Callers `reserve` room, write their bytes at the place given and say nothing more: flushing happens by itself.
 */
export class OutputSink {
  readonly name: string;
  /** Over the buffer; what `reserve` gave is valid until the next `reserve`. */
  readonly view: DataView;
  readonly #bytes: Uint8Array;
  /** All of the memory that the buffer lies in. */
  readonly #around: Uint8Array;
  readonly #target: number | TakeBytes;
  readonly #owned: boolean;
  #source: Uint8Array = new Uint8Array(0);
  #sourceView = new DataView(this.#source.buffer);
  #end = 0;
  #closed = false;

  /**
   * @param target path of a file to create or overwrite, a descriptor, which stays open after `close`, or who takes the bytes
   * @param buffer at least {@link SINK_BUFFER_SIZE} bytes. Where it lies in the memory that frames are copied from,
   *   copying makes no JavaScript object.
   * @throws {OutputError} where the file cannot be created
   */
  constructor(target: OutputTarget, buffer: Uint8Array = new Uint8Array(SINK_BUFFER_SIZE)) {
    this.#bytes = buffer;
    this.#around = new Uint8Array(buffer.buffer);
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    this.#owned = typeof target === "string";
    this.name = nameOf(target);
    try {
      this.#target = typeof target === "string" ? openForWriting(target) : target;
    } catch (cause) {
      throw new OutputError(this.name, systemCode(cause), { cause });
    }
  }

  /**
   * @param size at most {@link SINK_BUFFER_SIZE}
   * @returns where in `view` these next bytes of the file are to be written
   * @throws {OutputError} where what was written before cannot be stored
   */
  reserve(size: number): number {
    if (this.#end + size > this.#bytes.length) this.flush();
    const at = this.#end;
    this.#end = at + size;
    return at;
  }

  /** Copies `length` bytes of `source` from `from` on to `to` of the buffer. */
  copy(source: Uint8Array, from: number, length: number, to: number): void {
    if (length <= MAX_LOOP_LENGTH) this.#copyWords(source, from, length, to);
    else if (source.buffer === this.#around.buffer) this.#move(source, from, length, to);
    else this.#bytes.set(source.subarray(from, from + length), to);
  }

  #move(source: Uint8Array, from: number, length: number, to: number): void {
    const start = source.byteOffset + from;
    this.#around.copyWithin(this.#bytes.byteOffset + to, start, start + length);
  }

  #copyWords(source: Uint8Array, from: number, length: number, to: number): void {
    if (source !== this.#source) {
      this.#source = source;
      this.#sourceView = new DataView(source.buffer, source.byteOffset, source.byteLength);
    }
    const words = length - (length & 3);
    for (let i = 0; i < words; i += 4) {
      this.view.setInt32(to + i, this.#sourceView.getInt32(from + i, true), true);
    }
    for (let i = words; i < length; i++) this.#bytes[to + i] = source[from + i]!;
  }

  flush(): void {
    const target = this.#target;
    if (typeof target === "number") for (let at = 0; at < this.#end; ) at += this.#write(target, at);
    else if (this.#end > 0) target(new Uint8Array(this.#bytes.subarray(0, this.#end)));
    this.#end = 0;
  }

  /** Flushes, and closes the file that was opened here. Further calls do nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.flush();
    } finally {
      if (this.#owned) closeWriting(this.#target as number);
    }
  }

  #write(descriptor: number, at: number): number {
    try {
      return writeSome(descriptor, this.#bytes, at, this.#end);
    } catch (cause) {
      if (systemCode(cause) !== "EAGAIN") throw new OutputError(this.name, systemCode(cause), { cause });
      // A pipe that does not block is full: let its reader go on.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      return 0;
    }
  }
}
