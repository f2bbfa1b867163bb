import { CaptureError } from "../errors.js";
import { hexOf } from "../net/bytes.js";
import { type ByteSource, PrefixedSource, readFully } from "./byte-source.js";
import { GzipSource, isGzip } from "./gzip-source.js";
import { type CaptureInput, type InputOptions, openInput } from "./input.js";
import { PCAP_HEADER_SIZE, PcapParser, pcapHeaderFault, pcapVariant } from "./pcap.js";
import { isPcapng, PcapngParser, SECTION_HEAD_SIZE, sectionFault } from "./pcapng.js";
import { PieceReader } from "./piece-reader.js";
import type { RecordFault } from "./record-parser.js";
import type { CaptureReader } from "./types.js";

const MAGIC_SIZE = 4;
const EXPECTED = "a pcap or pcapng capture, plain or gzipped";

/**
 * Makes a reader of a file that is no capture. It owns `source`, which is at the start of the (decompressed) file.
 * @param gzip the decompressor that `source` reads through, if any
 * @returns undefined where it does not know the content either
 */
export type Converter = (source: ByteSource, gzip: GzipSource | undefined) => Promise<CaptureReader | undefined>;

/** How a capture is opened. */
export interface OpenOptions extends InputOptions {
  /** Asked where the content is not that of a capture. @internal */
  readonly convert?: Converter;
}

/**
 * Opens a capture: pcap (micro-, nanosecond or modified, both byte orders) or pcapng, plain or gzipped, told apart by content.
 *
 * Reading is bounded in memory for files of any size: the memory that a piece is read into, and one metadata block of at most 16 MiB. Link types that cannot be
 * parsed are no error here: their interfaces carry the number, and whoever consumes the frames counts them by it.
 * @throws {UsageError} where there is no such file
 * @throws {CaptureError} where it is empty, of an unknown kind, or cut off within its header
 */
export async function openCapture(input: CaptureInput, options: OpenOptions = {}): Promise<CaptureReader> {
  const { source, gzip } = await openBytes(input, options);
  try {
    return await openFormat(source, gzip, options.convert);
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Opens any file for reading; what is gzipped is decompressed. @throws {UsageError} where there is no such file   @throws {CaptureError} */
export async function openBytes(
  input: CaptureInput,
  options: InputOptions = {},
): Promise<{ source: ByteSource; gzip: GzipSource | undefined }> {
  const plain = await openInput(input, options);
  try {
    const start = await take(plain, MAGIC_SIZE);
    const whole = new PrefixedSource(start, plain);
    const gzip = isGzip(start) ? new GzipSource(whole) : undefined;
    return { source: gzip ?? whole, gzip };
  } catch (error) {
    await plain.close();
    throw error;
  }
}

async function openFormat(
  source: ByteSource,
  gzip: GzipSource | undefined,
  convert: Converter | undefined,
): Promise<CaptureReader> {
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
  const converted = await convert?.(new PrefixedSource(head, source), gzip);
  if (converted) return converted;
  const found = hexOf(head.subarray(0, MAGIC_SIZE));
  const others = convert ? ", or connection records" : "";
  throw new CaptureError(source.name, 0, `magic is ${found}, expected that of ${EXPECTED}${others}`);
}

function cutFault(what: string, head: DataView, size: number): RecordFault | undefined {
  if (head.byteLength >= size) return undefined;
  const found = hexOf(new Uint8Array(head.buffer, head.byteOffset, head.byteLength));
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
