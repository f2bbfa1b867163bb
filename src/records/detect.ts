import { utf8Text } from "../net/text.js";
import { CtJsonDecoder, isMapEntry } from "./ct-json.js";
import { CtListDecoder, isCtLine } from "./ct-list.js";
import { type Cutter, LineCutter, ObjectCutter } from "./cutter.js";
import type { RecordDecoder } from "./decoder.js";
import { RecordFault } from "./fault.js";
import { type Fields, parseFields } from "./fields.js";
import { HubbleDecoder, isFlow } from "./hubble.js";

/** How a file of records is to be read. */
export interface RecordFormat {
  readonly cutter: Cutter;
  readonly decoder: RecordDecoder;
}

/** Lines of other kinds before the first entry of a list: what programs say before they print it. */
const MOST_LINES_BEFORE = 100;
const BYTE_ORDER_MARK = "\ufeff";

/**
 * Tells connection records by content.
 * @param head the first bytes of the file
 * @param atNs time of entries that have none, nanoseconds since the epoch
 * @returns undefined where they are none that are known
 */
export function detectRecords(head: Uint8Array, atNs: bigint): RecordFormat | undefined {
  const text = utf8Text(head).replace(BYTE_ORDER_MARK, "").trimStart();
  if (text.startsWith("{") || text.startsWith("[")) return detectJson(head, text, atNs);
  const lines = text.split("\n", MOST_LINES_BEFORE).map((line) => line.trimEnd());
  return lines.some(isCtLine) ? { cutter: new LineCutter(), decoder: new CtListDecoder(atNs) } : undefined;
}

function detectJson(head: Uint8Array, text: string, atNs: bigint): RecordFormat | undefined {
  const line = objectOf(text.split("\n", 1)[0]!);
  const first = line ?? firstObject(head);
  if (first && isMapEntry(first)) return { cutter: new ObjectCutter(), decoder: new CtJsonDecoder(atNs) };
  if (!first || !isFlow(first)) return undefined;
  return { cutter: line ? new LineCutter() : new ObjectCutter(), decoder: new HubbleDecoder() };
}

function firstObject(head: Uint8Array): Fields | undefined {
  const cutter = new ObjectCutter();
  try {
    if (!cutter.find(head, 0, head.length)) return undefined;
  } catch (fault) {
    if (fault instanceof RecordFault) return undefined;
    throw fault;
  }
  return objectOf(utf8Text(head, cutter.start, cutter.stop));
}

function objectOf(text: string): Fields | undefined {
  try {
    return parseFields(text);
  } catch (fault) {
    if (fault instanceof RecordFault) return undefined;
    throw fault;
  }
}
