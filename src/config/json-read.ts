import { latin1Text } from "../net/text.js";
import { JsonFault, type JsonVisitor, keyText, skipSpace, walkJson } from "./json-walk.js";
import type { LocateQuery } from "./origin.js";

/** More objects than this in one file are taken for an attack: each costs memory. */
const MOST_ITEMS = 5_000_000;

/** One top-level JSON value and, where it is an object with a list under `items`, where that list and its members lie. */
export interface JsonDocument {
  readonly start: number;
  readonly end: number;
  /** From `[` to behind `]`. */
  readonly list: { readonly start: number; readonly end: number } | undefined;
  /** Start and end of each member in turn. */
  readonly items: readonly number[];
}

export interface JsonSplit {
  readonly documents: readonly JsonDocument[];
  /** A key that its object already has, by byte offset. */
  readonly duplicates: readonly { readonly offset: number; readonly key: string }[];
}

/**
 * Cuts JSON text (one value, or several one after the other) into the members of its lists, so that a dump of any size is
 * parsed member by member. A top-level list counts as a list of members, too.
 * @throws {JsonFault}
 */
export function splitJson(bytes: Uint8Array): JsonSplit {
  const documents: JsonDocument[] = [];
  const duplicates: { offset: number; key: string }[] = [];
  for (let at = skipSpace(bytes, 0); at < bytes.length; ) {
    const splitter = new Splitter(bytes, duplicates);
    const end = walkJson(bytes, at, splitter);
    documents.push({ start: at, end, list: splitter.list, items: splitter.items });
    at = skipSpace(bytes, end);
  }
  return { documents, duplicates };
}

const MOST_DUPLICATES = 1000;

class Splitter implements JsonVisitor {
  list: { start: number; end: number } | undefined;
  readonly items: number[] = [];
  readonly #bytes: Uint8Array;
  readonly #duplicates: { offset: number; key: string }[];
  /** Depth of the list's members, or -1 while outside of it. */
  #memberDepth = -1;
  #itemsComes = false;

  constructor(bytes: Uint8Array, duplicates: { offset: number; key: string }[]) {
    this.#bytes = bytes;
    this.#duplicates = duplicates;
  }

  key(depth: number, start: number, end: number): void {
    if (depth !== 1) return;
    this.#itemsComes = end - start === 7 && latin1Text(this.#bytes, start, end) === '"items"';
  }

  duplicateKey(_depth: number, start: number, end: number): void {
    if (this.#duplicates.length < MOST_DUPLICATES)
      this.#duplicates.push({ offset: start, key: keyText(this.#bytes, start, end) });
  }

  valueStart(depth: number, start: number): void {
    const isList = this.#bytes[start] === 0x5b;
    if (!isList || this.list || !(depth === 0 || (depth === 1 && this.#itemsComes))) return;
    this.list = { start, end: start };
    this.#memberDepth = depth + 1;
  }

  valueEnd(depth: number, start: number, end: number): void {
    if (depth === this.#memberDepth) {
      if (this.items.length >= 2 * MOST_ITEMS)
        throw new JsonFault(start, "one more list member", `at most ${MOST_ITEMS} in one file`);
      this.items.push(start, end);
    } else if (depth === this.#memberDepth - 1) {
      this.list!.end = end;
      this.#memberDepth = -1;
    }
  }
}

interface PathNode {
  readonly children: Map<string | number, PathNode>;
  readonly queries: LocateQuery[];
}

/**
 * Byte offsets of places inside the JSON value at `at`: of the value at the end of each path, or of its key, or of the deepest
 * value on the way that exists. One walk answers all queries.
 */
export function locateInJson(bytes: Uint8Array, at: number, queries: readonly LocateQuery[]): number[] {
  const offsets = new Map<LocateQuery, number>();
  walkJson(bytes, at, new Locator(bytes, at, queries, offsets));
  return queries.map((query) => offsets.get(query) ?? at);
}

class Locator implements JsonVisitor {
  readonly #bytes: Uint8Array;
  readonly #offsets: Map<LocateQuery, number>;
  /** Wanted places along the way to the present value; undefined = nothing wanted below. */
  readonly #nodes: (PathNode | undefined)[] = [];
  readonly #steps: (string | number)[] = [];

  constructor(bytes: Uint8Array, at: number, queries: readonly LocateQuery[], offsets: Map<LocateQuery, number>) {
    this.#bytes = bytes;
    this.#offsets = offsets;
    const root: PathNode = { children: new Map(), queries: [] };
    for (const query of queries) {
      offsets.set(query, at);
      let node = root;
      node.queries.push(query);
      for (const step of query.path) {
        let next = node.children.get(step);
        if (!next) {
          next = { children: new Map(), queries: [] };
          node.children.set(step, next);
        }
        next.queries.push(query);
        node = next;
      }
    }
    this.#nodes[0] = root;
  }

  key(depth: number, start: number, end: number): void {
    const parent = this.#nodes[depth - 1];
    if (!parent) return;
    const step = keyText(this.#bytes, start, end);
    this.#steps[depth] = step;
    for (const query of parent.children.get(step)?.queries ?? []) {
      if (query.target === "key" && query.path.length === depth) this.#offsets.set(query, start);
    }
  }

  valueStart(depth: number, start: number): void {
    if (depth > 0) {
      const parent = this.#nodes[depth - 1];
      this.#nodes[depth] = parent?.children.get(this.#steps[depth]!);
    }
    const isList = this.#bytes[start] === 0x5b;
    this.#steps[depth + 1] = isList ? 0 : "";
    for (const query of this.#nodes[depth]?.queries ?? []) {
      if (query.path.length === 0 || query.target === "value" || query.path.length > depth)
        this.#offsets.set(query, start);
    }
  }

  valueEnd(depth: number): void {
    const step = this.#steps[depth];
    if (typeof step === "number") this.#steps[depth] = step + 1;
  }
}
