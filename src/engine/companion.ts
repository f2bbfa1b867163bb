import { readFile } from "node:fs/promises";
import { instantiate } from "@assemblyscript/loader";
import { EngineError } from "../errors.js";
import type { EngineExports } from "./load.js";

type CompiledModule = Awaited<ReturnType<typeof instantiate>>["module"];

const compiled = new Map<string, CompiledModule>();

/**
 * Starts a second WebAssembly module on an engine's memory. It imports `env.memory` and `engine.process` and may write only where the
 * engine lets its host write (docs/abi.md: Ownership).
 * @param functions names that it must export   @param process what it gets instead of the engine's own `process`
 * @throws {EngineError} where the file is missing, needs other imports or lacks an export
 */
export async function instantiateCompanion<Exports extends object>(
  wasmFile: string,
  engine: EngineExports,
  functions: readonly (keyof Exports & string)[],
  process: (count: number) => number = unwrapped(engine.process),
): Promise<Exports> {
  let module = compiled.get(wasmFile);
  const source = module ?? (await readModule(wasmFile));
  const imports = { env: { memory: engine.memory }, engine: { process } };
  const started = await instantiate<Record<string, unknown>>(source, imports).catch((cause: unknown) => {
    const expected = "expected a module that imports the engine's memory and its `process` alone";
    throw new EngineError(`${wasmFile}: cannot be instantiated, ${expected}`, { cause });
  });
  module ??= started.module;
  const missing = functions.filter((name) => typeof started.exports[name] !== "function");
  if (missing.length > 0) throw new EngineError(`${wasmFile}: exports no ${missing.join(", ")}; build both together`);
  compiled.set(wasmFile, module);
  return started.exports as Exports;
}

/** The loader wraps exports in JavaScript functions; without the wrapper one module calls the other directly. */
function unwrapped<F extends (...args: never[]) => unknown>(call: F & { readonly original?: F }): F {
  return call.original ?? call;
}

async function readModule(wasmFile: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return Uint8Array.from(await readFile(wasmFile));
  } catch (cause) {
    throw new EngineError(`${wasmFile}: cannot be read, expected what \`npm run build\` makes`, { cause });
  }
}
