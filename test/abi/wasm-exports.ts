import { type WasmReader, wasmSections } from "../support/wasm-reader.js";

/** An exported function of a WebAssembly module, with types as the binary has them. */
export interface WasmFunction {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly results: readonly string[];
}

export interface WasmInterface {
  /** By name. */
  readonly functions: readonly WasmFunction[];
  /** Names of everything else that is exported, with its kind. */
  readonly others: readonly { readonly name: string; readonly kind: "table" | "memory" | "global" | "other" }[];
  readonly imports: number;
}

const VALUE_TYPES: Readonly<Record<number, string>> = { 127: "i32", 126: "i64", 125: "f32", 124: "f64", 123: "v128" };
const KINDS = ["function", "table", "memory", "global"] as const;

/** Reads types and exports out of a module (WebAssembly core specification, 5.5). @throws {Error} for what is no module */
export function wasmInterface(bytes: Uint8Array): WasmInterface {
  const sections = wasmSections(bytes);
  const types = sections.get(1)?.list(signature) ?? [];
  const typeOfFunction = sections.get(3)?.list((reader) => reader.number()) ?? [];
  const imports = sections.get(2)?.number() ?? 0;
  // With imports the first numbers are theirs; engine.wasm has none.
  const exported = sections
    .get(7)
    ?.list((reader) => ({ name: reader.text(), kind: reader.byte(), of: reader.number() }));
  const functions = (exported ?? [])
    .filter(({ kind }) => kind === 0)
    .map(({ name, of }) => ({ name, ...types[typeOfFunction[of - imports]!]! }));
  const others = (exported ?? [])
    .filter(({ kind }) => kind !== 0)
    .map(({ name, kind }) => ({ name, kind: (KINDS[kind] ?? "other") as WasmInterface["others"][number]["kind"] }));
  return { functions: functions.sort((a, b) => (a.name < b.name ? -1 : 1)), others, imports };
}

function signature(reader: WasmReader): { parameters: string[]; results: string[] } {
  if (reader.byte() !== 0x60) throw new Error("a type that is no function's");
  const valueType = (one: WasmReader) => VALUE_TYPES[one.byte()] ?? "unknown";
  return { parameters: reader.list(valueType), results: reader.list(valueType) };
}
