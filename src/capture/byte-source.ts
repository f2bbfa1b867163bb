import { openFile } from "#platform/files.js";
import { CaptureError, UsageError } from "../errors.js";
import { untilAborted } from "../platform/abort.js";
import { type ChunkStream, type OpenFile, systemCode } from "../platform/file.js";

/** Bytes of a capture in order. */
export interface ByteSource {
  /** As the user gave it, for messages. */
  readonly name: string;
  /**
   * Fills `target` from its start with at least one byte, unless the source is at its end.
   * @returns bytes written, 0 at the end; a promise only where the bytes have to be waited for
   * @throws {CaptureError} where the source cannot be read on
   */
  read(target: Uint8Array): number | Promise<number>;
  close(): Promise<void>;
}

/** A file or named pipe, read with blocking calls straight into the target: no copy in JavaScript. */
export class FileSource implements ByteSource {
  readonly name: string;
  readonly #file: OpenFile;
  #position = 0;
  #isClosed = false;

  private constructor(name: string, file: OpenFile) {
    this.name = name;
    this.#file = file;
  }

  /** @throws {UsageError} where the file does not exist or may not be read */
  static async open(path: string): Promise<FileSource> {
    let file: OpenFile;
    try {
      file = await openFile(path);
    } catch (cause) {
      throw new UsageError(`${path}: cannot be opened (${systemCode(cause)}), expected a readable file`, {
        cause,
      });
    }
    if (!file.isFolder) return new FileSource(path, file);
    await file.close();
    throw new UsageError(`${path}: is a folder, expected a capture file`);
  }

  read(target: Uint8Array): number {
    // Its descriptor may be another file's by now.
    if (this.#isClosed) return 0;
    try {
      const count = this.#file.read(target);
      this.#position += count;
      return count;
    } catch (cause) {
      throw new CaptureError(this.name, this.#position, `cannot be read on (${systemCode(cause)})`, { cause });
    }
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#file.close();
  }
}

/** Chunks that come one after the other, such as those of standard input. Holds at most the one that came last. */
export class ChunkSource implements ByteSource {
  readonly name: string;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #close: () => Promise<void>;
  readonly #signal: AbortSignal | undefined;
  #rest: Uint8Array = new Uint8Array(0);
  #position = 0;

  /** @param signal ends waiting for a chunk: `read` rejects with its reason */
  constructor(name: string, chunks: AsyncIterator<Uint8Array>, close: () => Promise<void>, signal?: AbortSignal) {
    this.name = name;
    this.#signal = signal;
    this.#chunks = chunks;
    this.#close = close;
  }

  /** Reads a stream of Node; closing destroys it. */
  static fromStream(name: string, stream: ChunkStream, signal?: AbortSignal): ChunkSource {
    return new ChunkSource(
      name,
      stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>,
      async () => void stream.destroy(),
      signal,
    );
  }

  read(target: Uint8Array): number | Promise<number> {
    return this.#rest.length > 0 ? this.#take(target) : this.#wait(target);
  }

  async #wait(target: Uint8Array): Promise<number> {
    while (this.#rest.length === 0) {
      const next = await this.#nextChunk();
      if (next.done) return 0;
      this.#rest = next.value;
    }
    return this.#take(target);
  }

  async #nextChunk(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await untilAborted(this.#chunks.next(), this.#signal);
    } catch (cause) {
      this.#signal?.throwIfAborted();
      if (cause instanceof CaptureError) throw cause;
      throw new CaptureError(this.name, this.#position, `cannot be read on (${systemCode(cause)})`, { cause });
    }
  }

  #take(target: Uint8Array): number {
    const count = Math.min(target.length, this.#rest.length);
    target.set(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(count);
    this.#position += count;
    return count;
  }

  close(): Promise<void> {
    return this.#close();
  }
}

/** Puts bytes that were read for a look at the format back in front of a source. */
export class PrefixedSource implements ByteSource {
  readonly name: string;
  readonly #source: ByteSource;
  #prefix: Uint8Array;

  constructor(prefix: Uint8Array, source: ByteSource) {
    this.name = source.name;
    this.#prefix = prefix;
    this.#source = source;
  }

  read(target: Uint8Array): number | Promise<number> {
    if (this.#prefix.length === 0 || target.length === 0) return this.#source.read(target);
    const count = Math.min(target.length, this.#prefix.length);
    target.set(this.#prefix.subarray(0, count));
    this.#prefix = this.#prefix.subarray(count);
    return count;
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}

/**
 * Reads until `target` is full or the source ends.
 * @returns bytes written from the start of `target`
 */
export async function readFully(source: ByteSource, target: Uint8Array): Promise<number> {
  let filled = 0;
  while (filled < target.length) {
    const read = source.read(filled === 0 ? target : target.subarray(filled));
    const count = typeof read === "number" ? read : await read;
    if (count === 0) break;
    filled += count;
  }
  return filled;
}
