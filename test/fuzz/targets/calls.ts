import * as abi from "../../../assembly/abi.js";
import { type EngineConfig, encodeEngineConfig } from "../../../src/engine/engine-config.js";
import type { Dice } from "../../scenario-fuzz/dice.js";
import { Finding } from "../finding.js";
import { ERROR_CODES, RawEngine } from "../raw-engine.js";
import { seedFrames } from "../seed-frames.js";
import type { Features, Target } from "../target.js";
import { WORLDS } from "../worlds.js";

// Input: calls of five 32-bit words each: number of the function, then its arguments.

const CALL_SIZE = 20;
const MAX_CALLS = 64;
const VALUES = [
  0,
  1,
  2,
  3,
  4,
  7,
  8,
  63,
  64,
  65,
  100,
  1024,
  1 << 16,
  1 << 20,
  0x7fffffff,
  0x80000000,
  0xfffffffe,
  0xffffffff,
];
/** Fields whose large values ask for gigabytes: cut to what a run can afford, so that what is left shows faults and not the machine's size. */
const ROOMY_LIMIT = 1 << 16;
const NARROW_FIELDS = [abi.CONFIG_FLAGS_AT, abi.CONFIG_ZONES_AT, abi.CONFIG_CONNECTIONS6_AT, abi.CONFIG_TUNNEL_PORT_AT];

type Call = (engine: RawEngine, a: number, b: number, c: number, d: number) => number | undefined;

/** By number. A result is checked to be a code; undefined = nothing to check. Add new ones at the end: the corpus names them by number. */
const CALLS: readonly Call[] = [
  ({ exports }) => exports.configure(),
  (engine, a, b) => setConfig(engine, a, b),
  (engine) => engine.loadPolicy(WORLDS[0].blobs[0].subarray(0, engine.region(abi.REGION_ARENA).length)),
  (engine) => engine.loadPolicy(WORLDS[0].blobs[1].subarray(0, engine.region(abi.REGION_ARENA).length)),
  ({ exports }, a, b) => exports.loadPolicy(a, b),
  (engine, a) => processed(engine, engine.exports.process(a), a),
  ({ exports }, a) => counted(exports.locate(a), a),
  ({ exports }, a, b) => exports.feedback(a, b),
  ({ exports }, a, b) => exports.setGateway(a, b),
  ({ exports }, a, b) => exports.setReachable(a, b),
  ({ exports }, a) => exports.nodeLost(a),
  ({ exports }, a) => exports.setOwnNode(a),
  ({ exports }, a, b, c, d) => exports.setActive(a, b, c, d),
  ({ exports }, a, b) => exports.advance(a, b),
  ({ exports }) => exports.restore(),
  ({ exports }, a) => void exports.regionAt(a),
  ({ exports }, a) => void exports.regionSize(a),
  (engine, a, b, c) => poke(engine, abi.REGION_FRAMES, a, b, c),
  (engine, a, b, c) => poke(engine, abi.REGION_ARENA, a, b, c),
  (engine, a, b, c) => pokeState(engine, a, b, c),
  (engine, a, b) => putFrame(engine, a, b),
  (engine, a, b, c) => poke(engine, abi.REGION_RELEASED, a, b, c),
  (engine, a, b, c) => poke(engine, abi.REGION_GENERATED, a, b, c),
];

const FIRST_CALLS = [0, 2];
/** With all that an engine may do. */
const CONFIG: EngineConfig = { ...WORLDS[0].config, natProfile: "rfc", icmpErrors: true, mtu: 700 };

/** Any calls with any arguments, in any order, on an engine of their own. */
export class CallsTarget implements Target {
  readonly name = "calls";
  units = 0;
  readonly #config = encodeEngineConfig({ ...CONFIG, arenaSize: 1 << 14, blobSize: 1 << 12, hostSize: 64 });

  /** Each call after those that make an engine ready, and by itself. */
  seeds(): Uint8Array[] {
    return CALLS.flatMap((_, i) => {
      const alone = encode([[i, 0, 1, 0, 0]]);
      const ready = FIRST_CALLS.map((call) => [call, 0, 0, 0, 0]);
      const traffic = Array.from({ length: 8 }, (_, n) => [20, n, i * 8 + n, 0, 0]);
      return [alone, encode([...ready, ...traffic, [5, 8, 0, 0, 0], [i, 1, 1, 1, 1], [5, 8, 0, 0, 0]])];
    });
  }

  mutate(base: Uint8Array, other: Uint8Array, dice: Dice): Uint8Array {
    const calls = decode(base);
    for (let left = dice.int(1, 5); left > 0; left--) changeCalls(calls, decode(other), dice);
    return encode(calls.slice(0, MAX_CALLS));
  }

  async execute(input: Uint8Array): Promise<Features> {
    const engine = await RawEngine.start(this.#config);
    const features = new Set<number>();
    let memorySize = 0;
    for (const [number, a, b, c, d] of decode(input)) {
      this.units++;
      const call = CALLS[number % CALLS.length];
      const code = call(engine, a, b, c, d);
      if (code !== undefined && code !== abi.OK && !ERROR_CODES.has(code))
        throw new Finding("abi", `call ${number % CALLS.length}(${a}, ${b}, ${c}, ${d}) answers ${code}`);
      features.add((number % CALLS.length) * 64 + (code ?? 0));
      if (memorySize !== 0 && engine.memorySize !== memorySize)
        throw new Finding("leak of memory", `${memorySize} bytes have become ${engine.memorySize}`);
      if (call === CALLS[0] && code === abi.OK) memorySize = engine.memorySize;
    }
    addCounters(engine, features);
    return features;
  }

  *smaller(input: Uint8Array): Generator<Uint8Array> {
    const calls = decode(input);
    for (let size = calls.length >> 1; size >= 1; size >>= 1) {
      for (let from = 0; from < calls.length; from += size)
        yield encode([...calls.slice(0, from), ...calls.slice(from + size)]);
    }
  }
}

/** A count is a success of the calls that return one. */
function counted(code: number, count: number): number {
  return code === (count | 0) ? abi.OK : code;
}

/** The same; some of them will do where held frames are to be given before the others. */
function processed(engine: RawEngine, code: number, count: number): number {
  const isCut = code > 0 && code < count >>> 0 && engine.view(abi.REGION_RELEASED).getUint32(0, true) > 0;
  return isCut ? abi.OK : counted(code, count);
}

function setConfig({ exports }: RawEngine, field: number, value: number): undefined {
  const at = (field % (abi.CONFIG_SIZE / 4)) * 4;
  const isNarrow = NARROW_FIELDS.includes(at) || at >= abi.CONFIG_TABLE_SEED_AT || value > 0xfffffff0;
  new DataView(exports.memory.buffer).setUint32(
    (exports.configAt() >>> 0) + at,
    isNarrow ? value : value % ROOMY_LIMIT,
    true,
  );
}

function poke(engine: RawEngine, id: number, at: number, value: number, isNear: number): undefined {
  const view = engine.view(id);
  const room = isNear & 1 ? Math.min(view.byteLength, 512) : view.byteLength;
  if (room >= 4) view.setUint32((at % (room >> 2)) * 4, value, true);
}

/** The state belongs to the engine: whoever writes it hands it over by `restore` at once. */
function pokeState(engine: RawEngine, at: number, value: number, isNear: number): number {
  poke(engine, abi.REGION_STATE, at, value, isNear);
  return engine.exports.restore();
}

const FRAMES = seedFrames();

/** Frame `number` of the seeds in slot `slot`, one after the other in the arena. */
function putFrame(engine: RawEngine, slot: number, number: number): undefined {
  const arena = engine.region(abi.REGION_ARENA);
  const records = engine.view(abi.REGION_FRAMES);
  const { bytes, hook, link, flags } = FRAMES[number % FRAMES.length];
  const i = slot % 64;
  const at = i * abi.FRAME_SIZE;
  const offset = i * 200;
  if (at + abi.FRAME_SIZE > records.byteLength || offset + bytes.length > arena.length) return;
  arena.set(bytes, offset);
  [offset, bytes.length, bytes.length].forEach((value, word) => {
    records.setUint32(at + word * 4, value, true);
  });
  records.setUint8(at + abi.FRAME_HOOK_AT, hook);
  records.setUint8(at + abi.FRAME_LINK_AT, link);
  records.setUint16(at + abi.FRAME_FLAGS_AT, flags, true);
}

function changeCalls(calls: number[][], other: readonly number[][], dice: Dice): void {
  const at = dice.int(0, Math.max(0, calls.length - 1));
  const roll = dice.int(0, 99);
  if (calls.length === 0 || roll < 25)
    calls.splice(at, 0, [dice.int(0, CALLS.length - 1), ...[0, 0, 0, 0].map(() => value(dice))]);
  else if (roll < 35) calls.splice(at, 1);
  else if (roll < 45) calls.splice(at, 0, ...other.slice(dice.int(0, Math.max(0, other.length - 1))).slice(0, 6));
  else if (roll < 55) calls.splice(at, 0, ...calls.slice(at, at + dice.int(1, 8)));
  else calls[at] = calls[at].map((word, i) => (i === dice.int(1, 4) ? value(dice, word) : word));
}

function value(dice: Dice, before = 0): number {
  const roll = dice.int(0, 3);
  if (roll === 0) return dice.int(0, 0xffffffff);
  return roll === 1 ? (before + dice.pick([1, -1])) >>> 0 : dice.pick(VALUES);
}

function addCounters(engine: RawEngine, features: Set<number>): void {
  const counters = engine.view(abi.REGION_COUNTERS);
  for (let at = 0; at + 8 <= counters.byteLength; at += 8)
    if (counters.getUint32(at, true) > 0) features.add(100_000 + at);
}

function decode(input: Uint8Array): number[][] {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const count = Math.min(MAX_CALLS, Math.floor(input.length / CALL_SIZE));
  return Array.from({ length: count }, (_, i) =>
    [0, 4, 8, 12, 16].map((at) => view.getUint32(i * CALL_SIZE + at, true)),
  );
}

function encode(calls: readonly (readonly number[])[]): Uint8Array {
  const out = new Uint8Array(calls.length * CALL_SIZE);
  const view = new DataView(out.buffer);
  calls.forEach((call, i) => {
    call.forEach((word, n) => {
      view.setUint32(i * CALL_SIZE + n * 4, word >>> 0, true);
    });
  });
  return out;
}
