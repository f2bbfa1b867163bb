import { readFileSync } from "node:fs";
import type { EngineCode } from "../../src/engine/load.js";
import { packageFile } from "../../src/platform/node/wasm.js";

/** The memory section as the compiler writes it: one memory that begins with one page and may grow to 4 GiB. */
const UNLIMITED = [5, 3, 1, 0, 1];

/**
 * The engine with a maximum of `pages` in its memory section, so that any runtime refuses to let it grow beyond.
 * @throws Error where the module has not exactly one memory section of the expected form
 */
export function limitedEngine(pages: number): EngineCode {
  const wasm = readFileSync(packageFile("build", "engine.wasm"));
  const at = wasm.indexOf(Buffer.from(UNLIMITED));
  if (at < 0 || wasm.indexOf(Buffer.from(UNLIMITED), at + 1) >= 0)
    throw new Error(`engine.wasm: expected its memory section, ${UNLIMITED.join(" ")}, exactly once`);
  const maximum = [(pages & 0x7f) | 0x80, ((pages >> 7) & 0x7f) | 0x80, pages >> 14];
  const limited = [5, 3 + maximum.length, 1, 1, 1, ...maximum];
  const bytes = Uint8Array.from([...wasm.subarray(0, at), ...limited, ...wasm.subarray(at + UNLIMITED.length)]);
  return { name: `engine.wasm of at most ${pages} pages`, bytes };
}
