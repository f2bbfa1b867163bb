import { type AbiCodes, type AbiDescription, type AbiField, type AbiRecord, endOf } from "./describe.js";
import { CODES, RECORDS } from "./families.js";
import type { SourceFunction } from "./source.js";
import type { WasmInterface } from "./wasm-exports.js";

/** What a version of the ABI promised when it was frozen: `test/abi/vN.json`. */
export interface FrozenAbi {
  readonly abi: AbiDescription;
  /** Rows of the tables of vectors in docs/abi.md: the hashes that engines of one cluster share. */
  readonly hashVectors: readonly (readonly string[])[];
  /** Bytes of the saved state of an engine of a certain size, and offsets in it. */
  readonly state: Readonly<Record<string, number>>;
}

/**
 * What of a frozen version no longer holds, in the words of docs/abi.md (Versions). Nothing = every host made for the frozen one works with
 * the present one.
 */
export function brokenPromises(frozen: FrozenAbi, now: FrozenAbi): string[] {
  if (frozen.abi.abiVersion !== now.abi.abiVersion)
    return [`ABI_VERSION: was ${frozen.abi.abiVersion}, is ${now.abi.abiVersion}`];
  return [
    ...functionFaults(frozen.abi.functions, now.abi.functions),
    ...frozen.abi.records.flatMap((record) => recordFaults(record, now.abi.records)),
    ...frozen.abi.codes.flatMap((codes) => codeFaults(codes, now.abi.codes)),
    ...Object.entries(frozen.state).flatMap(([name, was]) =>
      now.state[name] === was ? [] : [`saved state: ${name} was ${was}, is ${now.state[name]}`],
    ),
    ...(sameData(frozen.hashVectors, now.hashVectors) ? [] : ["hashes: vectors differ"]),
    ...(frozen.abi.memory === now.abi.memory ? [] : [`memory: was ${frozen.abi.memory}, is ${now.abi.memory}`]),
  ];
}

/** In what a module is not the one that the description says: imports, other exports, functions of other types. */
export function moduleFaults({ functions, memory }: AbiDescription, wasm: WasmInterface): string[] {
  const shape = (parameters: readonly string[], results: readonly string[]) =>
    `(${parameters.join(", ")}): ${results.join(", ")}`;
  const wanted = new Map(
    functions.map(({ name, parameters }) => [
      name,
      shape(
        parameters.map(() => "i32"),
        ["i32"],
      ),
    ]),
  );
  const found = new Map(wasm.functions.map(({ name, parameters, results }) => [name, shape(parameters, results)]));
  const names = [...new Set([...wanted.keys(), ...found.keys()])];
  const others = wasm.others.filter(({ name, kind }) => name !== memory || kind !== "memory");
  return [
    ...(wasm.imports === 0 ? [] : [`imports: ${wasm.imports}, expected none`]),
    ...(wasm.others.length > others.length ? [] : [`${memory}: no memory of that name is exported`]),
    ...others.map(({ name, kind }) => `${name}: a ${kind} that nobody described is exported`),
    ...names.flatMap((name) => {
      const [is, should] = [found.get(name), wanted.get(name)];
      if (is === should) return [];
      return [`${name}(): is ${is ?? "not exported"}, expected ${should ?? "no such export"}`];
    }),
  ];
}

/** More functions are no fault: a host that wants one looks whether it is there. */
function functionFaults(frozen: readonly SourceFunction[], now: readonly SourceFunction[]): string[] {
  return frozen.flatMap((was) => {
    const is = now.find(({ name }) => name === was.name);
    if (!is) return [`${was.name}(): is gone`];
    return signature(was) === signature(is) ? [] : [`${was.name}(): was ${signature(was)}, is ${signature(is)}`];
  });
}

/** Names of parameters are for people: only number, order and types count. */
function signature({ parameters, result }: SourceFunction): string {
  return `(${parameters.map(({ type }) => type).join(", ")}): ${result}`;
}

function recordFaults(was: AbiRecord, records: readonly AbiRecord[]): string[] {
  const is = records.find(({ name }) => name === was.name);
  if (!is) return [`record ${was.name}: is gone`];
  const size = was.size === is.size ? [] : [`${was.sizeConstant ?? was.name}: was ${was.size}, is ${is.size}`];
  const moved = was.fields.flatMap((field) => {
    const present = is.fields.find(({ constant }) => constant === field.constant);
    if (!present) return [`${field.constant}: is gone`];
    return place(field) === place(present) ? [] : [`${field.constant}: was ${place(field)}, is ${place(present)}`];
  });
  const added = is.fields.filter(({ constant }) => !was.fields.some((field) => field.constant === constant));
  return [...size, ...moved, ...added.flatMap((field) => addedFieldFault(was, field))];
}

function place({ offset, type, count }: AbiField): string {
  return `${count === 1 ? "" : `${count} × `}${type} at ${offset}`;
}

/** A field may come where bytes were kept free, in records that say so. */
function addedFieldFault(was: AbiRecord, field: AbiField): string[] {
  const mayGrow = RECORDS.find(({ name }) => name === was.name)?.mayGrow ?? false;
  if (!mayGrow) return [`${field.constant}: is new, and record ${was.name} takes no new fields`];
  const other = was.fields.find((one) => one.offset < endOf(field) && field.offset < endOf(one));
  if (other) return [`${field.constant}: is new and lies in ${other.constant}`];
  return was.size !== undefined && endOf(field) > was.size
    ? [`${field.constant}: is new and ends behind the record`]
    : [];
}

function codeFaults(was: AbiCodes, now: readonly AbiCodes[]): string[] {
  const family = CODES.find(({ name }) => name === was.name);
  const present = now.find(({ name }) => name === was.name)?.codes ?? [];
  const changed = was.codes.flatMap(({ constant, value, label }) => {
    const is = present.find((code) => code.constant === constant);
    if (!is) return [`${constant}: is gone`];
    if (label !== is.label) return [`${constant}: was printed as ${label}, is as ${is.label}`];
    if (value === is.value || (constant === family?.bound && is.value > value)) return [];
    return [`${constant}: was ${value}, is ${is.value}`];
  });
  const known = new Set(was.codes.map(({ constant }) => constant));
  const added = present.filter(({ constant }) => !known.has(constant));
  if (added.length > 0 && family?.growth !== "open")
    return [...changed, ...added.map(({ constant }) => `${constant}: is new, and ${was.name} takes no new values`)];
  const values = new Map(was.codes.filter(({ constant }) => constant !== family?.bound).map((one) => [one.value, one]));
  const reused = added.filter(({ value }) => values.has(value));
  return [
    ...changed,
    ...reused.map(({ constant, value }) => `${constant}: is new and has the value of ${values.get(value)!.constant}`),
  ];
}

function sameData(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
