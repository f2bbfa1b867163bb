import { type ByteSource, PrefixedSource, readFully } from "../capture/byte-source.js";
import type { GzipSource } from "../capture/gzip-source.js";
import { type CaptureInput, nameOfInput } from "../capture/input.js";
import { type Converter, type OpenOptions, openBytes, openCapture } from "../capture/open.js";
import { PCAP_HEADER_SIZE, PcapParser, pcapVariant } from "../capture/pcap.js";
import { PieceReader } from "../capture/piece-reader.js";
import type { CaptureInterface, CaptureReader, FrameIndex, RecordNotes } from "../capture/types.js";
import { CaptureError } from "../errors.js";
import { detectRecords } from "./detect.js";
import { RecordSource } from "./source.js";

/** Bytes that are looked at to tell what a file holds: at least one whole record must lie in them. */
const HEAD_SIZE = 256 << 10;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** How connection records are read. */
export interface RecordOptions {
  /** When entries without a time were seen, nanoseconds since the epoch: a connection table says nothing of when. Default 0. */
  readonly atNs?: bigint;
}

/** Opens connection records as captures; what is neither stays unknown. */
function recordConverter({ atNs = 0n }: RecordOptions = {}): Converter {
  return async (source, gzip) => {
    const { head, whole } = await peek(source);
    const format = detectRecords(head, atNs);
    return format && RecordReader.open(new RecordSource(whole, format), gzip);
  };
}

/**
 * Opens a capture, or a file of connection records as if it were one: Hubble flows or a table of `cilium bpf ct list global`, plain or
 * gzipped, told apart by content. Of records the reader's `records` says what became of them.
 * @throws {UsageError} where there is no such file   @throws {CaptureError} where it is neither
 */
export function openCaptureOrRecords(
  input: CaptureInput,
  options: OpenOptions & RecordOptions = {},
): Promise<CaptureReader> {
  return openCapture(input, { ...options, convert: recordConverter(options) });
}

/** The same for records only. @throws {CaptureError} where the file holds none */
export async function openRecords(
  input: CaptureInput,
  options: OpenOptions & RecordOptions = {},
): Promise<CaptureReader & { readonly records: RecordNotes }> {
  const reader = await openCaptureOrRecords(input, options);
  if (reader instanceof RecordReader) return reader;
  await reader.close();
  throw new CaptureError(nameOfInput(input), 0, "is a capture, expected connection records: Hubble flows or a ct list");
}

/** Whether a file holds connection records. @throws {UsageError} where there is no such file   @throws {CaptureError} where it cannot be read */
export async function isRecordFile(input: CaptureInput): Promise<boolean> {
  const { source } = await openBytes(input);
  try {
    return detectRecords((await peek(source)).head, 0n) !== undefined;
  } finally {
    await source.close();
  }
}

/** Reads the head of a file, a byte order mark left out, and puts it back in front. */
export async function peek(source: ByteSource): Promise<{ head: Uint8Array; whole: ByteSource }> {
  const bytes = new Uint8Array(HEAD_SIZE);
  const read = bytes.subarray(0, await readFully(source, bytes));
  const head = BYTE_ORDER_MARK.every((byte, i) => read[i] === byte) ? read.subarray(BYTE_ORDER_MARK.length) : read;
  return { head, whole: new PrefixedSource(head, source) };
}

/** Reads the frames that records were made into. */
class RecordReader implements CaptureReader {
  readonly #source: RecordSource;
  readonly #pieces: PieceReader;

  /** Skips the header of the pcap stream. */
  static async open(source: RecordSource, gzip: GzipSource | undefined): Promise<RecordReader> {
    const header = new DataView(new ArrayBuffer(PCAP_HEADER_SIZE));
    await readFully(source, new Uint8Array(header.buffer));
    const parser = new PcapParser(pcapVariant(header)!, header);
    return new RecordReader(source, new PieceReader({ source, gzip, parser, fileOffset: PCAP_HEADER_SIZE }));
  }

  private constructor(source: RecordSource, pieces: PieceReader) {
    this.#source = source;
    this.#pieces = pieces;
  }

  get name(): string {
    return this.#source.name;
  }

  get interfaces(): readonly CaptureInterface[] {
    return this.#pieces.interfaces;
  }

  get truncated(): boolean {
    return this.#pieces.truncated || this.#source.truncated;
  }

  get skippedBlocks(): ReadonlyMap<string, number> {
    return this.#pieces.skippedBlocks;
  }

  get adjusted(): ReadonlyMap<string, number> {
    return this.#pieces.adjusted;
  }

  get records(): RecordNotes {
    return this.#source.notes;
  }

  next(memory: Uint8Array, index: FrameIndex): Promise<boolean> {
    return this.#pieces.next(memory, index);
  }

  close(): Promise<void> {
    return this.#pieces.close();
  }
}
