const MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** Sections of a module by their numbers; of custom ones the last. @throws {Error} for what is no module */
export function wasmSections(bytes: Uint8Array): Map<number, WasmReader> {
  if (Buffer.compare(bytes.subarray(0, MODULE.length), MODULE) !== 0)
    throw new Error("no WebAssembly module of version 1");
  const sections = new Map<number, WasmReader>();
  const module = new WasmReader(bytes, MODULE.length);
  while (!module.isAtEnd) {
    const id = module.byte();
    sections.set(id, module.piece(module.number()));
  }
  return sections;
}

/** Reads values of WebAssembly's binary format (core specification, 5) one after the other. @throws {Error} at the end of what is there */
export class WasmReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new Error("the module is cut");
    return byte;
  }

  /** Unsigned LEB128 of 32 bits; of a signed one the length is right. */
  number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  piece(length: number): WasmReader {
    if (this.#at + length > this.#bytes.length) throw new Error("the module is cut");
    const reader = new WasmReader(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    return reader;
  }

  text(): string {
    const length = this.number();
    const text = Buffer.from(this.#bytes.subarray(this.#at, this.#at + length)).toString("utf8");
    this.#at += length;
    return text;
  }

  list<T>(read: (reader: WasmReader) => T): T[] {
    return Array.from({ length: this.number() }, () => read(this));
  }
}
