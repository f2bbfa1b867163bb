import * as abi from "../../assembly/abi.js";
import { EngineError } from "../errors.js";
import { instantiateCompanion } from "./companion.js";
import { type ConntrackBytes, clearTouches } from "./conntrack.js";
import {
  type EgressStats,
  type EngineCounters,
  putPortsPeak,
  readCounters,
  readEgressStats,
  TRAFFIC_NUMBERS,
  takeTrafficRow,
} from "./counters.js";
import { sectionCounts } from "./describe-blob.js";
import { checkEngineConfig, type EngineConfig, encodeEngineConfig, mostReleased } from "./engine-config.js";
import { type EngineExports, instantiateEngine, type WasmSource } from "./load.js";
import { EngineMemory } from "./memory.js";
import { errorName, errorText } from "./names.js";
import { neededBy } from "./sizing.js";
import { applyState, encodeState, hashPolicy } from "./state-file.js";

/** Health and eligibility of a gateway node, as `Engine.setGateway` takes it. */
export type GatewayState = "down" | "healthy" | "active";

const GATEWAY_CODES: Readonly<Record<GatewayState, number>> = {
  down: abi.GATEWAY_DOWN,
  healthy: abi.GATEWAY_HEALTHY,
  active: abi.GATEWAY_ACTIVE,
};

/**
 * Starts an engine with its tables sized by `config`.
 * @throws {UsageError} where a value of `config` is no number of its kind
 * @throws {EngineError} where the engine refuses the configuration, or `wasm` is not the engine that this host was made for
 */
export async function createEngine(config: EngineConfig, wasm?: WasmSource): Promise<Engine> {
  checkEngineConfig(config);
  return startEngine(config, await instantiateEngine(wasm));
}

/** The same with an instance that is there and has not been configured. @throws {EngineError} where it refuses the configuration */
export function startEngine(config: EngineConfig, exports: EngineExports): Engine {
  checkEngineConfig(config);
  new Uint8Array(exports.memory.buffer, exports.configAt() >>> 0, abi.CONFIG_SIZE).set(encodeEngineConfig(config));
  const code = exports.configure();
  if (code !== abi.OK) throw refused("configure", code);
  return new Engine(config, exports);
}

/** An ICMP error of the engine's own. */
export interface GeneratedPacket {
  /** Number in the batch of the frame that it is about. */
  readonly frame: number;
  /** Index of the egress whose address it comes from. */
  readonly egress: number;
  /** An IP packet: a window, overwritten by the next `process`. */
  readonly packet: Uint8Array;
}

/**
 * One node's packet engine. Frames go in by batches: put bytes into `arena`, describe each frame with `setFrame`, call `process`, read
 * the verdicts; frames are rewritten in place. Nothing here makes an object per frame. Not for use from several threads.
 */
export class Engine {
  readonly config: EngineConfig;
  /** Memory of the engine; every view onto it stays valid for the engine's life. */
  readonly memory: EngineMemory;
  /** Frames lie here. `loadPolicy` overwrites a part of it: call it between batches. */
  readonly arena: Uint8Array;
  /** `config.hostSize` bytes for the host's own use; the engine never reads them and a saved state does not hold them. */
  readonly host: Uint8Array;
  readonly #exports: EngineExports;
  readonly #framesAt: number;
  readonly #verdictsAt: number;
  readonly #countersAt: number;
  readonly #egressStatsAt: number;
  readonly #releasedAt: number;
  #policyHash: Uint8Array | undefined;
  #egressCount = 0;
  #nodeCount = 0;

  /** Use `createEngine`. @param exports of an instance that has been configured with `config` */
  constructor(config: EngineConfig, exports: EngineExports) {
    this.config = config;
    this.#exports = exports;
    this.memory = new EngineMemory(exports.memory.buffer);
    this.#framesAt = this.#region(abi.REGION_FRAMES, config.maxBatch * abi.FRAME_SIZE).at;
    this.#verdictsAt = this.#region(abi.REGION_VERDICTS, config.maxBatch * abi.VERDICT_SIZE).at;
    this.#countersAt = this.#region(abi.REGION_COUNTERS, abi.COUNTERS_SIZE).at;
    this.#egressStatsAt = this.#region(abi.REGION_EGRESS_STATS, config.egresses * abi.EGRESS_STATS_SIZE).at;
    this.#releasedAt = this.#region(abi.REGION_RELEASED, (mostReleased(config) + 1) * 4).at;
    this.arena = this.regionBytes(abi.REGION_ARENA, config.arenaSize);
    this.host = this.regionBytes(abi.REGION_HOST, config.hostSize);
  }

  /** Number of egresses and of nodes of the policy in force; 0 before one is loaded. */
  get egressCount(): number {
    return this.#egressCount;
  }

  /** Number of nodes of the policy in force; 0 before one is loaded. */
  get nodeCount(): number {
    return this.#nodeCount;
  }

  /**
   * Puts a policy blob (`compilePolicy`) in force, in one step, and starts a new policy epoch.
   * @param at where in the arena the blob is handed over: what lies there is overwritten
   * @throws {EngineError} where the engine refuses it; the policy before stays in force
   */
  loadPolicy(blob: Uint8Array, at = 0): void {
    this.#checkRoom(blob, at);
    this.arena.set(blob, at);
    this.#check("loadPolicy", this.#exports.loadPolicy(at, blob.length));
    this.#policyHash = hashPolicy(blob);
    const counts = sectionCounts(blob);
    this.#egressCount = counts[abi.SECTION_EGRESSES]!;
    this.#nodeCount = counts[abi.SECTION_NODES]!;
  }

  /** @param node index into the policy's node table (`nodeTable`)   @throws {EngineError} where there is no such node */
  setGateway(node: number, state: GatewayState): void {
    this.#check(`setGateway ${node} ${state}`, this.#exports.setGateway(node, GATEWAY_CODES[state]));
  }

  /** Whether a node answers at all, whatever its health is believed to be. @throws {EngineError} where there is no such node */
  setReachable(node: number, reachable: boolean): void {
    this.#check(`setReachable ${node}`, this.#exports.setReachable(node, reachable ? 1 : 0));
  }

  /**
   * A node's memory is gone: its mappings are lost (pins stay), and what its own endpoints had open ends.
   * @throws {EngineError} where there is no such node
   */
  nodeLost(node: number): void {
    this.#check(`nodeLost ${node}`, this.#exports.nodeLost(node));
  }

  /**
   * Makes the engine play one node of a cluster. @param node index into `nodeTable`; -1 = every node at once, as at the start; -2 = where
   * endpoints are whose node is not known. Holds for the numbering of the policy in force: say it again after another one.
   */
  setOwnNode(node: number): void {
    this.#check(`setOwnNode ${node}`, this.#exports.setOwnNode(node));
  }

  /**
   * Finds out where frames 0 … count-1 come in: `node(i)` and `egress(i)` say so afterwards. The frames are not processed.
   * @throws {EngineError} where the engine refuses the batch
   */
  locate(count: number): void {
    const code = this.#exports.locate(count);
    if (code !== count) throw refused(`locate ${count} frames`, code);
  }

  /** Tells of frame `i`, as its endpoint sent it, what became of it at another engine. @param what FEEDBACK_* */
  feedback(i: number, what: number): void {
    this.#check(`feedback ${i} ${what}`, this.#exports.feedback(i, what));
  }

  /**
   * Says which members of an IsovalentEgressGatewayPolicy take new connections of endpoints in a zone; all do at first.
   * @param policy index into the model's policies   @param zone index into `zoneTable` + 1; 0 = endpoints without a zone
   * @param members positions in the policy's `egresses`, 0 … 63
   * @throws {EngineError} where there is no such policy, zone or member
   */
  setActive(policy: number, zone: number, members: Iterable<number>): void {
    let low = 0;
    let high = 0;
    for (const member of members) {
      if (!(member >= 0 && member < abi.MEMBERS_MAX))
        throw new EngineError(`setActive ${policy}: member ${member}, expected 0 to ${abi.MEMBERS_MAX - 1}`);
      if (member < 32) low |= 1 << member;
      else high |= 1 << (member - 32);
    }
    this.#check(`setActive ${policy} ${zone}`, this.#exports.setActive(policy, zone, low, high));
  }

  /**
   * Describes frame `i` of the next batch. Not checked here: `process` refuses the batch where a record is wrong.
   * @param i 0 … maxBatch - 1   @param offset of the frame's first byte from the start of the arena
   * @param captured bytes present   @param wire bytes on the wire   @param hook HOOK_*   @param link LINK_*   @param flags FRAME_FLAG_*
   * @param timeLow low 32 bits of the nanoseconds since the epoch   @param timeHigh high 32 bits
   */
  setFrame(
    i: number,
    offset: number,
    captured: number,
    wire: number,
    hook: number,
    link: number,
    flags: number,
    timeLow: number,
    timeHigh: number,
  ): void {
    const at = this.#framesAt + i * abi.FRAME_SIZE;
    const memory = this.memory;
    memory.putU32(at + abi.FRAME_OFFSET_AT, offset);
    memory.putU32(at + abi.FRAME_CAPTURED_AT, captured);
    memory.putU32(at + abi.FRAME_WIRE_AT, wire);
    memory.putU8(at + abi.FRAME_HOOK_AT, hook);
    memory.putU8(at + abi.FRAME_LINK_AT, link);
    memory.putU16(at + abi.FRAME_FLAGS_AT, flags);
    memory.putU32(at + abi.FRAME_TIME_AT, timeLow);
    memory.putU32(at + abi.FRAME_TIME_AT + 4, timeHigh);
  }

  /** Says of frame `i`, after `setFrame`, that it was held under a number which `takeReleased` has named. */
  setReleased(i: number, number: number): void {
    const at = this.#framesAt + i * abi.FRAME_SIZE;
    this.memory.putU16(at + abi.FRAME_FLAGS_AT, this.memory.u16(at + abi.FRAME_FLAGS_AT) | abi.FRAME_FLAG_RELEASED);
    this.memory.putU32(at + abi.FRAME_TAG_AT, number);
  }

  /**
   * Processes frames 0 … count-1 in order, up to and with the first one by which held fragments were released.
   * @returns how many were processed; fewer than `count` where `takeReleased` names frames that come before the others
   * @throws {EngineError} where the engine refuses the batch: nothing was processed then
   */
  process(count: number): number {
    const code = this.#exports.process(count);
    if (code < 0) throw refused(`process ${count} frames`, code);
    return code;
  }

  /** Number under which `takeReleased` will name frame `i`, whose action is ACTION_HOLD: the host keeps the frame until then. */
  holdNumber(i: number): number {
    return this.inner(i);
  }

  /**
   * Numbers of held fragments that are to be given again now, in order, with `setReleased` and the present time: their first fragment
   * has come, or their time is over. Every number is named once.
   */
  takeReleased(): number[] {
    const count = Math.min(this.memory.u32(this.#releasedAt), mostReleased(this.config));
    if (count === 0) return [];
    this.memory.putU32(this.#releasedAt, 0);
    return Array.from({ length: count }, (_, i) => this.memory.u32(this.#releasedAt + 4 + i * 4));
  }

  /** Moves virtual time on (never back) as a frame does: what ends at a certain time ends, expired connections stay until they are met. */
  passTime(timeLow: number, timeHigh: number): void {
    this.#check("passTime", this.#exports.passTime(timeLow | 0, timeHigh | 0));
  }

  /** Moves virtual time on (never back) and removes everything that has expired by then. */
  advance(timeLow: number, timeHigh: number): void {
    this.#check("advance", this.#exports.advance(timeLow | 0, timeHigh | 0));
  }

  /** ACTION_* of frame `i` of the last batch. */
  action(i: number): number {
    return this.memory.u8(this.#verdictsAt + i * abi.VERDICT_SIZE + abi.VERDICT_ACTION_AT);
  }

  /** REASON_* of frame `i`. */
  reason(i: number): number {
    return this.memory.u8(this.#verdictsAt + i * abi.VERDICT_SIZE + abi.VERDICT_REASON_AT);
  }

  /** VERDICT_FLAG_* bits of frame `i`. */
  flags(i: number): number {
    return this.memory.u16(this.#verdictsAt + i * abi.VERDICT_SIZE + abi.VERDICT_FLAGS_AT);
  }

  /** Captured bytes of frame `i` after rewriting. */
  length(i: number): number {
    return this.memory.u32(this.#verdictsAt + i * abi.VERDICT_SIZE + abi.VERDICT_LENGTH_AT);
  }

  /** Index into the model's egresses, or -1 where none applies. */
  egress(i: number): number {
    return this.memory.u32(this.#verdictsAt + i * abi.VERDICT_SIZE + abi.VERDICT_EGRESS_AT) | 0;
  }

  /** NAT port, or the ICMP identifier that stands for it; host order. */
  natPort(i: number): number {
    return this.memory.u16(this.#verdictsAt + i * abi.VERDICT_SIZE + abi.VERDICT_NAT_PORT_AT);
  }

  /** Redirect: where the IP packet starts in frame `i`. Hook from-overlay: where the inner frame does. */
  inner(i: number): number {
    return this.memory.u32(this.#verdictsAt + i * abi.VERDICT_SIZE + abi.VERDICT_INNER_AT);
  }

  /** Node that a redirect goes to, or, after `locate`, node of the endpoint of frame `i`: index into the policy's node table, or -1. */
  node(i: number): number {
    return this.memory.u32(this.#verdictsAt + i * abi.VERDICT_SIZE + abi.VERDICT_NODE_AT) | 0;
  }

  /** Egress before this frame; meaningful with VERDICT_FLAG_REMAPPED and VERDICT_FLAG_RELEASE only. */
  oldEgress(i: number): number {
    return this.memory.u16(this.#verdictsAt + i * abi.VERDICT_SIZE + abi.VERDICT_OLD_EGRESS_AT);
  }

  /** A window onto the 16 bytes of the egress IP, all zero where none applies; overwritten by the next `process`. */
  egressIP(i: number): Uint8Array {
    return this.memory.bytes(this.#verdictsAt + i * abi.VERDICT_SIZE + abi.VERDICT_EGRESS_IP_AT, 16);
  }

  /** A window onto the 16 bytes of a redirect's overlay target. */
  target(i: number): Uint8Array {
    return this.memory.bytes(this.#verdictsAt + i * abi.VERDICT_SIZE + abi.VERDICT_TARGET_AT, 16);
  }

  /** ICMP errors that the last `process` call made, in the order of their frames. None without `config.icmpErrors`. */
  generated(): GeneratedPacket[] {
    if (!this.config.icmpErrors) return [];
    const { at } = this.#region(abi.REGION_GENERATED);
    return Array.from({ length: this.memory.u32(at + abi.GENERATED_COUNT_AT) }, (_, i) => {
      const row = at + abi.GENERATED_ROWS_AT + i * abi.GENERATED_SIZE;
      return {
        frame: this.memory.u32(row + abi.GENERATED_FRAME_AT),
        egress: this.memory.u32(row + abi.GENERATED_EGRESS_AT),
        packet: this.memory.bytes(row + abi.GENERATED_PACKET_AT, this.memory.u32(row + abi.GENERATED_LENGTH_AT)),
      };
    });
  }

  /** Forgets the errors of the last call, or gives this engine one that another one made. */
  putGenerated(error: GeneratedPacket | undefined): void {
    if (!this.config.icmpErrors) return;
    const { at } = this.#region(abi.REGION_GENERATED);
    const count = error ? this.memory.u32(at + abi.GENERATED_COUNT_AT) : 0;
    this.memory.putU32(at + abi.GENERATED_COUNT_AT, error ? count + 1 : 0);
    if (!error) return;
    const row = at + abi.GENERATED_ROWS_AT + count * abi.GENERATED_SIZE;
    this.memory.putU32(row + abi.GENERATED_FRAME_AT, error.frame);
    this.memory.putU32(row + abi.GENERATED_EGRESS_AT, error.egress);
    this.memory.putU32(row + abi.GENERATED_LENGTH_AT, error.packet.length);
    this.memory.bytes(row + abi.GENERATED_PACKET_AT, error.packet.length).set(error.packet);
  }

  /** Translated connections in the table now. */
  get live(): number {
    return this.counter(abi.COUNTER_LIVE_AT);
  }

  /** One counter, exact below 2^32. @param offset COUNTER_*_AT */
  counter(offset: number): number {
    return this.memory.u32(this.#countersAt + offset);
  }

  /** What has been counted since the engine started, or since the state that it was given. */
  counters(): EngineCounters {
    return readCounters(this.memory, this.#countersAt);
  }

  /** What one egress of the policy in force has carried. */
  egressStatsOf(row: number): EgressStats {
    return readEgressStats(this.memory, this.#egressStatsAt + row * abi.EGRESS_STATS_SIZE);
  }

  /** One row per egress of the policy in force, in its order. */
  egressStats(): EgressStats[] {
    return Array.from({ length: this.#egressCount }, (_, row) => this.egressStatsOf(row));
  }

  /**
   * Copies what egresses carry into `into`, TRAFFIC_NUMBERS for each in the order of the policy, and lets their peaks of ports count anew.
   * @param into has room for every egress   @returns number of egresses
   */
  takeTraffic(into: Float64Array): number {
    for (let row = 0; row < this.#egressCount; row++) this.takeTrafficOf(row, into);
    return this.#egressCount;
  }

  /** The same for one egress. */
  takeTrafficOf(row: number, into: Float64Array): void {
    takeTrafficRow(this.memory, this.#egressStatsAt + row * abi.EGRESS_STATS_SIZE, into, row * TRAFFIC_NUMBERS);
  }

  /** Gives every egress back a peak of ports. @param peaks by egress; what is missing counts as 0 */
  putPortPeaks(peaks: readonly number[]): void {
    for (let row = 0; row < this.#egressCount; row++) {
      putPortsPeak(this.memory, this.#egressStatsAt + row * abi.EGRESS_STATS_SIZE, peaks[row] ?? 0);
    }
  }

  /** The conntrack table's bytes: windows, for `connections`. */
  conntrack(): ConntrackBytes {
    return { lines: this.regionBytes(abi.REGION_CONNTRACK), addresses: this.regionBytes(abi.REGION_ADDRESSES) };
  }

  /**
   * Everything that the engine remembers, as a file: tables, counters, clock and gateway states.
   * @throws {EngineError} before a policy is loaded
   */
  saveState(): Uint8Array {
    const policyHash = this.#policyHash;
    if (!policyHash)
      throw new EngineError("saveState: no policy has been loaded, expected one before a state is saved");
    clearTouches(this.conntrack().lines);
    const state = this.#region(abi.REGION_STATE);
    const offset = (id: number) => ({ at: this.#region(id).at - state.at, size: this.#region(id).size });
    return encodeState(this.regionBytes(abi.REGION_STATE), {
      config: this.config,
      policyHash,
      conntrack: offset(abi.REGION_CONNTRACK),
      addresses: offset(abi.REGION_ADDRESSES),
      counters: offset(abi.REGION_COUNTERS),
      egressStats: offset(abi.REGION_EGRESS_STATS),
    });
  }

  /**
   * Goes on where `saveState` left off. The engine must have the same table sizes, profile and seeds, and the same policy loaded.
   * @throws {EngineError} where the file is damaged, foreign or inconsistent; the engine is then as it was before the call
   */
  loadState(file: Uint8Array): void {
    if (!this.#policyHash)
      throw new EngineError("loadState: no policy has been loaded, expected the one that the state was saved under");
    const region = this.regionBytes(abi.REGION_STATE);
    applyState(file, region, this.config, this.#policyHash, () => {
      const code = this.#exports.restore();
      return code === abi.OK ? undefined : refused("restore", code);
    });
  }

  /** Starts another module that shares this engine's memory; see `instantiateCompanion`. */
  startCompanion<Exports extends object>(
    wasm: WasmSource,
    functions: readonly (keyof Exports & string)[],
    process?: (count: number) => number,
  ): Promise<Exports> {
    return instantiateCompanion(wasm, this.#exports, functions, process);
  }

  /** A window onto a region. @param expected size that it must have */
  regionBytes(id: number, expected?: number): Uint8Array {
    const { at, size } = this.#region(id, expected);
    return this.memory.bytes(at, size);
  }

  #region(id: number, expected?: number): { at: number; size: number } {
    const at = this.#exports.regionAt(id) >>> 0;
    const size = this.#exports.regionSize(id) >>> 0;
    if (expected !== undefined && size !== expected) {
      throw new EngineError(
        `engine: region ${id} has ${size} bytes, expected ${expected}: built from another assembly/abi.ts`,
      );
    }
    return { at, size };
  }

  #checkRoom(blob: Uint8Array, at: number): void {
    const room = Math.min(this.config.blobSize, this.arena.length - at);
    if (blob.length > room)
      throw new EngineError(`loadPolicy: the blob has ${blob.length} bytes, expected at most ${room}`);
    if (blob.length < abi.BLOB_HEADER_SIZE) return;
    for (const [name, rows] of Object.entries(neededBy(blob))) {
      const limit = this.config[name as keyof ReturnType<typeof neededBy>];
      if (rows <= limit) continue;
      throw new EngineError(`loadPolicy: the policy has ${rows} ${name}, the engine is configured for ${limit}`);
    }
  }

  #check(call: string, code: number): void {
    if (code < 0) throw refused(call, code);
  }
}

function refused(call: string, code: number): EngineError {
  return new EngineError(`engine: ${call}: ${errorText(code)} (${errorName(code)})`);
}
