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
  if (Buffer.compare(bytes.subarray(0, 8), Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)) !== 0)
    throw new Error("no WebAssembly module of version 1");
  const sections = new Map<number, Reader>();
  const module = new Reader(bytes, 8);
  while (!module.isAtEnd) {
    const id = module.byte();
    sections.set(id, module.piece(module.number()));
  }
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

function signature(reader: Reader): { parameters: string[]; results: string[] } {
  if (reader.byte() !== 0x60) throw new Error("a type that is no function's");
  const valueType = (one: Reader) => VALUE_TYPES[one.byte()] ?? "unknown";
  return { parameters: reader.list(valueType), results: reader.list(valueType) };
}

class Reader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new Error("the module is cut");
    return byte;
  }

  /** Unsigned LEB128 of 32 bits. */
  number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  piece(length: number): Reader {
    if (this.#at + length > this.#bytes.length) throw new Error("the module is cut");
    const reader = new Reader(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    return reader;
  }

  text(): string {
    const length = this.number();
    const text = Buffer.from(this.#bytes.subarray(this.#at, this.#at + length)).toString("utf8");
    this.#at += length;
    return text;
  }

  list<T>(read: (reader: Reader) => T): T[] {
    return Array.from({ length: this.number() }, () => read(this));
  }
}
