import * as abi from "../../assembly/abi.js";
import { LINKTYPE_ETHERNET } from "../../src/capture/types.js";
import { PcapWriter } from "../../src/capture/write.js";
import type { PolicyModel } from "../../src/config/types.js";
import { Engine } from "../../src/engine/engine.js";
import type { ReplayOptions } from "../../src/replay/options.js";
import { replay } from "../../src/replay/replay.js";

/**
 * Writes what the gateways' interfaces would have shown of a capture taken at the pods: what pods send as it was, replies addressed to the egress
 * IP and NAT port, as the outside had sent them. Frames that a replay keeps from its engine are left out; so is what a host cannot read from a
 * capture.
 * @returns hook of each frame
 */
export async function writeGatewayView(
  capture: string,
  model: PolicyModel,
  options: Omit<ReplayOptions, "captures" | "model">,
  out: string,
): Promise<number[]> {
  const writer = new PcapWriter(out, LINKTYPE_ETHERNET);
  const hooks: number[] = [];
  const { startCompanion } = Engine.prototype;
  Engine.prototype.startCompanion = function <E extends object>(
    this: Engine,
    ...[wasmFile, functions, process]: Parameters<typeof startCompanion<E>>
  ): Promise<E> {
    const taken = process ?? ((count: number) => this.process(count));
    const watched = (count: number) => {
      const records = this.regionBytes(abi.REGION_FRAMES);
      const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
      const given = Array.from({ length: count }, (_, i) => record(view, i * abi.FRAME_SIZE, this.arena));
      const done = taken(count);
      for (const frame of given.slice(0, done)) {
        if (frame.flags & abi.FRAME_FLAG_RELEASED) continue;
        if (frame.link !== abi.LINK_ETHERNET || frame.flags !== 0)
          throw new Error(
            `${capture}: a frame of link type ${frame.link} with flags ${frame.flags}, expected plain Ethernet`,
          );
        writer.frame(frame.timeLow, frame.timeHigh, frame.bytes.length, frame.wire, frame.bytes, 0);
        hooks.push(frame.hook);
      }
      return done;
    };
    return (startCompanion<E>).call(this, wasmFile, functions, watched);
  };
  try {
    await replay({ ...options, captures: [capture], model });
  } finally {
    Engine.prototype.startCompanion = startCompanion;
    writer.close();
  }
  return hooks;
}

function record(view: DataView, at: number, arena: Uint8Array) {
  const offset = view.getUint32(at + abi.FRAME_OFFSET_AT, true);
  return {
    bytes: arena.slice(offset, offset + view.getUint32(at + abi.FRAME_CAPTURED_AT, true)),
    wire: view.getUint32(at + abi.FRAME_WIRE_AT, true),
    hook: view.getUint8(at + abi.FRAME_HOOK_AT),
    link: view.getUint8(at + abi.FRAME_LINK_AT),
    flags: view.getUint16(at + abi.FRAME_FLAGS_AT, true),
    timeLow: view.getUint32(at + abi.FRAME_TIME_AT, true),
    timeHigh: view.getUint32(at + abi.FRAME_TIME_AT + 4, true),
  };
}
