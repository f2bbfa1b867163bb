import * as abi from "../../assembly/abi.js";
import { compilePolicy } from "../../src/engine/blob.js";
import { startEngine } from "../../src/engine/engine.js";
import type { EngineConfig } from "../../src/engine/engine-config.js";
import type { EngineExports } from "../../src/engine/load.js";
import { NOON } from "../engine/model.js";
import { firstFrame, gateModel } from "./cases.js";

// A start in this process's V8, compiled from bytes that it has never seen, beside a start of the reference kernel, which is fixed
// (docs/performance.md). The counts of the gate hold small changes; this is for what only a runtime does: compiling, growing the memory.

interface Statics {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

const { Module, Instance } = (globalThis as unknown as { WebAssembly: Statics }).WebAssembly;

/** Starts of the reference kernel that together take about as long as one of the engine. */
const YARDSTICKS = 8;
/** Turns that nothing comes of: the host's own code is warmed up in them. */
const WARM_UP = 5;

const POLICY = compilePolicy(gateModel());
const FRAME = firstFrame();
const TIME = [Number(NOON & 0xffff_ffffn), Number(NOON >> 32n)] as const;
let made = 0;

/** The module with a custom section of its own: V8 compiles equal bytes only once. */
function neverSeen(wasm: Uint8Array): Uint8Array {
  made++;
  return Uint8Array.of(...wasm, 0, 5, 1, 0x78, made & 0xff, (made >> 8) & 0xff, made >> 16);
}

/** @returns milliseconds from the module's bytes to the first frame that left */
function timeStart(wasm: Uint8Array, config: EngineConfig): number {
  const bytes = neverSeen(wasm);
  const began = performance.now();
  const engine = startEngine(config, new Instance(new Module(bytes), {}).exports as EngineExports);
  engine.loadPolicy(POLICY);
  engine.arena.set(FRAME.bytes);
  engine.setFrame(0, 0, FRAME.bytes.length, FRAME.bytes.length, FRAME.hook, abi.LINK_ETHERNET, 0, ...TIME);
  engine.process(1);
  const took = performance.now() - began;
  if (engine.action(0) !== abi.ACTION_SNAT)
    throw new Error(`the first frame has action ${engine.action(0)}, expected SNAT`);
  return took;
}

function timeYardstick(reference: Uint8Array): number {
  const modules = Array.from({ length: YARDSTICKS }, () => neverSeen(reference));
  const began = performance.now();
  for (const bytes of modules) new Instance(new Module(bytes), {});
  return performance.now() - began;
}

/**
 * The fastest start of the engine divided by the fastest one of the yardstick, of as many turns of both: whatever else the machine
 * does only ever makes one slower.
 */
export function startRatio(wasm: Uint8Array, reference: Uint8Array, config: EngineConfig, turns: number): number {
  let engine = Number.POSITIVE_INFINITY;
  let yardstick = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < WARM_UP + turns; turn++) {
    const ours = timeStart(wasm, config);
    const theirs = timeYardstick(reference);
    if (turn < WARM_UP) continue;
    engine = Math.min(engine, ours);
    yardstick = Math.min(yardstick, theirs);
  }
  return engine / yardstick;
}
