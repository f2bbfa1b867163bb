import type { ModuleFigures } from "./figures.js";

const SECTION_MEMORY = 5;
const SECTION_CODE = 10;
const SECTION_DATA = 11;
const HEADER_SIZE = 8;
const I32_CONST = 0x41;
const END = 0x0b;

/** Reads numbers of WebAssembly's binary format one after the other. */
class Reader {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte(): number {
    return this.bytes[this.at++]!;
  }

  /** Unsigned LEB128 of at most 32 bits; of a signed one the length is right. */
  number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }
}

/** What a runtime has to do with a module before there is an instance of it. @throws Error where a segment is none of the compiler's */
export function moduleFigures(wasm: Uint8Array): ModuleFigures {
  const sections = sectionsOf(wasm);
  const code = sections.get(SECTION_CODE)?.length ?? 0;
  const memory = sections.get(SECTION_MEMORY);
  return {
    bytes: wasm.length,
    code,
    data: dataBytes(sections.get(SECTION_DATA)),
    memory: memory ? new Reader(memory, 2).number() : 0,
  };
}

function sectionsOf(wasm: Uint8Array): Map<number, Uint8Array> {
  const sections = new Map<number, Uint8Array>();
  const reader = new Reader(wasm, HEADER_SIZE);
  while (reader.at < wasm.length) {
    const id = reader.byte();
    const size = reader.number();
    sections.set(id, wasm.subarray(reader.at, reader.at + size));
    reader.at += size;
  }
  return sections;
}

/** Bytes of all active segments at constant addresses. */
function dataBytes(section: Uint8Array | undefined): number {
  if (!section) return 0;
  const reader = new Reader(section);
  let total = 0;
  for (let left = reader.number(); left > 0; left--) {
    const kind = [reader.byte(), reader.byte()];
    reader.number();
    if (kind[0] !== 0 || kind[1] !== I32_CONST || reader.byte() !== END)
      throw new Error(`data segment of kind ${kind.join(" ")}, expected one at a constant address of memory 0`);
    const size = reader.number();
    total += size;
    reader.at += size;
  }
  return total;
}
