import { type WasmReader, wasmSections } from "../support/wasm-reader.js";
import type { ModuleFigures } from "./figures.js";

const SECTION_MEMORY = 5;
const SECTION_CODE = 10;
const SECTION_DATA = 11;
const I32_CONST = 0x41;
const END = 0x0b;

/** What a runtime has to do with a module before there is an instance of it. @throws Error where a segment is none of the compiler's */
export function moduleFigures(wasm: Uint8Array): ModuleFigures {
  const sections = wasmSections(wasm);
  const data = sections.get(SECTION_DATA)?.list(segmentBytes) ?? [];
  return {
    bytes: wasm.length,
    code: sections.get(SECTION_CODE)?.left ?? 0,
    data: data.reduce((sum, bytes) => sum + bytes, 0),
    memory: sections.get(SECTION_MEMORY)?.list(firstPages)[0] ?? 0,
  };
}

/** Pages that a memory begins with. */
function firstPages(memory: WasmReader): number {
  const hasMaximum = memory.byte() & 1;
  const pages = memory.number();
  if (hasMaximum) memory.number();
  return pages;
}

/** Bytes of an active segment at a constant address. */
function segmentBytes(segment: WasmReader): number {
  const kind = [segment.byte(), segment.byte()];
  segment.number();
  if (kind[0] !== 0 || kind[1] !== I32_CONST || segment.byte() !== END)
    throw new Error(`data segment of kind ${kind.join(" ")}, expected one at a constant address of memory 0`);
  const size = segment.number();
  segment.piece(size);
  return size;
}
