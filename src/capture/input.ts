import { standardInput } from "#platform/files.js";
import { UsageError } from "../errors.js";
import type { ChunkStream } from "../platform/file.js";
import { type ByteSource, ChunkSource, FileSource } from "./byte-source.js";
import { LINKTYPE_ETHERNET } from "./types.js";
import { PcapngWriter } from "./write.js";

/** Bytes that come one chunk after the other, and once: an async generator, a stream of Node's, a `ReadableStream`. */
export type ByteStream = AsyncIterable<Uint8Array> | WebStream;

/** What is used of a `ReadableStream`. */
export interface WebStream {
  /** Reads the stream: one reader at a time. */
  getReader(): {
    /** The next chunk. */
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
    /** Gives up the rest. */
    cancel(reason?: unknown): Promise<void>;
  };
}

/** What is used of a `Blob`: it can be read any number of times. */
export interface BlobLike {
  /** Its bytes from the start. */
  stream(): WebStream;
}

/** A `File` of a browser: a blob with a name. */
export interface FileLike extends BlobLike {
  readonly name: string;
}

/** A file that is not on a disk. */
export interface NamedBytes {
  /** What reports and errors call it. */
  readonly name: string;
  readonly bytes: Uint8Array | BlobLike | ByteStream;
}

/** A frame that comes from no file. */
export interface InputFrame {
  /** Nanoseconds since the epoch, below 2^64. */
  readonly timeNs: bigint;
  /** From the link-layer header on, as far as they were captured; at most 262,144. */
  readonly bytes: Uint8Array;
  /** LINKTYPE_* number; default 1, Ethernet. */
  readonly linkType?: number;
  /** Bytes on the wire; default: as many as were captured. */
  readonly wireLength?: number;
}

/** Frames that come from no file, in the order of time. Each is taken before the next one is asked for, so that its bytes may be reused. */
export interface NamedFrames {
  /** What reports and errors call them. */
  readonly name: string;
  readonly frames: Iterable<InputFrame> | AsyncIterable<InputFrame>;
}

/**
 * Where a capture comes from: a path (`-` is standard input), a `File`, bytes or frames. In a browser there are no paths. What a file or
 * bytes hold is told by their content, gzip included.
 */
export type CaptureInput = string | FileLike | NamedBytes | NamedFrames;

/** Path, or name. */
export function nameOfInput(input: CaptureInput): string {
  return typeof input === "string" ? input : input.name;
}

/** Whether a capture can be read more than once: a pipe cannot be told from a file by its path, and counts as one. */
export function isRereadable(input: CaptureInput): boolean {
  if (typeof input === "string") return input !== "-";
  if ("frames" in input) return Array.isArray(input.frames);
  return isBlob(input) || input.bytes instanceof Uint8Array || isBlob(input.bytes);
}

/** @throws {UsageError} where a value is no capture at all: what a caller without types may give */
export function checkInput(input: unknown): asserts input is CaptureInput {
  if (typeof input === "string") return;
  const { name, bytes, frames } = (input ?? {}) as { name?: unknown; bytes?: unknown; frames?: unknown };
  const isNamed = typeof input === "object" && typeof name === "string";
  if (isNamed && (isBlob(input) || isIterable(frames) || isBytes(bytes))) return;
  throw new UsageError(
    `capture is ${describe(input)}, expected a path, a File, { name, bytes } or { name, frames }: see CaptureInput`,
  );
}

function isBytes(bytes: unknown): boolean {
  if (bytes instanceof Uint8Array || isBlob(bytes)) return true;
  return typeof bytes === "object" && bytes !== null && (Symbol.asyncIterator in bytes || "getReader" in bytes);
}

function isIterable(frames: unknown): boolean {
  if (typeof frames !== "object" || frames === null) return false;
  return Symbol.asyncIterator in frames || Symbol.iterator in frames;
}

/** A value in a few words, for messages. */
function describe(value: unknown): string {
  if (value === null || typeof value !== "object") return String(value);
  return `an object with ${Object.keys(value).join(", ") || "nothing in it"}`;
}

function isBlob(value: unknown): value is BlobLike {
  return typeof (value as Partial<BlobLike> | undefined)?.stream === "function";
}

/** Streams that were opened: they give nothing a second time. */
const opened = /* @__PURE__ */ new WeakSet<object>();

/** How a capture is opened. */
export interface InputOptions {
  /** What `-` reads instead of standard input. */
  readonly stdin?: ChunkStream;
  /** Ends waiting for bytes that come one after the other: whoever reads gets the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Opens a capture for reading, as it lies there. @throws {UsageError} where there is no such file */
export async function openInput(input: CaptureInput, { stdin, signal }: InputOptions = {}): Promise<ByteSource> {
  checkInput(input);
  if (input === "-") return ChunkSource.fromStream(input, stdin ?? standardInput(), signal);
  if (typeof input === "string") return FileSource.open(input);
  const { name } = input;
  if ("frames" in input) return ofChunks(name, once(name, input.frames, encodeFrames), signal);
  const bytes = isBlob(input) ? input : input.bytes;
  if (bytes instanceof Uint8Array) return new MemorySource(name, bytes);
  if (isBlob(bytes)) return ofChunks(name, chunksOf(bytes.stream()), signal);
  return ofChunks(name, once(name, bytes, chunksOf), signal);
}

function once<T extends object>(name: string, stream: T, open: (stream: T) => AsyncIterator<Uint8Array>) {
  if (opened.has(stream) && !Array.isArray(stream))
    throw new UsageError(`${name}: was read already, expected what can be read again: a Blob, a File or a Uint8Array`);
  opened.add(stream);
  return open(stream);
}

function ofChunks(name: string, chunks: AsyncIterator<Uint8Array>, signal: AbortSignal | undefined): ByteSource {
  // Whoever closes while a chunk is awaited must not wait for it.
  return new ChunkSource(name, chunks, async () => void chunks.return?.()?.catch(() => {}), signal);
}

function chunksOf(stream: ByteStream): AsyncIterator<Uint8Array> {
  return "getReader" in stream ? readWebStream(stream) : stream[Symbol.asyncIterator]();
}

async function* readWebStream(stream: WebStream): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value!;
  } finally {
    await reader.cancel();
  }
}

/** Frames as a pcapng file: what reads captures reads them, too. */
async function* encodeFrames(frames: NamedFrames["frames"]): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const writer = new PcapngWriter((bytes) => chunks.push(bytes));
  let number = 0;
  for await (const { timeNs, bytes, linkType = LINKTYPE_ETHERNET, wireLength = bytes.length } of frames) {
    const id = writer.interfaceId(linkType, "");
    const [low, high] = [Number(timeNs & 0xffff_ffffn), Number(timeNs >> 32n)];
    writer.frame(id, low, high, bytes.length, wireLength, ++number, bytes, 0);
    yield* chunks.splice(0);
  }
  writer.close();
  yield* chunks;
}

/** Bytes that are in memory. */
class MemorySource implements ByteSource {
  readonly name: string;
  #rest: Uint8Array;

  constructor(name: string, bytes: Uint8Array) {
    this.name = name;
    this.#rest = bytes;
  }

  read(target: Uint8Array): number {
    const count = Math.min(target.length, this.#rest.length);
    target.set(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(count);
    return count;
  }

  async close(): Promise<void> {}
}
