import { CODES, type CodeFamily, RECORDS, type RecordFamily } from "./families.js";
import type { SourceConstant, SourceFunction } from "./source.js";

/** Types of fields; `rows` are records of their own that follow. */
export type FieldType = "u8" | "u16" | "u32" | "u64" | "rows";

export interface AbiField {
  /** Of the constant, without the record's prefix and in lower case. */
  readonly name: string;
  readonly constant: string;
  readonly offset: number;
  readonly type: FieldType;
  /** More than one: a list of that type. */
  readonly count: number;
  readonly meaning?: string;
}

export interface AbiRecord {
  readonly name: string;
  /** Region, section or function that leads to it. */
  readonly where: string;
  readonly writer: "host" | "engine";
  readonly sizeConstant?: string;
  readonly size?: number;
  readonly fields: readonly AbiField[];
}

export interface AbiCode {
  readonly constant: string;
  readonly value: number;
  /** Of actions and reasons: the name that reports and metrics print. */
  readonly label?: string;
  readonly meaning?: string;
}

export interface AbiCodes {
  readonly name: string;
  readonly title: string;
  readonly codes: readonly AbiCode[];
}

/** Everything of the ABI that a program can use: `abi/abi.json`. */
export interface AbiDescription {
  readonly schema: "sluicegate.io/abi/v1";
  readonly abiVersion: number;
  readonly blobVersion: number;
  readonly byteOrder: "little-endian";
  /** Name of the exported memory. */
  readonly memory: string;
  readonly functions: readonly SourceFunction[];
  readonly records: readonly AbiRecord[];
  readonly codes: readonly AbiCodes[];
}

/** Bytes of one number of a type. */
export const TYPE_BYTES: Readonly<Record<FieldType, number>> = { u8: 1, u16: 2, u32: 4, u64: 8, rows: 0 };

/**
 * @param meanings by name of the constant, see `readMeanings`
 * @throws {Error} for a constant that is in no family, a field whose comment begins with no type, and fields that overlap or are outside
 */
export function describeAbi(
  constants: readonly SourceConstant[],
  functions: readonly SourceFunction[],
  meanings: ReadonlyMap<string, string> = new Map(),
): AbiDescription {
  const values = new Map(constants.map(({ name, value }) => [name, value]));
  const meaningOf = (name: string) => {
    const meaning = meanings.get(name);
    return meaning === undefined || meaning === "" ? {} : { meaning };
  };
  const records = RECORDS.map((family) => recordOf(family, constants, values, meaningOf));
  const taken = new Set(
    records.flatMap(({ fields, sizeConstant }) => [sizeConstant, ...fields.map((f) => f.constant)]),
  );
  const left = constants.filter(({ name }) => !taken.has(name));
  const families = new Map<CodeFamily, AbiCode[]>(CODES.map((family) => [family, []]));
  for (const { name, value } of left) {
    const family = name.endsWith("_AT") ? undefined : CODES.find(({ matches }) => matches.test(name));
    if (!family) throw new Error(`${name}: is in no family of test/abi/families.ts`);
    const label = /^(?:ACTION|REASON)_(?!NONE$|COUNT$)(.+)$/.exec(name)?.[1];
    families.get(family)!.push({
      constant: name,
      value,
      ...(label !== undefined && { label: label.toLowerCase().replaceAll("_", "-") }),
      ...meaningOf(name),
    });
  }
  return {
    schema: "sluicegate.io/abi/v1",
    abiVersion: values.get("ABI_VERSION")!,
    blobVersion: values.get("BLOB_VERSION")!,
    byteOrder: "little-endian",
    memory: "memory",
    functions,
    records,
    codes: [...families].map(([{ name, title }, codes]) => ({ name, title, codes })),
  };
}

function recordOf(
  family: RecordFamily,
  constants: readonly SourceConstant[],
  values: ReadonlyMap<string, number>,
  meaningOf: (name: string) => { meaning?: string },
): AbiRecord {
  const fields = constants
    .filter(({ name }) => isFieldOf(family, name))
    .map(({ name, value, comment }) => ({
      name: name.slice(family.prefix.length, -"_AT".length).toLowerCase(),
      constant: name,
      offset: value,
      ...typeOf(name, comment),
      ...meaningOf(name),
    }))
    .sort((a, b) => a.offset - b.offset);
  const size = family.size === undefined ? undefined : values.get(family.size);
  if (family.size !== undefined && size === undefined) throw new Error(`${family.size}: is not there`);
  checkLayout(family.name, fields, size);
  return {
    name: family.name,
    where: family.where,
    writer: family.writer,
    ...(family.size !== undefined && { sizeConstant: family.size, size: size! }),
    fields,
  };
}

function isFieldOf(family: RecordFamily, name: string): boolean {
  if (!name.startsWith(family.prefix) || !name.endsWith("_AT")) return false;
  if (family.fields) return family.fields.includes(name.slice(family.prefix.length));
  return !RECORDS.some(({ prefix }) => prefix.length > family.prefix.length && name.startsWith(prefix));
}

const SCALAR = /^(u8|u16|u32|u64)\b/;
const LIST = /^(\d+) × (u8|u16|u32|u64)\b/;
const PAIRS = /^(\d+) × \{ u32, u32 \}/;
const BYTES = /^(?:(\d+) × )?(\d+) bytes\b/;

/** The type that a text begins with: of a comment in the source, or of the page's column. @throws {Error} where it begins with none */
export function typeOf(name: string, text: string): { type: FieldType; count: number } {
  const scalar = SCALAR.exec(text);
  if (scalar) return { type: scalar[1] as FieldType, count: 1 };
  const list = LIST.exec(text);
  if (list) return { type: list[2] as FieldType, count: Number(list[1]) };
  const pairs = PAIRS.exec(text);
  if (pairs) return { type: "u32", count: Number(pairs[1]) * 2 };
  const bytes = BYTES.exec(text);
  if (bytes) return { type: "u8", count: Number(bytes[1] ?? 1) * Number(bytes[2]) };
  if (/^rows\b/.test(text)) return { type: "rows", count: 1 };
  throw new Error(`${name}: "${text}" begins with no type`);
}

/** Two fields may share all their bytes, never some. */
function checkLayout(record: string, fields: readonly AbiField[], size: number | undefined): void {
  fields.forEach((field, i) => {
    const end = endOf(field);
    const next = fields[i + 1];
    if (size !== undefined && end > size)
      throw new Error(`${record}: ${field.constant} ends at ${end} of ${size} bytes`);
    if (!next || next.offset >= end || (next.offset === field.offset && endOf(next) === end)) return;
    throw new Error(`${record}: ${field.constant} ends at ${end}, ${next.constant} begins at ${next.offset}`);
  });
}

/** First byte behind a field. */
export function endOf({ offset, type, count }: Pick<AbiField, "offset" | "type" | "count">): number {
  return offset + TYPE_BYTES[type] * count;
}
