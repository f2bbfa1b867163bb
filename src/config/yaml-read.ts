import {
  CORE_SCHEMA,
  constructFromEvents,
  EVENT_ID,
  type Event,
  getScalarValue,
  mergeTag,
  parseEvents,
  YAMLException,
} from "js-yaml";
import { DEEPEST_NESTING } from "./json-walk.js";
import type { LocateQuery, PathStep } from "./origin.js";

const SCHEMA = CORE_SCHEMA.withTags(mergeTag);
const MOST_ALIASES = 10_000;
/** Values after alias expansion that one document may stand for, beyond those that it writes out. */
const MOST_EXPANDED = 1_000_000;

/** YAML that cannot be taken: character offset, what is wrong, what is expected. */
export interface YamlFault {
  readonly offset: number;
  readonly found: string;
  readonly expected: string;
}

export interface YamlDocuments {
  /** One value per document of the file, `undefined` for a document with a fault. */
  readonly values: readonly unknown[];
  readonly faults: readonly YamlFault[];
}

/**
 * Reads all documents of a YAML text (1.2 core types and merge keys; no other tags). A fault of one document does not hide the others, a fault
 * of the syntax does. Aliases are bounded in number and in what they expand to.
 */
export function readYaml(text: string): YamlDocuments {
  const events = eventsOf(text);
  if (!Array.isArray(events)) return { values: [], faults: [events] };
  const values: unknown[] = [];
  const faults: YamlFault[] = [];
  for (const [from, to] of documentRanges(events)) {
    const value = construct(events.slice(from, to), text);
    if (isFault(value)) faults.push(value.fault);
    values.push(isFault(value) ? undefined : value.value);
  }
  return { values, faults };
}

function eventsOf(text: string): Event[] | YamlFault {
  try {
    return parseEvents(text, { filename: "", maxDepth: DEEPEST_NESTING });
  } catch (error) {
    return faultOf(error);
  }
}

function faultOf(error: unknown): YamlFault {
  if (error instanceof YAMLException) {
    return { offset: error.mark?.position ?? 0, found: error.reason, expected: expectationOf(error.reason) };
  }
  return { offset: 0, found: error instanceof Error ? error.message : String(error), expected: "readable YAML" };
}

function expectationOf(reason: string): string {
  if (/duplicat/i.test(reason)) return "each key once";
  if (/tag/i.test(reason)) return "no tags beyond those of YAML's core schema";
  return "well-formed YAML";
}

type Constructed = { readonly value: unknown } | { readonly fault: YamlFault };

function isFault(result: Constructed): result is { readonly fault: YamlFault } {
  return "fault" in result;
}

function construct(events: Event[], text: string): Constructed {
  try {
    const [value] = constructFromEvents(events, { source: text, schema: SCHEMA, maxAliases: MOST_ALIASES });
    const alias = events.find((event) => event.type === EVENT_ID.ALIAS);
    if (!alias || expandedSize(value) <= MOST_EXPANDED + events.length) return { value };
    const found = `an alias that expands to more than ${MOST_EXPANDED} values`;
    return {
      fault: {
        offset: alias.type === EVENT_ID.ALIAS ? alias.anchorStart - 1 : 0,
        found,
        expected: "aliases that stay small",
      },
    };
  } catch (error) {
    return { fault: faultOf(error) };
  }
}

/** Values in `value` when every shared part is counted wherever it appears; linear in what is really there. */
function expandedSize(value: unknown): number {
  const sizes = new Map<object, number>();
  return sizeOf(value);

  function sizeOf(part: unknown): number {
    if (typeof part !== "object" || part === null) return 1;
    const known = sizes.get(part);
    if (known !== undefined) return known;
    sizes.set(part, Number.POSITIVE_INFINITY); // an anchor that contains its own alias never ends
    let size = 1;
    for (const child of Object.values(part)) size += sizeOf(child);
    sizes.set(part, size);
    return size;
  }
}

function documentRanges(events: readonly Event[]): [number, number][] {
  const ranges: [number, number][] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < events.length; i++) {
    const type = events[i]!.type;
    if (type === EVENT_ID.DOCUMENT) from = i;
    if (type === EVENT_ID.DOCUMENT || type === EVENT_ID.MAPPING || type === EVENT_ID.SEQUENCE) depth++;
    if (type === EVENT_ID.POP && --depth === 0) ranges.push([from, i + 1]);
  }
  return ranges;
}

/** Fields of a mapping by name: events of key and value; and the values of its merge keys. */
interface Fields {
  readonly byName: Map<string, { readonly key: number; readonly value: number }>;
  readonly merges: number[];
}

/** Finds places in a YAML text again, by document and path. Made only for files that something is to be said about. */
export class YamlPlaces {
  readonly #text: string;
  readonly #events: readonly Event[];
  readonly #documents: readonly [number, number][];
  /** For each collection's event the index of its closing event. */
  readonly #closing: Int32Array;
  readonly #anchors = new Map<string, number[]>();
  /** By collection's event: what it holds, once anybody has asked; many places may lie in one large collection. */
  readonly #members = new Map<number, readonly number[]>();
  readonly #fields = new Map<number, Fields>();

  /** @param text as given to `readYaml`, which has found no fault in its syntax */
  constructor(text: string) {
    const events = eventsOf(text);
    this.#text = text;
    this.#events = Array.isArray(events) ? events : [];
    this.#documents = documentRanges(this.#events);
    this.#closing = new Int32Array(this.#events.length);
    this.#index();
  }

  #index(): void {
    const open: number[] = [];
    for (let i = 0; i < this.#events.length; i++) {
      const event = this.#events[i]!;
      if (event.type === EVENT_ID.POP) {
        this.#closing[open.pop()!] = i;
        continue;
      }
      this.#closing[i] = i;
      if (event.type !== EVENT_ID.SCALAR && event.type !== EVENT_ID.ALIAS) open.push(i);
      if ("anchorStart" in event && event.type !== EVENT_ID.ALIAS && event.anchorStart >= 0) {
        const name = this.#text.slice(event.anchorStart, event.anchorEnd);
        const known = this.#anchors.get(name);
        if (known) known.push(i);
        else this.#anchors.set(name, [i]);
      }
    }
  }

  /** Character offset of the wanted value or key in document `document`, or of the deepest value on the way that exists. */
  locate(document: number, query: LocateQuery): number {
    const range = this.#documents[document];
    if (!range) return 0;
    let node = range[0] + 1;
    let offset = Math.max(0, this.#offsetOf(node));
    for (let i = 0; i < query.path.length; i++) {
      const child = this.#child(this.#dereference(node), query.path[i]!);
      if (!child) return offset;
      const wantsKey = i === query.path.length - 1 && query.target === "key";
      const valueOffset = this.#offsetOf(child.value);
      const found = wantsKey || valueOffset < 0 ? this.#offsetOf(child.key) : valueOffset;
      // A member of a list that is not written out is where its list is.
      if (found >= 0) offset = found;
      node = child.value;
    }
    return offset;
  }

  /** @returns -1 for a value that is not written out (`key:` and nothing behind it) */
  #offsetOf(index: number): number {
    const event = this.#events[index];
    if (!event || event.type === EVENT_ID.POP || event.type === EVENT_ID.DOCUMENT) return 0;
    if (event.type === EVENT_ID.ALIAS) return event.anchorStart - 1;
    if (event.type !== EVENT_ID.SCALAR) return event.start;
    if (event.valueStart < 0) return -1;
    const quoted = this.#text[event.valueStart - 1];
    return quoted === '"' || quoted === "'" ? event.valueStart - 1 : event.valueStart;
  }

  #dereference(index: number): number {
    const event = this.#events[index];
    if (event?.type !== EVENT_ID.ALIAS) return index;
    const places = this.#anchors.get(this.#text.slice(event.anchorStart, event.anchorEnd)) ?? [];
    return places.findLast((place) => place < index) ?? index;
  }

  /** @param seen mappings that do not have it: merge keys may lead to one of them by many ways, and in circles */
  #child(index: number, step: PathStep, seen = new Set<number>()): { key: number; value: number } | undefined {
    const event = this.#events[index];
    if (event?.type === EVENT_ID.SEQUENCE && typeof step === "number") {
      const place = this.#membersOf(index)[step];
      return place === undefined ? undefined : { key: place, value: place };
    }
    if (event?.type !== EVENT_ID.MAPPING || seen.has(index)) return undefined;
    seen.add(index);
    const { byName, merges } = this.#fieldsOf(index);
    return byName.get(String(step)) ?? this.#merged(merges, step, seen);
  }

  #membersOf(index: number): readonly number[] {
    const known = this.#members.get(index);
    if (known) return known;
    const members: number[] = [];
    for (let place = index + 1; place < this.#closing[index]!; place = this.#closing[place]! + 1) members.push(place);
    this.#members.set(index, members);
    return members;
  }

  #fieldsOf(index: number): Fields {
    const known = this.#fields.get(index);
    if (known) return known;
    const fields: Fields = { byName: new Map(), merges: [] };
    for (let key = index + 1; key < this.#closing[index]!; ) {
      const value = this.#closing[key]! + 1;
      const name = this.#keyName(key);
      if (name !== undefined && !fields.byName.has(name)) fields.byName.set(name, { key, value });
      if (name === "<<") fields.merges.push(value);
      key = this.#closing[value]! + 1;
    }
    this.#fields.set(index, fields);
    return fields;
  }

  #keyName(index: number): string | undefined {
    const event = this.#events[index];
    return event?.type === EVENT_ID.SCALAR ? getScalarValue(this.#text, event) : undefined;
  }

  #merged(merges: readonly number[], step: PathStep, seen: Set<number>): { key: number; value: number } | undefined {
    for (const merge of merges) {
      const source = this.#dereference(merge);
      if (this.#events[source]?.type !== EVENT_ID.SEQUENCE) {
        const found = this.#child(source, step, seen);
        if (found) return found;
        continue;
      }
      for (let place = source + 1; place < this.#closing[source]!; place = this.#closing[place]! + 1) {
        const found = this.#child(this.#dereference(place), step, seen);
        if (found) return found;
      }
    }
    return undefined;
  }
}
