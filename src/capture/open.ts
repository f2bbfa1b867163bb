import type { Readable } from "node:stream";
import { CaptureError } from "../errors.js";
import { type ByteSource, ChunkSource, FileSource, PrefixedSource, readFully } from "./byte-source.js";
import { GzipSource, isGzip } from "./gzip-source.js";
import { PCAP_HEADER_SIZE, PcapParser, pcapHeaderFault, pcapVariant } from "./pcap.js";
import { isPcapng, PcapngParser, SECTION_HEAD_SIZE, sectionFault } from "./pcapng.js";
import { PieceReader } from "./piece-reader.js";
import type { RecordFault } from "./record-parser.js";
import type { CaptureReader } from "./types.js";

const MAGIC_SIZE = 4;
const EXPECTED = "a pcap or pcapng capture, plain or gzipped";

export interface OpenOptions {
  /** What `-` reads instead of standard input. */
  readonly stdin?: Readable;
}

/**
 * Opens a capture: pcap (micro-, nanosecond or modified, both byte orders) or pcapng, plain or gzipped, told apart by content.
 *
 * Reading is bounded in memory for files of any size; {@link PieceReader} states the bound. Link types that cannot be
 * parsed are no error here: their interfaces carry the number, and whoever consumes the frames counts them by it.
 * @param path a file or a named pipe; `-` for standard input
 * @throws {UsageError} where there is no such file
 * @throws {CaptureError} where it is empty, of an unknown kind, or cut off within its header
 */
export async function openCapture(path: string, options: OpenOptions = {}): Promise<CaptureReader> {
  const source =
    path === "-" ? ChunkSource.fromStream(path, options.stdin ?? process.stdin) : await FileSource.open(path);
  try {
    return await openSource(source);
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function openSource(plain: ByteSource): Promise<CaptureReader> {
  const start = await take(plain, MAGIC_SIZE);
  const whole = new PrefixedSource(start, plain);
  if (!isGzip(start)) return openFormat(whole, undefined);
  const gzip = new GzipSource(whole);
  return openFormat(gzip, gzip);
}

async function openFormat(source: ByteSource, gzip: GzipSource | undefined): Promise<CaptureReader> {
  const head = await take(source, PCAP_HEADER_SIZE);
  if (head.length === 0) throw new CaptureError(source.name, 0, `file is empty, expected ${EXPECTED}`);
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const variant = head.length < MAGIC_SIZE ? undefined : pcapVariant(view);
  if (variant) {
    refuse(source, cutFault("pcap header", view, PCAP_HEADER_SIZE) ?? pcapHeaderFault(variant, view));
    return new PieceReader({ source, gzip, parser: new PcapParser(variant, view), fileOffset: PCAP_HEADER_SIZE });
  }
  if (head.length >= MAGIC_SIZE && isPcapng(view)) {
    refuse(source, cutFault("pcapng section header", view, SECTION_HEAD_SIZE) ?? sectionFault(view, 0));
    const again = new PrefixedSource(head, source);
    return new PieceReader({ source: again, gzip, parser: new PcapngParser(), fileOffset: 0 });
  }
  const found = Buffer.from(head.subarray(0, MAGIC_SIZE)).toString("hex");
  throw new CaptureError(source.name, 0, `magic is ${found}, expected that of ${EXPECTED}`);
}

function cutFault(what: string, head: DataView, size: number): RecordFault | undefined {
  if (head.byteLength >= size) return undefined;
  const found = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString("hex");
  const message = `${what} is cut off after ${head.byteLength} bytes (${found}), expected ${size}`;
  return { offset: head.byteLength, message };
}

function refuse(source: ByteSource, fault: RecordFault | undefined): void {
  if (fault) throw new CaptureError(source.name, fault.offset, fault.message);
}

/** @returns up to `size` bytes, fewer only where the source ends before */
async function take(source: ByteSource, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  return bytes.subarray(0, await readFully(source, bytes));
}
