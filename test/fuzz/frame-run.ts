import * as abi from "../../assembly/abi.js";
import { formatAddress } from "../../src/net/address.js";
import { destinationAddress, sourceAddress } from "../../src/net/decode.js";
import { Finding } from "./finding.js";
import { type FuzzRecord, OP_BASE } from "./frame-input.js";
import { judgeFrame, type Processed, type Seen } from "./judge-frame.js";
import { decodeRecord, IS_FORWARDED } from "./layout.js";
import { putRecord, RawEngine } from "./raw-engine.js";
import type { World } from "./worlds.js";

const GUARD_BYTE = 0xa5;
const GUARD = 64;
const START_NS = 1_790_000_000_000_000_000n;
const HOST_SIZE = 256;

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
  #timeNs = START_NS;
  #policy = 0;

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
    this.#timeNs = START_NS;
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
    const seen: Seen = { heard: new Set(), behind: new Map() };
    for (const record of records) {
      if (record.hook >= OP_BASE) {
        this.#order(record, 0);
        continue;
      }
      const before = this.#sumOf(abi.COUNTER_ACTIONS_AT, 8);
      const reasonsBefore = this.#sumOf(abi.COUNTER_REASONS_AT, 64);
      const processed = this.#batch([record])[0];
      if (!processed) continue;
      this.#checkCounters(processed, before, reasonsBefore);
      judgeFrame(this.#world, processed, seen);
      hear(processed, seen.heard);
      lines.push(lineOf(processed, this.#verdicts, 0));
      features.add(featureOf(processed));
    }
    this.#addStates(features);
    this.#checkAround();
    return lines;
  }

  /** The same frames in batches as large as orders in between allow. */
  runInBatches(records: readonly FuzzRecord[]): string[] {
    const lines: string[] = [];
    let batch: FuzzRecord[] = [];
    const flush = () => {
      const processed = this.#batch(batch);
      processed.forEach((one, i) => {
        lines.push(lineOf(one, this.#verdicts, i));
      });
      batch = [];
      return processed.length;
    };
    for (const record of records) {
      if (record.hook < OP_BASE) batch.push(record);
      else this.#order(record, Math.max(0, flush() - 1));
    }
    flush();
    this.#checkAround();
    return lines;
  }

  /** Bytes and verdicts; records that the engine refuses are left out, and checked to be refused for a reason. */
  #batch(records: readonly FuzzRecord[]): Processed[] {
    const taken = records.filter((record) => this.#isSound(record));
    let at = GUARD;
    const offsets = taken.map((record, i) => {
      const offset = at + (i % 3);
      this.#timeNs += BigInt(record.gapMs) * 1_000_000n;
      this.#arena.set(record.bytes, offset);
      this.#put(i, offset, record);
      at = offset + record.bytes.length + GUARD;
      return offset;
    });
    if (taken.length === 0) return [];
    const code = this.#engine.exports.process(taken.length);
    if (code !== taken.length) throw new Finding("abi", `process(${taken.length}) of sound records answers ${code}`);
    return taken.map((record, i) => this.#read(record, i, offsets[i]));
  }

  #put(i: number, offset: number, { bytes, extra, hook, link, flags }: FuzzRecord): void {
    const captured = bytes.length;
    const wire = Math.max(0, captured + extra);
    putRecord(this.#frames, i, { offset, captured, wire, hook, link, flags, timeNs: this.#timeNs });
  }

  /** What docs/abi.md says a record may hold; others are tried alone, and have to be refused. */
  #isSound(record: FuzzRecord): boolean {
    const { hook, link } = record;
    const lastHook = this.#world.ownNode === undefined ? abi.HOOK_FROM_NETWORK : abi.HOOK_FROM_OVERLAY;
    if (hook >= 1 && hook <= lastHook && link >= 1 && link < abi.LINK_COUNT) return true;
    this.#put(0, GUARD, record);
    const code = this.#engine.exports.process(1);
    if (code !== abi.ERROR_BAD_HOOK && code !== abi.ERROR_BAD_LINK_TYPE)
      throw new Finding("abi", `process(1) with hook ${hook}, link ${link} answers ${code}`);
    return false;
  }

  #read(record: FuzzRecord, i: number, offset: number): Processed {
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
      given: bytes,
      result,
      action: view.getUint8(at + abi.VERDICT_ACTION_AT),
      reason: view.getUint8(at + abi.VERDICT_REASON_AT),
      flags: view.getUint16(at + abi.VERDICT_FLAGS_AT, true),
      length: view.getUint32(at + abi.VERDICT_LENGTH_AT, true),
      inner: view.getUint32(at + abi.VERDICT_INNER_AT, true),
    };
  }

  /** Nothing but the frames was written to: not in the arena, not in the host's region, and memory has not grown. */
  #checkAround(): void {
    if (Buffer.compare(this.#arena, this.#untouched) !== 0) {
      const at = this.#arena.findIndex((byte) => byte !== GUARD_BYTE);
      this.#arena.fill(GUARD_BYTE);
      throw new Finding("out-of-frame", `byte ${at} of the arena was written to, and no frame is there`);
    }
    if (this.#host.some((byte) => byte !== GUARD_BYTE))
      throw new Finding("out-of-frame", "the host's region was written to");
    if (this.#engine.memorySize !== this.#memorySize)
      throw new Finding("leak of memory", `${this.#memorySize} bytes have become ${this.#engine.memorySize}`);
  }

  #checkCounters({ action, reason }: Processed, actionsBefore: number, reasonsBefore: number): void {
    const actions = this.#sumOf(abi.COUNTER_ACTIONS_AT, 8) - actionsBefore;
    const reasons = this.#sumOf(abi.COUNTER_REASONS_AT, 64) - reasonsBefore;
    const expected = reason === abi.REASON_NONE ? 0 : 1;
    if (actions !== 1 || (IS_FORWARDED.has(action) ? reasons > 1 : reasons !== expected))
      throw new Finding("counters", `one frame counted as ${actions} actions and ${reasons} reasons`);
  }

  #sumOf(at: number, slots: number): number {
    let sum = 0;
    for (let i = 0; i < slots; i++) sum += this.#counters.getUint32(at + i * 8, true);
    return sum;
  }

  /** What a host may do between frames. Any answer will do that is one. */
  #order({ hook, link, flags, gapMs }: FuzzRecord, last: number): void {
    const { exports } = this.#engine;
    this.#timeNs += BigInt(gapMs) * 1_000_000n;
    switch (hook - OP_BASE) {
      case 0:
        exports.setGateway(link, flags);
        return;
      case 1:
        exports.setReachable(link, flags & 1);
        return;
      case 2:
        exports.nodeLost(link);
        return;
      case 3:
        return this.#usePolicy(flags & 1);
      case 4:
        exports.advance(Number(this.#timeNs & 0xffff_ffffn) | 0, Number(this.#timeNs >> 32n) | 0);
        return;
      case 5:
        exports.setActive(link, flags & 3, flags, link);
        return;
      case 6:
        exports.feedback(last, link);
        return;
      case 7:
        exports.setOwnNode(this.#world.ownNode ?? abi.NO_INDEX);
    }
  }

  #usePolicy(number: number): void {
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

function lineOf({ action, reason, flags, length, result }: Processed, verdicts: DataView, i: number): string {
  const at = i * abi.VERDICT_SIZE;
  const egress = verdicts.getUint32(at + abi.VERDICT_EGRESS_AT, true);
  const port = verdicts.getUint16(at + abi.VERDICT_NAT_PORT_AT, true);
  return `${action} ${reason} ${flags} ${length} ${egress} ${port} ${Buffer.from(result.buffer).toString("latin1")}`;
}
