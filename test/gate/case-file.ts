import * as abi from "../../assembly/abi.js";
import { encodeEngineConfig } from "../../src/engine/engine-config.js";
import { concat } from "../support/frames.js";
import { FRAMES, type GateCase } from "./cases.js";
import { SPACING, Stage } from "./stage.js";
import type { StartCase } from "./start-cases.js";

// A case as test/gate/harness.c reads it: head, configuration record, policy blob, state, frame records, arena, the arena as it has to be
// afterwards, an action per frame.

const NAME_SIZE = 32;
/** A tag for each line but the one that ends every walk, and eight more. */
const TAGS_BEHIND = 7;
/** Where nobody counts lines. */
const NO_BOUNDS = [0, 0, 0, 0, 0, 0];

/** Kinds of table lines that are counted, in the order in which the harness prints them. */
export const LINE_KINDS = ["policy", "tags", "conntrack", "ports", "addresses", "fragments"] as const;

/** Sets a case up in the package's engine, lets that process the frames once, and writes down both sides of it. */
export async function caseFile(item: GateCase): Promise<Uint8Array> {
  const stage = await Stage.start(item.ownNode);
  const { engine, policy } = stage;
  const frames = item.prepare(stage);
  if (frames.length !== FRAMES) throw new Error(`${item.name}: ${frames.length} frames, expected ${FRAMES}`);
  const state = engine.regionBytes(abi.REGION_STATE).slice();
  stage.place(frames);
  const records = engine.regionBytes(abi.REGION_FRAMES).slice(0, FRAMES * abi.FRAME_SIZE);
  const arena = engine.arena.slice();
  stage.process(FRAMES, item.action);
  const config = encodeEngineConfig(engine.config);
  const actions = new Uint8Array(FRAMES).fill(item.action);
  const head = headOf(item, FRAMES, [config.length, policy.length, state.length, arena.length], tableBounds(stage));
  return concat(head, config, policy, state, records, arena, engine.arena, actions);
}

/** Starts an engine, gives it one frame, and writes down what has to come of it. The arena is cut off behind the frame. */
export async function startFile({ name, config, frame, action }: StartCase): Promise<Uint8Array> {
  const stage = await Stage.start(undefined, config);
  const { engine, policy } = stage;
  stage.place([frame]);
  const records = engine.regionBytes(abi.REGION_FRAMES).slice(0, abi.FRAME_SIZE);
  const arena = engine.arena.slice(0, SPACING);
  stage.process(1, action);
  const record = encodeEngineConfig(config);
  const sizes = [record.length, policy.length, 0, SPACING];
  const head = headOf({ name }, 1, sizes, NO_BOUNDS);
  return concat(head, record, policy, records, arena, engine.arena.slice(0, SPACING), Uint8Array.of(action));
}

function headOf(
  { name, ownNode }: Pick<GateCase, "name" | "ownNode">,
  frames: number,
  sizes: readonly number[],
  bounds: readonly number[],
): Uint8Array {
  if (name.length >= NAME_SIZE)
    throw new Error(`${name}: a name of ${name.length} bytes, expected fewer than ${NAME_SIZE}`);
  const numbers = Int32Array.of(ownNode ?? -1, frames, ...sizes, abi.VERDICT_SIZE, ...bounds);
  const bytes = new Uint8Array(NAME_SIZE + numbers.byteLength);
  bytes.set(new TextEncoder().encode(name));
  bytes.set(new Uint8Array(numbers.buffer), NAME_SIZE);
  return bytes;
}

/**
 * How far before the state the lines' tags begin; where conntrack begins, and where conntrack, ports, IPv6 addresses and fragments end, from
 * the start of the state (assembly/tables/memory.ts).
 */
function tableBounds({ engine }: Stage): number[] {
  const base = engine.regionBytes(abi.REGION_STATE);
  const from = (id: number) => engine.regionBytes(id).byteOffset - base.byteOffset;
  const end = (id: number) => from(id) + engine.regionBytes(id).length;
  const heads = addressHeads(end(abi.REGION_ADDRESSES) - from(abi.REGION_ADDRESSES));
  return [
    align((end(abi.REGION_CONNTRACK) - from(abi.REGION_CONNTRACK)) / abi.LINE_SIZE + TAGS_BEHIND),
    from(abi.REGION_CONNTRACK),
    end(abi.REGION_CONNTRACK),
    from(abi.REGION_ADDRESSES) - heads,
    align(end(abi.REGION_ADDRESSES)),
    base.length,
  ];
}

/** Bytes of the chains' heads in front of the rows of addresses: as many as half the rows, at most half full, a power of two. */
function addressHeads(bytes: number): number {
  const rows = bytes / abi.ADDRESS_SIZE - 1;
  let heads = 8;
  while (heads < (rows >> 1) * 2) heads *= 2;
  return align(heads * 4);
}

function align(bytes: number): number {
  return (bytes + abi.LINE_SIZE - 1) & ~(abi.LINE_SIZE - 1);
}
