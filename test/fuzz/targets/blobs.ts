import * as abi from "../../../assembly/abi.js";
import type { Dice } from "../../scenario-fuzz/dice.js";
import { Finding } from "../finding.js";
import { mutateBytes, smallerBytes } from "../mutate-bytes.js";
import { ERROR_CODES, putRecord, RawEngine } from "../raw-engine.js";
import { seedFrames } from "../seed-frames.js";
import type { Features, Target } from "../target.js";
import { WORLDS } from "../worlds.js";

const FRAME_EVERY = 7;
const GUARD = 0xa5;
const START_NS = 1_790_000_000_000_000_000n;
const ROW_SIZES = [
  abi.NODE_SIZE,
  abi.EGRESS_SIZE,
  4,
  abi.POLICY_SIZE,
  abi.PREFIX_SIZE,
  abi.ENDPOINT_SIZE,
  4,
  abi.TIMEOUT_ROW_SIZE,
  8,
];

/** Policy blobs that somebody changed: refused by a code, or taken, and then any frame gets an answer. */
export class BlobsTarget implements Target {
  readonly name = "blobs";
  units = 0;
  readonly #engine: RawEngine;
  readonly #blank: Uint8Array;
  readonly #memorySize: number;
  readonly #frames = seedFrames().filter((_, i) => i % FRAME_EVERY === 0);

  private constructor(engine: RawEngine) {
    this.#engine = engine;
    this.#blank = engine.region(abi.REGION_STATE).slice();
    this.#memorySize = engine.memorySize;
  }

  static async start(): Promise<BlobsTarget> {
    const { config, blobs } = WORLDS[0];
    return new BlobsTarget(await RawEngine.ready(config, blobs[0]));
  }

  seeds(): Uint8Array[] {
    return WORLDS.flatMap(({ blobs }) => blobs.map((blob) => blob.slice()));
  }

  /** A field of the header, of the table of sections or of a row, a section that lies in another, or any bytes; the length is usually made right afterwards. */
  mutate(base: Uint8Array, other: Uint8Array, dice: Dice): Uint8Array {
    if (dice.chance(15)) return mutateBytes(base, other, dice, { maxLength: 1 << 15 });
    const blob = base.slice();
    const view = new DataView(blob.buffer);
    for (let left = dice.int(1, 4); left > 0; left--) {
      const at = fieldAt(view, dice);
      if (at + 4 <= blob.length) view.setUint32(at, valueFor(view.getUint32(at, true), dice), true);
    }
    if (dice.chance(15)) moveSection(view, dice);
    if (dice.chance(90) && blob.length >= abi.BLOB_HEADER_SIZE) view.setUint32(abi.BLOB_LENGTH_AT, blob.length, true);
    return blob;
  }

  execute(input: Uint8Array): Features {
    const engine = this.#engine;
    engine.region(abi.REGION_STATE).set(this.#blank);
    engine.exports.restore();
    const arena = engine.region(abi.REGION_ARENA);
    arena.fill(GUARD);
    const blob = input.subarray(0, arena.length);
    const code = engine.loadPolicy(blob);
    if (code !== abi.OK && !ERROR_CODES.has(code)) throw new Finding("abi", `loadPolicy answers ${code}`);
    if (Buffer.compare(arena.subarray(0, blob.length), blob) !== 0)
      throw new Finding("out-of-frame", "loadPolicy wrote into the arena");
    const features = code === abi.OK ? this.#send(arena) : [];
    if (engine.memorySize !== this.#memorySize)
      throw new Finding("leak of memory", `memory has ${engine.memorySize} bytes`);
    if (engine.loadPolicy(WORLDS[0].blobs[0]) !== abi.OK)
      throw new Finding("abi", "a sound policy is refused afterwards");
    return [code, ...features];
  }

  smaller = smallerBytes;

  #send(arena: Uint8Array): number[] {
    const { exports } = this.#engine;
    const records = this.#engine.view(abi.REGION_FRAMES);
    const verdicts = this.#engine.view(abi.REGION_VERDICTS);
    const features: number[] = [];
    arena.fill(GUARD);
    for (const [i, { bytes, hook, link, flags }] of this.#frames.entries()) {
      if (hook === abi.HOOK_FROM_OVERLAY) continue;
      this.units++;
      arena.set(bytes, 64);
      const timeNs = START_NS + BigInt(i) * 1_000_000n;
      putRecord(records, 0, { offset: 64, captured: bytes.length, wire: bytes.length, hook, link, flags, timeNs });
      if (exports.process(1) !== 1) throw new Finding("abi", "a sound frame is refused");
      if (arena.subarray(0, 64).some((byte) => byte !== GUARD) || arena[64 + bytes.length] !== GUARD)
        throw new Finding("out-of-frame", `frame ${i} was written around`);
      arena.fill(GUARD, 64, 64 + bytes.length);
      features.push(verdicts.getUint8(abi.VERDICT_ACTION_AT) * 256 + verdicts.getUint8(abi.VERDICT_REASON_AT));
    }
    return features;
  }
}

/** Any word of the header, or of a row that the table of sections says is there. */
function fieldAt(view: DataView, dice: Dice): number {
  if (dice.chance(30) || view.byteLength < abi.BLOB_HEADER_SIZE) return dice.int(0, abi.BLOB_HEADER_SIZE / 4) * 4;
  const section = dice.int(0, abi.SECTION_COUNT - 1);
  const at = abi.BLOB_SECTIONS_AT + section * 8;
  const [count, offset] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
  const row = dice.int(0, Math.max(0, Math.min(count, 64) - 1));
  return offset + row * ROW_SIZES[section] + dice.int(0, ROW_SIZES[section] / 4 - 1) * 4;
}

function valueFor(before: number, dice: Dice): number {
  const odd = [
    0, 1, 2, 31, 32, 33, 63, 64, 65, 96, 127, 128, 129, 255, 0xffff, 0x10000, 0x3fffffff, 0x40000000, 0x7fffffff,
    0x80000000, 0xfffffffd, 0xfffffffe, 0xffffffff,
  ];
  const roll = dice.int(0, 2);
  if (roll === 0) return dice.pick(odd);
  return roll === 1 ? (before + dice.pick([1, -1, 4, 8, 28, 56])) >>> 0 : (before ^ (1 << dice.int(0, 31))) >>> 0;
}

/** Puts a section where another one is, or a few bytes on: what is checked as the one is used as the other. */
function moveSection(view: DataView, dice: Dice): void {
  if (view.byteLength < abi.BLOB_HEADER_SIZE) return;
  const entry = () => abi.BLOB_SECTIONS_AT + dice.int(0, abi.SECTION_COUNT - 1) * 8 + 4;
  view.setUint32(entry(), view.getUint32(entry(), true) + 8 * dice.int(0, 6), true);
}
