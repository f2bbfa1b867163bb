import * as abi from "../../assembly/abi.js";
import { encodeEngineConfig } from "../../src/engine/engine-config.js";
import { type EngineExports, instantiateEngine } from "../../src/engine/load.js";

/** Every code that an exported function may answer with instead of a count. */
export const ERROR_CODES: ReadonlySet<number> = new Set(
  Object.entries(abi).flatMap(([name, code]) => (name.startsWith("ERROR_") ? [code] : [])),
);

/** What a frame record says; times are nanoseconds since the epoch. */
export interface RecordFields {
  readonly offset: number;
  readonly captured: number;
  readonly wire: number;
  readonly hook: number;
  readonly link: number;
  readonly flags: number;
  readonly timeNs: bigint;
}

/** The engine as its exports show it, without the host class in between: what docs/abi.md promises is all that holds here. */
export class RawEngine {
  readonly exports: EngineExports;

  private constructor(exports: EngineExports) {
    this.exports = exports;
  }

  /** @param config bytes of a configuration record   @param wasmFile another build of the engine */
  static async start(config: Uint8Array, wasmFile?: string): Promise<RawEngine> {
    const exports = await instantiateEngine(wasmFile);
    new Uint8Array(exports.memory.buffer, exports.configAt() >>> 0, abi.CONFIG_SIZE).set(config);
    return new RawEngine(exports);
  }

  /** Configured, with a policy in force. @throws Error where the engine refuses either */
  static async ready(
    config: Parameters<typeof encodeEngineConfig>[0],
    blob: Uint8Array,
    wasmFile?: string,
  ): Promise<RawEngine> {
    const engine = await RawEngine.start(encodeEngineConfig(config), wasmFile);
    for (const code of [engine.exports.configure(), engine.loadPolicy(blob)]) {
      if (code !== abi.OK) throw new Error(`the engine answers ${code} before the first frame`);
    }
    return engine;
  }

  get memorySize(): number {
    return this.exports.memory.buffer.byteLength;
  }

  region(id: number): Uint8Array {
    const { exports } = this;
    return new Uint8Array(exports.memory.buffer, exports.regionAt(id) >>> 0, exports.regionSize(id) >>> 0);
  }

  view(id: number): DataView {
    const { buffer, byteOffset, byteLength } = this.region(id);
    return new DataView(buffer, byteOffset, byteLength);
  }

  loadPolicy(blob: Uint8Array): number {
    this.region(abi.REGION_ARENA).set(blob);
    return this.exports.loadPolicy(0, blob.length);
  }
}

/** Writes frame record `i` of a view onto `REGION_FRAMES`. */
export function putRecord(frames: DataView, i: number, fields: RecordFields): void {
  const at = i * abi.FRAME_SIZE;
  frames.setUint32(at + abi.FRAME_OFFSET_AT, fields.offset, true);
  frames.setUint32(at + abi.FRAME_CAPTURED_AT, fields.captured, true);
  frames.setUint32(at + abi.FRAME_WIRE_AT, fields.wire, true);
  frames.setUint8(at + abi.FRAME_HOOK_AT, fields.hook);
  frames.setUint8(at + abi.FRAME_LINK_AT, fields.link);
  frames.setUint16(at + abi.FRAME_FLAGS_AT, fields.flags, true);
  frames.setBigUint64(at + abi.FRAME_TIME_AT, fields.timeNs, true);
}
