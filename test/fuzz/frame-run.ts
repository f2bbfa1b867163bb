import * as abi from "../../assembly/abi.js";
import { formatAddress } from "../../src/net/address.js";
import { destinationAddress, sourceAddress } from "../../src/net/decode.js";
import { Finding } from "./finding.js";
import { type FuzzRecord, OP_BASE } from "./frame-input.js";
import { judgeFrame, nothingSeen, type Processed } from "./judge-frame.js";
import type { Told } from "./judge-told.js";
import { decodeRecord, IS_FORWARDED } from "./layout.js";
import { putRecord, RawEngine } from "./raw-engine.js";
import type { World } from "./worlds.js";

const GUARD_BYTE = 0xa5;
const GUARD = 64;
const START_NS = 1_790_000_000_000_000_000n;
const HOST_SIZE = 256;

/** A record of the input, or one that was held and is given again, on its way through the engine. */
interface Sent {
  readonly record: FuzzRecord;
  readonly timeNs: bigint;
  /** It was held, and the list of released frames named it. */
  readonly isReleased?: boolean;
  /** Under which it was held. */
  readonly number?: number;
}

/** Is told of each frame in the order in which the engine took them. */
type See = (processed: Processed, line: string) => void;

/** An engine of a world that is put back to its beginning before each input. */
export class FrameRun {
  readonly #engine: RawEngine;
  readonly #world: World;
  readonly #arena: Uint8Array;
  readonly #frames: DataView;
  readonly #verdicts: DataView;
  readonly #counters: DataView;
  readonly #state: Uint8Array;
  readonly #host: Uint8Array;
  readonly #blank: Uint8Array;
  readonly #untouched: Uint8Array;
  readonly #memorySize: number;
  readonly #released: DataView;
  readonly #generated: Uint8Array;
  /** Frames that the host keeps, by the number under which they will be released. */
  readonly #held = new Map<number, FuzzRecord>();
  /** Numbers of those that it has lost. */
  readonly #forgotten = new Set<number>();
  #lastReleased: FuzzRecord | undefined;
  #lastNumber = 0;
  /** Something has written to the list of released frames. */
  #isHostile = false;
  /** Of the next record; and of the last frame that was processed. */
  #timeNs = START_NS;
  #lastNs = START_NS;
  /** Frames of the last call. */
  #lastCount = 0;
  #policy = 0;
  /** Policies loaded so far. */
  #loads = 0;

  private constructor(engine: RawEngine, world: World) {
    this.#engine = engine;
    this.#world = world;
    this.#memorySize = engine.memorySize;
    this.#arena = engine.region(abi.REGION_ARENA);
    this.#frames = engine.view(abi.REGION_FRAMES);
    this.#verdicts = engine.view(abi.REGION_VERDICTS);
    this.#counters = engine.view(abi.REGION_COUNTERS);
    this.#state = engine.region(abi.REGION_STATE);
    this.#host = engine.region(abi.REGION_HOST);
    this.#released = engine.view(abi.REGION_RELEASED);
    this.#generated = engine.region(abi.REGION_GENERATED);
    this.#generated.fill(GUARD_BYTE);
    this.#blank = this.#state.slice();
    this.#untouched = new Uint8Array(this.#arena.length).fill(GUARD_BYTE);
    this.#host.fill(GUARD_BYTE);
    this.#arena.fill(GUARD_BYTE);
  }

  /** @param wasmFile another build of the engine */
  static async start(world: World, wasmFile?: string): Promise<FrameRun> {
    const engine = await RawEngine.ready({ ...world.config, hostSize: HOST_SIZE }, world.blobs[0], wasmFile);
    if (world.ownNode !== undefined) engine.exports.setOwnNode(world.ownNode);
    return new FrameRun(engine, world);
  }

  /** As it was before the first frame. @throws Finding where the engine does not take its own blank state back */
  reset(): void {
    if (this.#policy !== 0) this.#usePolicy(0);
    this.#state.set(this.#blank);
    new Uint8Array(this.#released.buffer, this.#released.byteOffset, this.#released.byteLength).fill(0);
    this.#held.clear();
    this.#forgotten.clear();
    this.#lastReleased = undefined;
    this.#lastNumber = 0;
    this.#isHostile = false;
    this.#timeNs = START_NS;
    this.#lastNs = START_NS;
    this.#lastCount = 0;
    const code = this.#engine.exports.restore();
    if (code !== abi.OK) throw new Finding("state", `the engine answers ${code} to the state that it began with`);
  }

  /**
   * Sends the records one at a time and judges each.
   * @param features gets what the engine showed
   * @returns a line for each frame, which the same frames have to give in a batch
   */
  runSingly(records: readonly FuzzRecord[], features: Set<number | string>): string[] {
    const lines: string[] = [];
    const seen = nothingSeen();
    const see = (processed: Processed, line: string) => {
      judgeFrame(this.#world, processed, seen);
      hear(processed, seen.heard);
      lines.push(line);
      features.add(featureOf(processed));
    };
    for (const record of records) {
      if (record.hook >= OP_BASE) this.#order(record, 1, see);
      else this.#give(this.#taken([record]), 1, see);
    }
    this.#addStates(features);
    this.#finish(1, see);
    this.#checkAround();
    return lines;
  }

  /** The same frames in batches as large as orders in between allow. */
  runInBatches(records: readonly FuzzRecord[]): string[] {
    const lines: string[] = [];
    const see = (_: Processed, line: string) => void lines.push(line);
    const { maxBatch } = this.#world.config;
    let batch: FuzzRecord[] = [];
    const flush = () => {
      this.#give(this.#taken(batch), maxBatch, see);
      batch = [];
    };
    for (const record of records) {
      if (record.hook < OP_BASE) batch.push(record);
      else {
        flush();
        this.#order(record, maxBatch, see);
      }
    }
    flush();
    this.#finish(maxBatch, see);
    this.#checkAround();
    return lines;
  }

  /** Records that the engine refuses are left out, and checked to be refused for a reason; the others get their times. */
  #taken(records: readonly FuzzRecord[]): Sent[] {
    const sound = records.filter((record) => this.#isSound(record));
    return sound.map((record) => {
      this.#timeNs += BigInt(record.gapMs) * 1_000_000n;
      return { record, timeNs: this.#timeNs };
    });
  }

  /** As a host does: what was released comes before what is left. @param most frames of one call */
  #give(frames: readonly Sent[], most: number, see: See): void {
    const queue = [...frames];
    while (queue.length > 0) {
      // A list that says nonsense may stop a batch anywhere.
      const taken = this.#process(queue.slice(0, this.#isHostile ? 1 : most), see);
      queue.splice(0, taken, ...this.#takeReleased());
    }
  }

  /** One call. @returns how many frames the engine took */
  #process(frames: readonly Sent[], see: See): number {
    let at = GUARD;
    const offsets = frames.map(({ record, timeNs, number = 0 }, i) => {
      const offset = at + (i % 3);
      this.#arena.set(record.bytes, offset);
      this.#put(i, offset, record, timeNs);
      this.#frames.setUint32(i * abi.FRAME_SIZE + abi.FRAME_TAG_AT, number, true);
      at = offset + record.bytes.length + GUARD;
      return offset;
    });
    const before = this.#counted();
    const code = this.#engine.exports.process(frames.length);
    const isCut = code > 0 && code < frames.length && this.#released.getUint32(0, true) > 0;
    if (code !== frames.length && !isCut)
      throw new Finding("abi", `process(${frames.length}) of sound records answers ${code}`);
    frames.slice(code).forEach(({ record }, i) => {
      this.#takeAway(offsets[code + i], record.bytes);
    });
    const told = this.#takeTold(code);
    const taken = frames.slice(0, code).map(({ record }, i) => this.#read(record, i, offsets[i], told.get(i)));
    this.#lastCount = code;
    this.#lastNs = frames[code - 1].timeNs;
    this.#checkCounters(taken, before, told.size);
    for (const [i, one] of taken.entries()) {
      if (one.action === abi.ACTION_HOLD) this.#hold(one, frames[i]);
      see(one, lineOf(one, this.#verdicts, i));
    }
    return code;
  }

  /** A frame that was not processed is as it was. */
  #takeAway(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    if (Buffer.compare(this.#arena.subarray(offset, end), bytes) !== 0)
      throw new Finding("untouched", "a frame that was not processed was changed");
    this.#arena.fill(GUARD_BYTE, offset, end);
  }

  /** Numbers only go up, and there is room for so many frames, those on the list of released ones not counted. */
  #hold({ inner }: Processed, { record, isReleased }: Sent): void {
    const { fragments, natProfile } = this.#world.config;
    if (natProfile !== "rfc") throw new Finding("hold", "nothing is to be held");
    if (isReleased && !this.#isHostile) throw new Finding("hold", "a released frame is held again");
    if (inner <= this.#lastNumber) throw new Finding("hold", `number ${inner} after ${this.#lastNumber}`);
    this.#lastNumber = inner;
    this.#held.set(inner, record);
    const held = this.#held.size - this.#released.getUint32(0, true);
    if (!this.#isHostile && held > fragments) throw new Finding("hold", `${held} frames are held, of ${fragments}`);
  }

  /** The frames on the list of released ones, which is emptied. @throws Finding where one is on it that is not held */
  #takeReleased(): Sent[] {
    const { fragments, maxBatch } = this.#world.config;
    const most = fragments + maxBatch;
    const listed = this.#released.getUint32(0, true);
    if (listed > most && !this.#isHostile) throw new Finding("released", `${listed} frames of ${most}`);
    const frames: Sent[] = [];
    for (let i = 1; i <= Math.min(listed, most); i++) {
      const number = this.#released.getUint32(i * 4, true);
      const record = this.#held.get(number);
      if (!record && !this.#isHostile && !this.#forgotten.has(number))
        throw new Finding("released", `number ${number} is released, and no frame has it or has it still`);
      this.#held.delete(number);
      this.#forgotten.delete(number);
      if (record) frames.push({ ...this.#again(record), isReleased: true, number });
    }
    this.#released.setUint32(0, 0, true);
    return frames;
  }

  #again(record: FuzzRecord): Sent {
    this.#lastReleased = record;
    return { record: { ...record, flags: record.flags | abi.FRAME_FLAG_RELEASED }, timeNs: this.#lastNs };
  }

  /** Nothing is held for longer than it may be. */
  #finish(most: number, see: See): void {
    if (this.#held.size === 0 || this.#isHostile) return;
    this.#timeNs += BigInt(abi.FRAGMENT_MS + 1) * 1_000_000n;
    this.#advance();
    this.#give(this.#takeReleased(), most, see);
    if (this.#held.size > 0) throw new Finding("hold", `${this.#held.size} frames are never released`);
  }

  #advance(): void {
    this.#engine.exports.advance(Number(this.#timeNs & 0xffff_ffffn) | 0, Number(this.#timeNs >> 32n) | 0);
    this.#lastNs = this.#timeNs;
  }

  #put(i: number, offset: number, { bytes, extra, hook, link, flags }: FuzzRecord, timeNs: bigint): void {
    const captured = bytes.length;
    const wire = Math.max(0, captured + extra);
    putRecord(this.#frames, i, { offset, captured, wire, hook, link, flags, timeNs });
  }

  /** What docs/abi.md says a record may hold; others are tried alone, and have to be refused. */
  #isSound(record: FuzzRecord): boolean {
    const { hook, link } = record;
    const lastHook = this.#world.ownNode === undefined ? abi.HOOK_FROM_NETWORK : abi.HOOK_FROM_OVERLAY;
    if (hook >= 1 && hook <= lastHook && link >= 1 && link < abi.LINK_COUNT) return true;
    this.#put(0, GUARD, record, this.#timeNs);
    const code = this.#engine.exports.process(1);
    if (code !== abi.ERROR_BAD_HOOK && code !== abi.ERROR_BAD_LINK_TYPE)
      throw new Finding("abi", `process(1) with hook ${hook}, link ${link} answers ${code}`);
    return false;
  }

  #read(record: FuzzRecord, i: number, offset: number, told: Told | undefined): Processed {
    const { bytes, hook, link, extra, flags } = record;
    const arena = this.#arena;
    const end = offset + bytes.length;
    const result = arena.slice(offset, end);
    arena.fill(GUARD_BYTE, offset, end);
    const at = i * abi.VERDICT_SIZE;
    const view = this.#verdicts;
    return {
      hook,
      link,
      extra,
      isPartial: (flags & abi.FRAME_FLAG_PARTIAL) !== 0,
      isSuper: (flags & abi.FRAME_FLAG_GSO) !== 0,
      isBack: (flags & abi.FRAME_FLAG_RELEASED) !== 0,
      given: bytes,
      result,
      action: view.getUint8(at + abi.VERDICT_ACTION_AT),
      reason: view.getUint8(at + abi.VERDICT_REASON_AT),
      flags: view.getUint16(at + abi.VERDICT_FLAGS_AT, true),
      length: view.getUint32(at + abi.VERDICT_LENGTH_AT, true),
      inner: view.getUint32(at + abi.VERDICT_INNER_AT, true),
      timeNs: this.#frames.getBigUint64(i * abi.FRAME_SIZE + abi.FRAME_TIME_AT, true),
      loads: this.#loads,
      told,
    };
  }

  /** The errors of the last call by the frames that they are about; their rows are blank afterwards. @param taken frames of the call */
  #takeTold(taken: number): Map<number, Told> {
    const told = new Map<number, Told>();
    if (!this.#world.config.icmpErrors) return told;
    const bytes = this.#generated;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const count = view.getUint32(abi.GENERATED_COUNT_AT, true);
    if (count > taken) throw new Finding("told", `${count} errors about ${taken} frames`);
    let last = -1;
    for (let i = 0; i < count; i++) {
      const at = abi.GENERATED_ROWS_AT + i * abi.GENERATED_SIZE;
      const frame = view.getUint32(at + abi.GENERATED_FRAME_AT, true);
      const length = view.getUint32(at + abi.GENERATED_LENGTH_AT, true);
      if (frame <= last || frame >= taken || length > abi.GENERATED_MAX)
        throw new Finding("told", `error ${i} of ${length} bytes is about frame ${frame} of ${taken}, after ${last}`);
      last = frame;
      const from = at + abi.GENERATED_PACKET_AT;
      told.set(frame, {
        egress: view.getUint32(at + abi.GENERATED_EGRESS_AT, true),
        packet: bytes.slice(from, from + length),
      });
      bytes.fill(GUARD_BYTE, at, from + length);
    }
    return told;
  }

  /** Nothing but the frames was written to: not in the arena, not in the host's region, and memory has not grown. */
  #checkAround(): void {
    if (Buffer.compare(this.#arena, this.#untouched) !== 0) {
      const at = this.#arena.findIndex((byte) => byte !== GUARD_BYTE);
      this.#arena.fill(GUARD_BYTE);
      throw new Finding("out-of-frame", `byte ${at} of the arena was written to, and no frame is there`);
    }
    if (this.#generated.subarray(abi.GENERATED_ROWS_AT).some((byte) => byte !== GUARD_BYTE))
      throw new Finding("out-of-frame", "the engine wrote next to an error of its own");
    if (this.#host.some((byte) => byte !== GUARD_BYTE))
      throw new Finding("out-of-frame", "the host's region was written to");
    if (this.#engine.memorySize !== this.#memorySize)
      throw new Finding("leak of memory", `${this.#memorySize} bytes have become ${this.#engine.memorySize}`);
  }

  /** Frames by action, frames by reason, errors told. */
  #counted(): [number, number, number] {
    const told = this.#counters.getUint32(abi.COUNTER_GENERATED_AT, true);
    return [this.#sumOf(abi.COUNTER_ACTIONS_AT, 8), this.#sumOf(abi.COUNTER_REASONS_AT, 64), told];
  }

  /** Each frame counts once under one action, and under one reason unless it was forwarded. */
  #checkCounters(taken: readonly Processed[], before: readonly number[], told: number): void {
    const [actions, reasons, generated] = this.#counted().map((count, i) => count - before[i]);
    const isForwarded = ({ action }: Processed) => IS_FORWARDED.has(action);
    const forwarded = taken.filter(isForwarded).length;
    const explained = taken.filter((one) => !isForwarded(one) && one.reason !== abi.REASON_NONE).length;
    if (actions !== taken.length || reasons < explained || reasons > explained + forwarded || generated !== told)
      throw new Finding(
        "counters",
        `${taken.length} frames counted as ${actions} actions and ${reasons} reasons, ${told} errors as ${generated}`,
      );
  }

  #sumOf(at: number, slots: number): number {
    let sum = 0;
    for (let i = 0; i < slots; i++) sum += this.#counters.getUint32(at + i * 8, true);
    return sum;
  }

  /** What a host may do between frames, and what a bad one does. Any answer will do that is one. */
  #order(record: FuzzRecord, most: number, see: See): void {
    this.#timeNs += BigInt(record.gapMs) * 1_000_000n;
    const { exports } = this.#engine;
    const { hook, link, flags } = record;
    switch (hook - OP_BASE) {
      case 0:
        exports.setGateway(link, flags);
        break;
      case 1:
        exports.setReachable(link, flags & 1);
        break;
      case 2:
        exports.nodeLost(link);
        break;
      case 3:
        this.#usePolicy(flags & 1);
        break;
      case 4:
        this.#advance();
        break;
      case 5:
        exports.setActive(link, flags & 3, flags, link);
        break;
      case 6:
        exports.feedback(Math.max(0, this.#lastCount - 1), link);
        break;
      case 7:
        exports.setOwnNode(this.#world.ownNode ?? abi.NO_INDEX);
        break;
      case 8:
        return this.#forget(link);
      case 9:
        if (this.#lastReleased) this.#give([this.#again(this.#lastReleased)], most, see);
        return;
      case 10:
        return this.#scribble(link, flags);
    }
    this.#give(this.#takeReleased(), most, see);
  }

  /** A held frame that the host has lost. */
  #forget(which: number): void {
    const numbers = [...this.#held.keys()];
    if (numbers.length === 0) return;
    const number = numbers[which % numbers.length];
    this.#held.delete(number);
    this.#forgotten.add(number);
  }

  /** Nonsense on the list of released frames: from now on nothing that is on it has to be so. */
  #scribble(which: number, value: number): void {
    this.#isHostile = true;
    const { fragments } = this.#world.config;
    this.#released.setUint32(0, [0xffff_ffff, fragments, fragments + 1, 1, value][which % 5], true);
    if (fragments > 0) this.#released.setUint32(4 * (1 + (value % fragments)), value, true);
  }

  #usePolicy(number: number): void {
    this.#loads++;
    const code = this.#engine.loadPolicy(this.#world.blobs[number]);
    this.#arena.fill(GUARD_BYTE, 0, this.#world.blobs[number].length);
    if (code !== abi.OK) throw new Finding("abi", `a sound policy is refused with ${code}`);
    if (this.#world.ownNode !== undefined) this.#engine.exports.setOwnNode(this.#world.ownNode);
    this.#policy = number;
  }

  /** Kinds of connections that are in the table afterwards. */
  #addStates(features: Set<number | string>): void {
    const lines = this.#engine.view(abi.REGION_CONNTRACK);
    for (let at = 0; at + abi.LINE_SIZE <= lines.byteLength; at += abi.LINE_SIZE) {
      const hook = lines.getUint8(at + abi.LINE_HOOK_AT);
      if (hook === 0) continue;
      const state = lines.getUint8(at + abi.LINE_STATE_AT) * 8 + lines.getUint8(at + abi.LINE_CLASS_AT);
      const protocol = lines.getUint8(at + abi.LINE_PROTOCOL_AT);
      features.add(`${hook} ${protocol} ${state} ${lines.getUint8(at + abi.LINE_FLAGS_AT)}`);
    }
    for (let at = abi.COUNTER_OPENED_AT; at <= abi.COUNTER_REMOVED_AT; at += 8) {
      if (this.#counters.getUint32(at, true) > 0) features.add(`counter ${at}`);
    }
  }
}

/** Who outside has spoken to which endpoint by its own address. */
function hear({ hook, given, link, extra }: Processed, heard: Set<string>): void {
  if (hook === abi.HOOK_FROM_ENDPOINT) return;
  const packet = decodeRecord({ bytes: given, link, extra });
  if (packet)
    heard.add(`${formatAddress(sourceAddress(given, packet))} ${formatAddress(destinationAddress(given, packet))}`);
}

function featureOf({ hook, link, action, reason, flags }: Processed): number {
  return ((((hook * 8 + link) * 8 + action) * 64 + reason) * 1024 + flags) | 0;
}

function lineOf(
  { action, reason, flags, length, inner, result, told }: Processed,
  verdicts: DataView,
  i: number,
): string {
  const at = i * abi.VERDICT_SIZE;
  const egress = verdicts.getUint32(at + abi.VERDICT_EGRESS_AT, true);
  const port = verdicts.getUint16(at + abi.VERDICT_NAT_PORT_AT, true);
  const bytes = latin1(result) + (told ? ` ${latin1(told.packet)}` : "");
  return `${action} ${reason} ${flags} ${length} ${egress} ${port} ${action === abi.ACTION_HOLD ? inner : ""} ${bytes}`;
}

function latin1({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString("latin1");
}
