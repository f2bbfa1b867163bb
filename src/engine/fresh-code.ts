import type { EngineCode } from "./load.js";

const NAME = new TextEncoder().encode("placement");
const NUMBER_BYTES = 4;
let made = 0;

/**
 * The same engine in bytes that were never compiled before: a custom section (WebAssembly core specification, 5.5.3) with a number of its
 * own ends them. V8 compiles equal bytes once and lets all who have them share the code, so that neither a build and its copy nor the
 * placements of one build would differ in where their code lies.
 */
export function freshCode({ name, bytes }: EngineCode): EngineCode {
  const section = [0, 1 + NAME.length + NUMBER_BYTES, NAME.length, ...NAME];
  const fresh = new Uint8Array(bytes.length + section.length + NUMBER_BYTES);
  fresh.set(bytes);
  fresh.set(section, bytes.length);
  new DataView(fresh.buffer).setUint32(bytes.length + section.length, made++, true);
  return { name, bytes: fresh };
}
