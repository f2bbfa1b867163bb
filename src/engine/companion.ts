import { EngineError } from "../errors.js";
import type { EngineExports } from "./load.js";
import { startModule, type WasmSource } from "./wasm-source.js";

/**
 * Starts a second WebAssembly module on an engine's memory. It imports `env.memory` and `engine.process` and may write only where the
 * engine lets its host write (docs/abi.md: Ownership).
 * @param functions names that it must export   @param process what it gets instead of the engine's own `process`
 * @throws {EngineError} where the file is missing, needs other imports or lacks an export
 */
export async function instantiateCompanion<Exports extends object>(
  wasm: WasmSource,
  engine: EngineExports,
  functions: readonly (keyof Exports & string)[],
  process: (count: number) => number = unwrapped(engine.process),
): Promise<Exports> {
  const imports = { env: { memory: engine.memory }, engine: { process } };
  const expected = "a module that imports the engine's memory and its `process` alone";
  const { name, exports } = await startModule(wasm, imports, expected);
  const missing = functions.filter((one) => typeof exports[one] !== "function");
  if (missing.length > 0) throw new EngineError(`${name}: exports no ${missing.join(", ")}; build both together`);
  return exports as Exports;
}

/** The loader wraps exports in JavaScript functions; without the wrapper one module calls the other directly. */
function unwrapped<F extends (...args: never[]) => unknown>(call: F & { readonly original?: F }): F {
  return call.original ?? call;
}
