import * as abi from "../../../assembly/abi.js";
import { readCounters } from "../../../src/engine/counters.js";
import { type EngineExports, instantiateEngine } from "../../../src/engine/load.js";
import { EngineMemory } from "../../../src/engine/memory.js";

/** A frame as a script gives it. */
export interface ProbeFrame {
  readonly hook: number;
  readonly link: number;
  readonly flags: number;
  readonly time: bigint;
  readonly wire: number;
  readonly tag: number;
  readonly offset: number;
  readonly captured: number;
  readonly bytes: Uint8Array;
}

/** What an engine said of a frame. */
export interface ProbeVerdict {
  readonly action: number;
  readonly reason: number;
  readonly flags: number;
  readonly length: number;
  readonly egress: number;
  readonly natPort: number;
  readonly oldEgress: number;
  readonly egressIP: Uint8Array;
  readonly target: Uint8Array;
  readonly inner: number;
  readonly node: number;
  readonly outer: Uint8Array;
  /** The frame's place in the arena afterwards. */
  readonly result: Uint8Array;
}

export interface ProbeGenerated {
  readonly frame: number;
  readonly egress: number;
  readonly packet: Uint8Array;
}

/** An engine by its raw calls, errors included; it reads with this package's own constants, not with abi.json as the runner does. */
export class Probe {
  readonly exports: EngineExports;

  private constructor(exports: EngineExports) {
    this.exports = exports;
  }

  static async start(): Promise<Probe> {
    return new Probe(await instantiateEngine());
  }

  configure(record: Uint8Array): number {
    new Uint8Array(this.exports.memory.buffer, this.exports.configAt() >>> 0, abi.CONFIG_SIZE).set(record);
    return this.exports.configure();
  }

  load(blob: Uint8Array, at = 0, length = blob.length): number {
    const arena = this.region(abi.REGION_ARENA);
    if (arena.length >= blob.length) arena.set(blob);
    return this.exports.loadPolicy(at, length);
  }

  /** @returns views by offset into the arena are the caller's to compute: `arena` */
  describe(frames: readonly ProbeFrame[]): void {
    const arena = this.region(abi.REGION_ARENA);
    const records = this.region(abi.REGION_FRAMES);
    const view = new DataView(records.buffer, records.byteOffset, records.length);
    frames.forEach((frame, i) => {
      if (frame.offset + frame.bytes.length <= arena.length) arena.set(frame.bytes, frame.offset);
      const at = i * abi.FRAME_SIZE;
      if (at + abi.FRAME_SIZE > records.length) return;
      view.setUint32(at + abi.FRAME_OFFSET_AT, frame.offset, true);
      view.setUint32(at + abi.FRAME_CAPTURED_AT, frame.captured, true);
      view.setUint32(at + abi.FRAME_WIRE_AT, frame.wire, true);
      view.setUint8(at + abi.FRAME_HOOK_AT, frame.hook);
      view.setUint8(at + abi.FRAME_LINK_AT, frame.link);
      view.setUint16(at + abi.FRAME_FLAGS_AT, frame.flags, true);
      view.setBigUint64(at + abi.FRAME_TIME_AT, frame.time, true);
      view.setBigUint64(at + abi.FRAME_TAG_AT, BigInt(frame.tag), true);
    });
  }

  verdict(i: number, frame: ProbeFrame): ProbeVerdict {
    const rows = this.region(abi.REGION_VERDICTS);
    const at = i * abi.VERDICT_SIZE;
    const view = new DataView(rows.buffer, rows.byteOffset + at, abi.VERDICT_SIZE);
    const outer = this.region(abi.REGION_OUTER);
    return {
      action: view.getUint8(abi.VERDICT_ACTION_AT),
      reason: view.getUint8(abi.VERDICT_REASON_AT),
      flags: view.getUint16(abi.VERDICT_FLAGS_AT, true),
      length: view.getUint32(abi.VERDICT_LENGTH_AT, true),
      egress: view.getUint32(abi.VERDICT_EGRESS_AT, true),
      natPort: view.getUint16(abi.VERDICT_NAT_PORT_AT, true),
      oldEgress: view.getUint16(abi.VERDICT_OLD_EGRESS_AT, true),
      egressIP: rows.slice(at + abi.VERDICT_EGRESS_IP_AT, at + abi.VERDICT_EGRESS_IP_AT + 16),
      target: rows.slice(at + abi.VERDICT_TARGET_AT, at + abi.VERDICT_TARGET_AT + 16),
      inner: view.getUint32(abi.VERDICT_INNER_AT, true),
      node: view.getUint32(abi.VERDICT_NODE_AT, true),
      outer: outer.slice(i * abi.OUTER_SIZE, (i + 1) * abi.OUTER_SIZE),
      result: this.region(abi.REGION_ARENA).slice(frame.offset, frame.offset + frame.bytes.length),
    };
  }

  generated(): ProbeGenerated[] {
    const rows = this.region(abi.REGION_GENERATED);
    if (rows.length === 0) return [];
    const view = new DataView(rows.buffer, rows.byteOffset, rows.length);
    return Array.from({ length: view.getUint32(abi.GENERATED_COUNT_AT, true) }, (_, i) => {
      const at = abi.GENERATED_ROWS_AT + i * abi.GENERATED_SIZE;
      const packet = at + abi.GENERATED_PACKET_AT;
      return {
        frame: view.getUint32(at + abi.GENERATED_FRAME_AT, true),
        egress: view.getUint32(at + abi.GENERATED_EGRESS_AT, true),
        packet: rows.slice(packet, packet + view.getUint32(at + abi.GENERATED_LENGTH_AT, true)),
      };
    });
  }

  released(): number[] {
    const list = this.region(abi.REGION_RELEASED);
    const view = new DataView(list.buffer, list.byteOffset, list.length);
    const numbers = Array.from({ length: view.getUint32(0, true) }, (_, i) => view.getUint32(4 + i * 4, true));
    view.setUint32(0, 0, true);
    return numbers;
  }

  counters() {
    const bytes = this.region(abi.REGION_COUNTERS);
    return readCounters(new EngineMemory(this.exports.memory.buffer), bytes.byteOffset);
  }

  region(id: number): Uint8Array {
    const { exports } = this;
    return new Uint8Array(exports.memory.buffer, exports.regionAt(id) >>> 0, exports.regionSize(id) >>> 0);
  }
}
