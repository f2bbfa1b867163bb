import { readYaml } from "./yaml-read.js";

/**
 * Texts up to this length are read in one go: parsing needs some twenty times the memory of its text. Much shorter pieces take twice the time, because
 * V8 gives up on the parser's hidden classes after a few calls. Characters.
 */
const PIECE_LENGTH = 8 << 20;

/** A part of a YAML text that can be parsed on its own: `start` inclusive, `end` exclusive, in characters. */
export interface YamlPiece {
  readonly start: number;
  readonly end: number;
  /**
   * `documents`: whole documents. `members`: a block sequence, being some members of the `items` of a list whose other fields
   * are `list`.
   */
  readonly holds: "documents" | "members";
  readonly list?: { readonly kind: string; readonly apiVersion?: unknown };
}

/**
 * Cuts a long text at document markers, and a long list (as `kubectl get -o yaml` prints it) between its members. What cannot be cut safely
 * stays whole: texts with directives, lists with aliases or in an unusual style.
 */
export function yamlPieces(text: string, length = PIECE_LENGTH): YamlPiece[] {
  if (text.length <= length || /^%/m.test(text)) return [{ start: 0, end: text.length, holds: "documents" }];
  const pieces: YamlPiece[] = [];
  let start = 0;
  for (const end of documentEnds(text)) {
    if (end - start > length) pieces.push(...cutList(text, start, end, length));
    else if (canJoin(pieces.at(-1), end, length)) pieces.push({ start: pieces.pop()!.start, end, holds: "documents" });
    else pieces.push({ start, end, holds: "documents" });
    start = end;
  }
  return pieces;
}

/** Where the next document begins, for each but the last, and the end of the text. */
function documentEnds(text: string): number[] {
  const ends: number[] = [];
  for (const match of text.matchAll(/^---(?=\s|$)/gm)) if (match.index > 0) ends.push(match.index);
  return [...ends, text.length];
}

function canJoin(before: YamlPiece | undefined, end: number, length: number): boolean {
  return before?.holds === "documents" && end - before.start <= length;
}

const ALIAS = /[\s[{,:?-]\*[^\s,\]}]/;

function cutList(text: string, start: number, end: number, length: number): YamlPiece[] {
  const whole: YamlPiece[] = [{ start, end, holds: "documents" }];
  const document = text.slice(start, end);
  const items = [...document.matchAll(/^items:[ \t]*\r?\n/gm)];
  const [first] = items;
  if (!first || items.length > 1 || ALIAS.test(document)) return whole;
  const from = first.index + first[0].length;
  const indent = /^( *)- /.exec(document.slice(from, from + 100))?.[1];
  if (indent === undefined) return whole;
  const next = new RegExp(indent === "" ? "^[^\\s#-]" : "^[^\\s#]", "gm");
  next.lastIndex = from;
  const to = next.exec(document)?.index ?? document.length;
  const list = readHeader(document.slice(0, first.index) + document.slice(to));
  if (!list) return whole;
  const member = new RegExp(`^${indent}- `, "gm");
  const pieces: YamlPiece[] = [];
  let pieceStart = from;
  for (member.lastIndex = from + length; member.lastIndex < to; member.lastIndex = pieceStart + length) {
    const cut = member.exec(document)?.index ?? to;
    if (cut >= to) break;
    pieces.push({ start: start + pieceStart, end: start + cut, holds: "members", list });
    pieceStart = cut;
  }
  return [...pieces, { start: start + pieceStart, end: start + to, holds: "members", list }];
}

/** The list without its members, where it is one. */
function readHeader(text: string): YamlPiece["list"] {
  const { values, faults } = readYaml(text);
  const [header] = values;
  if (faults.length > 0 || values.length !== 1 || typeof header !== "object" || header === null) return undefined;
  const { kind, apiVersion } = header as { kind?: unknown; apiVersion?: unknown };
  return typeof kind === "string" && kind.endsWith("List") ? { kind, apiVersion } : undefined;
}
