import { ownModule } from "#platform/wasm.js";
import { ABI_VERSION } from "../../assembly/abi.js";
import { EngineError } from "../errors.js";
import { startModule, type WasmSource } from "./wasm-source.js";

export { type EngineCode, readEngine, type WasmSource } from "./wasm-source.js";

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

/**
 * Starts one engine: instantiates a module with no imports and checks that it speaks this host's ABI.
 * @param wasm default: the package's own build
 * @throws {EngineError} where the file is missing, is no WebAssembly, lacks an export or was built from another `assembly/abi.ts`
 */
export async function instantiateEngine(wasm: WasmSource = ownModule("engine")): Promise<EngineExports> {
  const { name, exports } = await startModule(wasm, {}, "a WebAssembly module without imports");
  checkExports(name, exports as EngineExports & Record<string, unknown>);
  return exports as unknown as EngineExports;
}

function checkExports(name: string, exports: EngineExports & Record<string, unknown>): void {
  const missing = FUNCTIONS.filter((one) => typeof exports[one] !== "function");
  if (missing.length > 0)
    throw new EngineError(`${name}: exports no ${missing.join(", ")}, expected Sluicegate's engine`);
  const version = exports.abiVersion() >>> 0;
  if (version !== ABI_VERSION) {
    throw new EngineError(`${name}: has ABI version ${version}, this host expects ${ABI_VERSION}; build both together`);
  }
}
