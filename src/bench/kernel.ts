import { readFile } from "node:fs/promises";
import { instantiate } from "@assemblyscript/loader";
import { EngineError } from "../errors.js";
import { packageFile } from "../platform/node/wasm.js";
import { FRAME_BYTES } from "./frames.js";

/** What `reference.wasm` exports (assembly/bench/index.ts). */
export interface KernelExports extends Record<string, unknown> {
  readonly memory: { readonly buffer: ArrayBuffer };
  configure(connections: number, frames: number): number;
  learn(count: number, length: number, address: number): number;
  single(first: number, count: number, length: number, now: number): number;
  batched(first: number, count: number, length: number, now: number): number;
  layoutFill(connections: number, kind: number): number;
  layoutClear(): void;
  layoutInsert(first: number, count: number): number;
  layoutLookup(count: number, start: number, ahead: number, absent: number): number;
  layoutFind(key: number): number;
  layoutUsed(): number;
  layoutMoved(): number;
}

/** 203.0.113.200 as it lies in memory. */
const NEW_SOURCE = 0xc87100cb;

/** The fixed reference kernel (assembly/bench/reference.ts) with frames to run over. */
export class ReferenceKernel {
  readonly #exports: KernelExports;
  readonly #frames: Uint8Array;
  readonly #pristine: Uint8Array;
  readonly #count: number;
  #now = 1;

  private constructor(exports: KernelExports, framesAt: number, pristine: Uint8Array) {
    this.#exports = exports;
    this.#pristine = pristine;
    this.#count = pristine.length / FRAME_BYTES;
    this.#frames = new Uint8Array(exports.memory.buffer, framesAt, pristine.length);
  }

  /**
   * Starts a kernel that knows the connections of `frames`.
   * @param frames of FRAME_BYTES each, as the endpoints send them   @param connections distinct ones that it shall know
   * @param lots further frames, one of each connection, where `frames` are not of all of them
   * @throws {EngineError} where the kernel is not built, has no memory, or finds another number of connections
   */
  static async create(
    frames: Uint8Array,
    connections: number,
    lots: Iterable<Uint8Array> = [frames],
  ): Promise<ReferenceKernel> {
    const exports = await instantiateKernel();
    const framesAt = exports.configure(connections, frames.length / FRAME_BYTES) >>> 0;
    if (framesAt === 0) throw new EngineError(`reference kernel: no memory for ${connections} connections`);
    const kernel = new ReferenceKernel(exports, framesAt, frames);
    let made = 0;
    let learnt = 0;
    for (const lot of lots) {
      kernel.#frames.set(lot);
      const count = lot.length / FRAME_BYTES;
      // Its replies' addresses count up with its frames; the next lot's go on from there.
      made += exports.learn(count, FRAME_BYTES, NEW_SOURCE + learnt);
      learnt += count;
    }
    if (made !== connections * 2) {
      throw new EngineError(`reference kernel: made ${made} entries, expected ${connections * 2}`);
    }
    return kernel;
  }

  /** Puts the frames back as they were before they were translated. */
  restore(): void {
    this.#frames.set(this.#pristine);
  }

  /** The frames as the last pass left them. */
  get frames(): Uint8Array {
    return this.#frames;
  }

  /** Translates every frame once, `batch` per call. @returns frames translated */
  pass(batch: number): number {
    const { single, batched } = this.#exports;
    const run = batch === 1 ? single : batched;
    const now = ++this.#now;
    let done = 0;
    for (let first = 0; first < this.#count; first += batch) {
      done += run(first, Math.min(batch, this.#count - first), FRAME_BYTES, now);
    }
    return done;
  }
}

type CompiledModule = Awaited<ReturnType<typeof instantiate>>["module"];

/** Compiled once, as the engine is: a second instance does not start in V8's first, quick code again. */
let compiled: CompiledModule | undefined;

/** A fresh instance, with a memory of its own. @throws {EngineError} where the kernel has not been built */
export async function instantiateKernel(): Promise<KernelExports> {
  const { module, exports } = await instantiate<KernelExports>(compiled ?? (await kernelBytes()));
  compiled = module;
  return exports;
}

async function kernelBytes(): Promise<Uint8Array<ArrayBuffer>> {
  const file = packageFile("build", "reference.wasm");
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new EngineError(`${file}: cannot be read, expected the kernel that \`npm run build\` makes`, { cause });
  });
  return Uint8Array.from(bytes);
}
