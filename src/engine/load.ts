import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { instantiate } from "@assemblyscript/loader";
import { ABI_VERSION } from "../../assembly/abi.js";
import { EngineError } from "../errors.js";

/** What `engine.wasm` exports (docs/abi.md). Numbers come back as signed 32-bit integers: addresses and sizes need `>>> 0`. */
export interface EngineExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  abiVersion(): number;
  configAt(): number;
  configure(): number;
  regionAt(id: number): number;
  regionSize(id: number): number;
  loadPolicy(offset: number, length: number): number;
  setGateway(node: number, state: number): number;
  setReachable(node: number, reachable: number): number;
  nodeLost(node: number): number;
  setOwnNode(node: number): number;
  locate(count: number): number;
  feedback(i: number, what: number): number;
  setActive(policy: number, zone: number, maskLow: number, maskHigh: number): number;
  process(count: number): number;
  advance(timeLow: number, timeHigh: number): number;
  passTime(timeLow: number, timeHigh: number): number;
  restore(): number;
}

const FUNCTIONS = [
  "abiVersion",
  "configAt",
  "configure",
  "regionAt",
  "regionSize",
  "loadPolicy",
  "setGateway",
  "setReachable",
  "nodeLost",
  "setOwnNode",
  "locate",
  "feedback",
  "setActive",
  "process",
  "advance",
  "passTime",
  "restore",
] as const;

/** An engine that is no file, or is to be compiled anew. */
export interface EngineCode {
  /** What errors call it. */
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

type CompiledModule = Awaited<ReturnType<typeof instantiate>>["module"];

/** Compiled once however many engines a process starts: in the cluster topology each node is one. */
const compiled = new Map<string, CompiledModule>();

/** @returns the path of a file of this package, wherever this module runs from (`dist/src/engine`, or the sources under a test runner) */
export function packageFile(...parts: string[]): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return join(folder, ...parts);
    if (folder === dirname(folder)) throw new EngineError(`${start}: no folder above it holds a package.json`);
  }
}

/**
 * Starts one engine: instantiates a file, compiled once, or bytes with no imports and checks that it speaks this host's ABI.
 * @param wasm default: the package's own build
 * @throws {EngineError} where the file is missing, is no WebAssembly, lacks an export or was built from another `assembly/abi.ts`
 */
export async function instantiateEngine(
  wasm: string | EngineCode = packageFile("build", "engine.wasm"),
): Promise<EngineExports> {
  if (typeof wasm !== "string") return (await start(wasm.name, wasm.bytes)).exports;
  const started = await start(wasm, compiled.get(wasm) ?? (await readEngine(wasm)));
  compiled.set(wasm, started.module);
  return started.exports;
}

async function start(
  name: string,
  source: CompiledModule | Uint8Array<ArrayBuffer>,
): Promise<{ module: CompiledModule; exports: EngineExports }> {
  const started = await instantiate<EngineExports & Record<string, unknown>>(source, {}).catch((cause: unknown) => {
    throw new EngineError(`${name}: cannot be instantiated, expected a WebAssembly module without imports`, { cause });
  });
  checkExports(name, started.exports);
  return started;
}

/** @throws {EngineError} where there is no such file */
export async function readEngine(wasmFile: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return Uint8Array.from(await readFile(wasmFile));
  } catch (cause) {
    throw new EngineError(`${wasmFile}: cannot be read, expected the engine that \`npm run build\` makes`, { cause });
  }
}

function checkExports(wasmFile: string, exports: EngineExports & Record<string, unknown>): void {
  const missing = FUNCTIONS.filter((name) => typeof exports[name] !== "function");
  if (missing.length > 0)
    throw new EngineError(`${wasmFile}: exports no ${missing.join(", ")}, expected Sluicegate's engine`);
  const version = exports.abiVersion() >>> 0;
  if (version !== ABI_VERSION) {
    throw new EngineError(
      `${wasmFile}: has ABI version ${version}, this host expects ${ABI_VERSION}; build both together`,
    );
  }
}
