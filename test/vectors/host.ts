import { readFileSync } from "node:fs";
import type { AbiDescription } from "../abi/describe.js";

// The engine in the hands of a host that has engine.wasm and abi/abi.json, and no line of this package's own code.

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly [name: string]: ((...args: number[]) => number) | { readonly buffer: ArrayBuffer };
}

type Field = AbiDescription["records"][number]["fields"][number];

const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    compile(bytes: Uint8Array): Promise<object>;
    instantiate(module: object, imports: object): Promise<{ exports: Exports }>;
  };
};

const abi: AbiDescription = JSON.parse(readFileSync("abi/abi.json", "utf8"));

/** Value of a constant: an offset, a size or a code. */
export function constant(name: string): number {
  for (const { fields, sizeConstant, size } of abi.records) {
    if (sizeConstant === name) return size!;
    const field = fields.find((one) => one.constant === name);
    if (field) return field.offset;
  }
  const code = abi.codes.flatMap(({ codes }) => codes).find((one) => one.constant === name);
  if (!code) throw new Error(`abi.json has no ${name}`);
  return code.value;
}

/** Every code of a family: its constant, value, and printable name. */
export function codesOf(family: string): { constant: string; value: number; label?: string | undefined }[] {
  return abi.codes.find(({ name }) => name === family)!.codes.slice();
}

/** Printable name of an action or a reason; `none` for REASON_NONE. */
export function label(family: "action" | "reason", value: number): string {
  if (family === "reason" && value === constant("REASON_NONE")) return "none";
  return codesOf(family).find((code) => code.value === value)?.label ?? String(value);
}

export function fieldsOf(record: string): readonly Field[] {
  return abi.records.find(({ name }) => name === record)!.fields;
}

const SIZES: Readonly<Record<string, number>> = { u8: 1, u16: 2, u32: 4, u64: 8 };

export class Module {
  readonly #compiled: object;

  private constructor(compiled: object) {
    this.#compiled = compiled;
  }

  static async read(file = "build/engine.wasm"): Promise<Module> {
    return new Module(await WebAssembly.compile(readFileSync(file)));
  }

  async start(): Promise<Instance> {
    return new Instance((await WebAssembly.instantiate(this.#compiled, {})).exports);
  }
}

/** One instance: calls by name, regions by the name of their constant, fields by their names. */
export class Instance {
  readonly #exports: Exports;

  constructor(exports: Exports) {
    this.#exports = exports;
    if (this.call("abiVersion") !== abi.abiVersion) throw new Error("another ABI than abi.json's");
  }

  call(name: string, ...args: readonly number[]): number {
    return (this.#exports[name] as (...args: number[]) => number)(...args);
  }

  /** So many bytes of the memory, from an address on: a window. */
  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer, at, length);
  }

  region(name: string): { at: number; size: number } {
    const id = constant(name);
    return { at: this.call("regionAt", id) >>> 0, size: this.call("regionSize", id) >>> 0 };
  }

  /** A field of a record at `at`: a number, 64 bits as decimal text, bytes as hexadecimal. */
  get(at: number, { offset, type, count }: Field, index = 0): number | string {
    const view = new DataView(this.#exports.memory.buffer);
    if (type === "u8" && count > 1) return hex(this.bytes(at + offset, count));
    const place = at + offset + index * SIZES[type]!;
    if (type === "u8") return view.getUint8(place);
    if (type === "u16") return view.getUint16(place, true);
    if (type === "u32") return view.getUint32(place, true);
    return view.getBigUint64(place, true).toString();
  }

  put(at: number, { offset, type }: Field, value: number | string): void {
    const view = new DataView(this.#exports.memory.buffer);
    if (type === "u8") view.setUint8(at + offset, Number(value));
    else if (type === "u16") view.setUint16(at + offset, Number(value), true);
    else if (type === "u32") view.setUint32(at + offset, Number(value), true);
    else view.setBigUint64(at + offset, BigInt(value), true);
  }
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function unhex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "hex"));
}
