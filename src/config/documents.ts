import { isUtf8 } from "#platform/memory.js";
import { concatBytes } from "../net/bytes.js";
import { latin1Text, utf8Bytes, utf8Text } from "../net/text.js";
import type { FaultLog } from "./fault-log.js";
import { type JsonDocument, splitJson } from "./json-read.js";
import { JsonFault } from "./json-walk.js";
import type { Origin } from "./origin.js";
import { type YamlPiece, yamlPieces } from "./yaml-pieces.js";
import { readYaml } from "./yaml-read.js";

/** Lists inside of lists: deeper ones are a mistake or an attack. */
const DEEPEST_LIST = 4;
const LONGEST_TEXT = 2 ** 29 - 25;

/** Takes one top-level value of a file (a member of a `kind: List` counts as one). */
export type DocumentSink = (value: unknown, origin: Origin, inherited: Inherited) => void;

/** What members of a typed list (`PodList`) leave out. */
export interface Inherited {
  readonly apiVersion?: string;
  readonly kind?: string;
}

/**
 * Hands every object of a file to `sink`, JSON one by one as it is parsed, so that a large dump is never in memory as a whole.
 * What cannot be read becomes a fault in `log`.
 */
export function readDocuments(file: string, bytes: Uint8Array, log: FaultLog, sink: DocumentSink): void {
  if (!isUtf8(bytes)) {
    log.textFault(file, "json", 0, "bytes that are not UTF-8", "UTF-8 text");
    return;
  }
  const isNamedJson = /\.json(\.gz)?$/i.test(file);
  if (isNamedJson || looksLikeJson(bytes)) {
    const fault = readJson(file, bytes, log, sink);
    if (!fault) return;
    if (isNamedJson) {
      log.textFault(file, "json", fault.offset, fault.found, fault.expected);
      return;
    }
  }
  readYamlFile(file, bytes, log, sink);
}

function looksLikeJson(bytes: Uint8Array): boolean {
  const first = /\S/.exec(latin1Text(bytes, 0, Math.min(bytes.length, 4096)))?.[0];
  return first === "{" || first === "[";
}

/** @returns the fault that makes the text no JSON; nothing was handed on then */
function readJson(file: string, bytes: Uint8Array, log: FaultLog, sink: DocumentSink): JsonFault | undefined {
  try {
    const { documents, duplicates } = splitJson(bytes);
    for (const { offset, key } of duplicates) {
      log.textFault(file, "json", offset, `the key ${JSON.stringify(key)} for the second time`, "each key once");
    }
    for (const document of documents) readJsonDocument(file, bytes, document, log, sink);
    return undefined;
  } catch (error) {
    if (error instanceof JsonFault) return error;
    throw error;
  }
}

function readJsonDocument(
  file: string,
  bytes: Uint8Array,
  document: JsonDocument,
  log: FaultLog,
  sink: DocumentSink,
): void {
  const { start, end, list, items } = document;
  const head = list
    ? concatBytes([bytes.subarray(start, list.start), utf8Bytes("[]"), bytes.subarray(list.end, end)])
    : undefined;
  const header = parsePiece(file, head ?? bytes.subarray(start, end), start, log);
  if (!header) return;
  const origin = { file, at: start, format: "json" as const, prefix: [] };
  const isPlainList = Array.isArray(header.value) && list !== undefined;
  if (!list || !(isPlainList || isListKind(header.value))) {
    const whole = list ? parsePiece(file, bytes.subarray(start, end), start, log) : header;
    if (whole) expand(whole.value, origin, {}, 0, sink);
    return;
  }
  const inherited = isPlainList ? {} : memberKind(header.value as ListObject);
  for (let i = 0; i < items.length; i += 2) {
    const at = items[i]!;
    const piece = parsePiece(file, bytes.subarray(at, items[i + 1]!), at, log);
    if (piece) expand(piece.value, { ...origin, at }, inherited, 1, sink);
  }
}

function parsePiece(file: string, piece: Uint8Array, offset: number, log: FaultLog): { value: unknown } | undefined {
  if (piece.length > LONGEST_TEXT) {
    log.textFault(file, "json", offset, `one object of ${piece.length} bytes`, `at most ${LONGEST_TEXT}`);
    return undefined;
  }
  try {
    return { value: JSON.parse(utf8Text(piece)) };
  } catch (error) {
    log.textFault(file, "json", offset, error instanceof Error ? error.message : String(error), "well-formed JSON");
    return undefined;
  }
}

function readYamlFile(file: string, bytes: Uint8Array, log: FaultLog, sink: DocumentSink): void {
  if (bytes.length > LONGEST_TEXT) {
    log.textFault(file, "json", 0, `${bytes.length} bytes of YAML`, `at most ${LONGEST_TEXT}; JSON may be larger`);
    return;
  }
  const text = utf8Text(bytes);
  for (const piece of yamlPieces(text)) readYamlPiece(file, text, piece, log, sink);
}

function readYamlPiece(file: string, text: string, piece: YamlPiece, log: FaultLog, sink: DocumentSink): void {
  const { start, end, list } = piece;
  const { values, faults } = readYaml(ownText(text.slice(start, end)));
  for (const { offset, found, expected } of faults) log.textFault(file, "yaml", start + offset, found, expected);
  values.forEach((value, document) => {
    const origin = { file, format: "yaml" as const, at: start, end, document, prefix: [] };
    if (list && Array.isArray(value)) expandMembers(value, origin, memberKind({ ...list, items: value }), 1, sink);
    else if (value !== null && value !== undefined) expand(value, origin, {}, 0, sink);
  });
}

/** A copy of its own: V8 reads parts of a long string more slowly, and keeps all of that alive for them. */
function ownText(part: string): string {
  return utf8Text(utf8Bytes(part));
}

interface ListObject {
  readonly kind: string;
  readonly apiVersion?: unknown;
  readonly items: readonly unknown[];
}

function isListKind(value: unknown): value is ListObject {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, "items") || !Object.hasOwn(value, "kind"))
    return false;
  const { kind, items } = value as { kind: unknown; items: unknown };
  return typeof kind === "string" && kind.endsWith("List") && Array.isArray(items);
}

function memberKind(list: ListObject): Inherited {
  const kind = list.kind.slice(0, -"List".length);
  if (kind === "") return {};
  return typeof list.apiVersion === "string" ? { kind, apiVersion: list.apiVersion } : { kind };
}

function expand(value: unknown, origin: Origin, inherited: Inherited, depth: number, sink: DocumentSink): void {
  if (!isListKind(value) || depth > DEEPEST_LIST) {
    sink(value, origin, inherited);
    return;
  }
  const items = { ...origin, prefix: [...origin.prefix, "items"] };
  expandMembers(value.items, items, memberKind(value), depth + 1, sink);
}

function expandMembers(
  members: readonly unknown[],
  origin: Origin,
  inherited: Inherited,
  depth: number,
  sink: DocumentSink,
): void {
  members.forEach((member, index) => {
    expand(member, { ...origin, prefix: [...origin.prefix, index] }, inherited, depth, sink);
  });
}
