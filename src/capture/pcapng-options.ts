import { utf8Text } from "../net/text.js";
import type { RecordFault } from "./record-parser.js";
import { TickScale } from "./timestamp.js";

const OPTION_HEADER_SIZE = 4;
const OPTION_END = 0;
const OPTION_IF_NAME = 2;
const OPTION_IF_TSRESOL = 9;
const OPTION_IF_TSOFFSET = 14;
/** if_tsresol where the file gives none: microseconds. */
const DEFAULT_RESOLUTION = 6;
/** Longer interface names are cut: names are held for every interface, so a hostile file could fill memory with them. */
const MAX_NAME_BYTES = 256;

/** What the options of an Interface Description Block say that readers use. */
export interface InterfaceOptions {
  readonly name: string | undefined;
  readonly scale: TickScale;
}

/**
 * Walks the options in `[at, end)` of a block and checks that each lies inside it (draft-ietf-opsawg-pcapng section 3.5).
 * @param visit called with code, start and length of each value
 * @returns the fault with its offset relative to `view`, or undefined
 */
export function walkOptions(
  view: DataView,
  at: number,
  end: number,
  littleEndian: boolean,
  visit?: (code: number, valueAt: number, length: number) => RecordFault | undefined,
): RecordFault | undefined {
  let next = at;
  while (end - next >= OPTION_HEADER_SIZE) {
    const code = view.getUint16(next, littleEndian);
    const length = view.getUint16(next + 2, littleEndian);
    if (code === OPTION_END) return undefined;
    const room = end - next - OPTION_HEADER_SIZE;
    if (length > room) {
      const message = `option ${code} has ${length} bytes, expected at most the ${room} left in its block`;
      return { offset: next + 2, message };
    }
    const fault = visit?.(code, next + OPTION_HEADER_SIZE, length);
    if (fault) return fault;
    next += OPTION_HEADER_SIZE + padded(length);
  }
  return undefined;
}

/** Reads if_name, if_tsresol and if_tsoffset; the other options are not needed. */
export function readInterfaceOptions(
  view: DataView,
  at: number,
  end: number,
  littleEndian: boolean,
): InterfaceOptions | RecordFault {
  let name: string | undefined;
  let resolution = DEFAULT_RESOLUTION;
  let offsetSeconds = 0n;
  const fault = walkOptions(view, at, end, littleEndian, (code, valueAt, length) => {
    if (code === OPTION_IF_NAME) name = textAt(view, valueAt, length);
    if (code === OPTION_IF_TSRESOL) {
      if (length !== 1) return wrongLength("if_tsresol", valueAt, length, 1);
      resolution = view.getUint8(valueAt);
    }
    if (code === OPTION_IF_TSOFFSET) {
      if (length !== 8) return wrongLength("if_tsoffset", valueAt, length, 8);
      offsetSeconds = view.getBigInt64(valueAt, littleEndian);
    }
    return undefined;
  });
  return fault ?? { name, scale: new TickScale(resolution, offsetSeconds) };
}

/** Lengths in pcapng are padded to 32 bits. `length` is at most 2^32 − 1, so this stays a plain number. */
export function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}

function wrongLength(option: string, valueAt: number, length: number, expected: number): RecordFault {
  return { offset: valueAt - 2, message: `${option} has ${length} bytes, expected ${expected}` };
}

/** UTF-8 up to a terminating zero, which some writers add. */
function textAt(view: DataView, at: number, length: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, Math.min(length, MAX_NAME_BYTES));
  const zero = bytes.indexOf(0);
  return utf8Text(bytes, 0, zero < 0 ? bytes.length : zero);
}
