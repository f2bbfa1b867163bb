import { PolicyError, type PolicyFault } from "../errors.js";
import { utf8Text } from "../net/text.js";
import type { ManifestReader } from "./files.js";
import { locateInJson } from "./json-read.js";
import type { LocateQuery, Origin, PathStep } from "./origin.js";
import type { ManifestWarning } from "./types.js";
import { YamlPlaces } from "./yaml-read.js";

/** More than these of one load help nobody: the rest is only counted. */
const MOST_FAULTS = 1000;
const MOST_WARNINGS = 1000;
const MOST_WARNINGS_OF_A_SORT = 20;

/** A place in a manifest, before anybody has asked for its line. */
export interface Place {
  readonly origin: Origin;
  readonly path: readonly PathStep[];
  readonly target: "value" | "key";
}

interface Pending {
  readonly file: string;
  /** A place by path, or by offset where the text itself is at fault (bytes for JSON, characters for YAML); undefined = the file as a whole. */
  readonly place: Place | { readonly offset: number; readonly format: "json" | "yaml" } | undefined;
}

interface PendingFault extends Pending {
  readonly path: string;
  readonly value: string | undefined;
  readonly expected: string;
}

interface PendingWarning extends Pending {
  readonly text: string;
}

interface LineColumn {
  readonly line: number;
  readonly column: number;
}

/** Collects what is wrong with manifests. Lines and columns are looked up once, at the end, and only in files that need it. */
export class FaultLog {
  readonly #files: readonly string[];
  readonly #faults: PendingFault[] = [];
  readonly #warnings: PendingWarning[] = [];
  readonly #warningCounts = new Map<string, number>();
  /** One setting may stand for several values: it is reported once. */
  readonly #known = new Set<string>();
  #unlistedFaults = 0;
  #unlistedWarnings = 0;

  readonly #reader: Pick<ManifestReader, "read">;

  /**
   * @param files in the order in which faults are to be reported
   * @param reader reads a file again to find lines
   */
  constructor(files: readonly string[], reader: Pick<ManifestReader, "read">) {
    this.#files = files;
    this.#reader = reader;
  }

  get hasFaults(): boolean {
    return this.#faults.length > 0;
  }

  /** Something at `place` is not as expected; said once, however often it is found. */
  fault(place: Place, path: string, value: string | undefined, expected: string): void {
    if (this.#faults.length < MOST_FAULTS) {
      const key = JSON.stringify([place, path, expected]);
      if (this.#known.has(key)) return;
      this.#known.add(key);
    }
    this.#add({ file: place.origin.file, place, path, value, expected });
  }

  /** The text of `file` is at fault at `offset`. */
  textFault(file: string, format: "json" | "yaml", offset: number, found: string, expected: string): void {
    this.#add({ file, place: { offset, format }, path: "the text", value: `broken (${found})`, expected });
  }

  #add(fault: PendingFault): void {
    if (this.#faults.length < MOST_FAULTS) this.#faults.push(fault);
    else this.#unlistedFaults++;
  }

  /** @param sort groups warnings of one kind: beyond a few of a sort, and many of all sorts, only their number is kept */
  warn(sort: string, text: string, place?: Place): void {
    if (this.#warnings.length >= MOST_WARNINGS && !this.#warningCounts.has(sort)) {
      this.#unlistedWarnings++;
      return;
    }
    const count = (this.#warningCounts.get(sort) ?? 0) + 1;
    this.#warningCounts.set(sort, count);
    if (count <= MOST_WARNINGS_OF_A_SORT) this.#warnings.push({ file: place?.origin.file ?? "", place, text });
  }

  /** @throws {PolicyError} where there was any fault */
  throwFaults(): void {
    if (this.#faults.length === 0) return;
    const places = this.#locate(this.#faults);
    const faults = this.#faults.map((fault): PolicyFault => {
      const { line, column } = places.get(fault) ?? { line: 1, column: 1 };
      const { file, path, value, expected } = fault;
      return value === undefined
        ? { file, line, column, path, expected }
        : { file, line, column, path, value, expected };
    });
    faults.sort(
      (a, b) => this.#files.indexOf(a.file) - this.#files.indexOf(b.file) || a.line - b.line || a.column - b.column,
    );
    if (this.#unlistedFaults > 0) {
      const last = faults.at(-1)!;
      faults.push({ ...last, path: "the rest", value: `${this.#unlistedFaults} more faults`, expected: "none" });
    }
    throw new PolicyError(faults);
  }

  /** All warnings with their places, in file order, those without a file last. */
  warnings(): ManifestWarning[] {
    const places = this.#locate(this.#warnings);
    const listed = this.#warnings.map((warning): ManifestWarning => {
      const found = places.get(warning);
      return { file: warning.file, line: found?.line, column: found?.column, text: warning.text };
    });
    const rank = (file: string) => (file === "" ? this.#files.length : this.#files.indexOf(file));
    listed.sort(
      (a, b) => rank(a.file) - rank(b.file) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
    );
    for (const [sort, count] of this.#warningCounts) {
      if (count > MOST_WARNINGS_OF_A_SORT)
        listed.push(placeless(`${count - MOST_WARNINGS_OF_A_SORT} more of the sort: ${sort}`));
    }
    if (this.#unlistedWarnings > 0) listed.push(placeless(`${this.#unlistedWarnings} more of other sorts`));
    return listed;
  }

  #locate<T extends Pending>(entries: readonly T[]): Map<T, LineColumn> {
    const byFile = new Map<string, T[]>();
    for (const entry of entries) {
      if (!entry.place) continue;
      const known = byFile.get(entry.file);
      if (known) known.push(entry);
      else byFile.set(entry.file, [entry]);
    }
    const places = new Map<T, LineColumn>();
    for (const [file, members] of byFile) locateInFile(this.#reader.read(file), members, places);
    return places;
  }
}

function placeless(text: string): ManifestWarning {
  return { file: "", line: undefined, column: undefined, text };
}

function locateInFile<T extends Pending>(bytes: Uint8Array, entries: readonly T[], places: Map<T, LineColumn>): void {
  const json: T[] = [];
  const yaml: T[] = [];
  for (const entry of entries) (formatOf(entry) === "json" ? json : yaml).push(entry);
  if (json.length > 0) lineColumns(json, jsonOffsets(bytes, json), new ByteLines(bytes), places);
  if (yaml.length > 0) {
    const text = utf8Text(bytes);
    lineColumns(yaml, yamlOffsets(text, yaml), new TextLines(text), places);
  }
}

function formatOf(entry: Pending): "json" | "yaml" {
  return "origin" in entry.place! ? entry.place.origin.format : entry.place!.format;
}

function jsonOffsets(bytes: Uint8Array, entries: readonly Pending[]): number[] {
  const offsets = new Array<number>(entries.length).fill(0);
  const byStart = new Map<number, { index: number; query: LocateQuery }[]>();
  entries.forEach(({ place }, index) => {
    if (!place || !("origin" in place)) {
      offsets[index] = place?.offset ?? 0;
      return;
    }
    const query = { path: [...place.origin.prefix, ...place.path], target: place.target };
    const known = byStart.get(place.origin.at);
    if (known) known.push({ index, query });
    else byStart.set(place.origin.at, [{ index, query }]);
  });
  for (const [at, wanted] of byStart) {
    const found = locateInJson(
      bytes,
      at,
      wanted.map(({ query }) => query),
    );
    wanted.forEach(({ index }, i) => {
      offsets[index] = found[i]!;
    });
  }
  return offsets;
}

function yamlOffsets(text: string, entries: readonly Pending[]): number[] {
  const offsets = new Array<number>(entries.length).fill(0);
  const byPiece = new Map<number, { end: number; wanted: { index: number; document: number; query: LocateQuery }[] }>();
  entries.forEach(({ place }, index) => {
    if (!place || !("origin" in place)) {
      offsets[index] = place?.offset ?? 0;
      return;
    }
    const { origin, target } = place;
    if (origin.format !== "yaml") return;
    const wanted = { index, document: origin.document, query: { path: [...origin.prefix, ...place.path], target } };
    const known = byPiece.get(origin.at);
    if (known) known.wanted.push(wanted);
    else byPiece.set(origin.at, { end: origin.end, wanted: [wanted] });
  });
  for (const [at, { end, wanted }] of byPiece) {
    const places = new YamlPlaces(text.slice(at, end));
    for (const { index, document, query } of wanted) offsets[index] = at + places.locate(document, query);
  }
  return offsets;
}

interface Lines {
  /** Offset behind the next line feed at or after `from`, or -1. */
  nextLine(from: number): number;
  /** Characters between two offsets of one line. */
  width(from: number, to: number): number;
}

class ByteLines implements Lines {
  readonly #bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  nextLine(from: number): number {
    return this.#bytes.indexOf(0x0a, from) + 1 || -1;
  }
  width(from: number, to: number): number {
    return utf8Text(this.#bytes, from, to).length;
  }
}

class TextLines implements Lines {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  nextLine(from: number): number {
    return this.#text.indexOf("\n", from) + 1 || -1;
  }
  width(from: number, to: number): number {
    return to - from;
  }
}

function lineColumns<T>(
  entries: readonly T[],
  offsets: readonly number[],
  lines: Lines,
  places: Map<T, LineColumn>,
): void {
  const order = entries.map((_, index) => index).sort((a, b) => offsets[a]! - offsets[b]!);
  let line = 1;
  let lineStart = 0;
  for (const index of order) {
    const offset = offsets[index]!;
    for (let next = lines.nextLine(lineStart); next !== -1 && next <= offset; next = lines.nextLine(next)) {
      line++;
      lineStart = next;
    }
    places.set(entries[index]!, { line, column: lines.width(lineStart, offset) + 1 });
  }
}
