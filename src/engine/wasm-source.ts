import { instantiate } from "@assemblyscript/loader";
import { readModule } from "#platform/wasm.js";
import { EngineError } from "../errors.js";

/** A compiled `WebAssembly.Module`: what TypeScript knows of one differs between projects. */
export type CompiledModule = object;

type LoaderModule = Awaited<ReturnType<typeof instantiate>>["module"];

/** A module that is no file, or is to be compiled anew. */
export interface EngineCode {
  /** What errors call it. */
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A Wasm module: a path (in a browser a URL), which is compiled once, a `WebAssembly.Module`, or its bytes, compiled each time. */
export type WasmSource = string | URL | CompiledModule | ArrayBuffer | Uint8Array<ArrayBuffer> | EngineCode;

/** Compiled once however many engines a process starts: in the cluster topology each node is one. */
const compiled = /* @__PURE__ */ new Map<string, LoaderModule>();

/** An instance that was just started, and what its errors call the module. */
export interface Started {
  readonly name: string;
  readonly exports: Record<string, unknown>;
}

/**
 * Instantiates a module.
 * @param expected what errors say it should be
 * @throws {EngineError} where it cannot be read, is no WebAssembly or needs other imports
 */
export async function startModule(
  wasm: WasmSource,
  imports: Record<string, Record<string, unknown>>,
  expected: string,
): Promise<Started> {
  const path = typeof wasm === "string" ? wasm : wasm instanceof URL ? wasm.href : undefined;
  const name = path ?? ("name" in (wasm as object) ? (wasm as EngineCode).name : "Wasm module");
  const source = path === undefined ? codeOf(wasm as EngineCode) : (compiled.get(path) ?? (await readEngine(path)));
  const started = await instantiate<Record<string, unknown>>(source, imports).catch((cause: unknown) => {
    throw new EngineError(`${name}: cannot be instantiated, expected ${expected}`, { cause });
  });
  if (path !== undefined) compiled.set(path, started.module);
  return { name, exports: started.exports };
}

function codeOf(wasm: CompiledModule | EngineCode): LoaderModule | Uint8Array<ArrayBuffer> {
  return "name" in wasm && "bytes" in wasm ? (wasm as EngineCode).bytes : (wasm as LoaderModule);
}

/** @throws {EngineError} where there is no such file */
export async function readEngine(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readModule(path);
  } catch (cause) {
    throw new EngineError(`${path}: cannot be read, expected what \`npm run build\` makes`, { cause });
  }
}
