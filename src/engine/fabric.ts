import * as abi from "../../assembly/abi.js";
import { type Family, familyOf } from "../net/address.js";
import { findTransport } from "../net/ipv6-headers.js";
import type { Engine } from "./engine.js";
import { mostReleased } from "./engine-config.js";

/** Somebody who watches the packets between nodes that are known, before the far end takes them. */
export interface OverlayWatcher {
  /**
   * @param frame number in the batch of what the packet carries   @param from sending node, index into the policy's node table
   * @param captured bytes at the start of `arena`, valid during the call   @param wire bytes on the wire
   */
  packet(frame: number, from: number, captured: number, wire: number, arena: Uint8Array): void;
}

/** Node by index of the egress, for its address of either family: they may be on different nodes. -1 for an address that nobody has any more. */
export type Owners = Readonly<Record<Family, readonly number[]>>;

/** What the endpoint's node knows of a connection, and what its gateway knows. */
const OF_SOURCE =
  abi.VERDICT_FLAG_CREATED |
  abi.VERDICT_FLAG_GUESSED |
  abi.VERDICT_FLAG_REMAPPED |
  abi.VERDICT_FLAG_POLICY_CHANGE |
  abi.VERDICT_FLAG_RESTART |
  abi.VERDICT_FLAG_NEW_CONNECTION_KIND;
const OF_GATEWAY = 0xffff & ~(abi.VERDICT_FLAG_GUESSED | abi.VERDICT_FLAG_RELEASE);
const IPV4_PROTOCOL_AT = 9;
const IPV6_NEXT_HEADER_AT = 6;
const IPV6_SIZE = 40;
/** TCP and SCTP: their connections break when their external tuple changes. */
const BREAKING: ReadonlySet<number> = new Set([6, 132]);
/** No node of the policy's. */
const NOWHERE = -1;

/** A node's engine with one frame in its arena. */
class Station {
  readonly engine: Engine;
  readonly verdict: Uint8Array;
  readonly outer: Uint8Array;
  isDead = false;
  /** Live entries that it has evicted so far, and translated connections that it has. */
  evicted = 0;
  live = 0;
  /** Numbers of frames that it holds, by which the front knows them. */
  readonly held = new Map<number, number>();

  constructor(engine: Engine) {
    this.engine = engine;
    this.verdict = engine.regionBytes(abi.REGION_VERDICTS).subarray(0, abi.VERDICT_SIZE);
    this.outer = engine.regionBytes(abi.REGION_OUTER).subarray(0, abi.OUTER_SIZE);
  }
}

/**
 * One engine per node, and the network between them: frames come in at the front, whose memory they stay in, go through the engines of
 * the nodes that they would pass, as VXLAN packets in between, and end in the front's memory with a verdict as of one engine that plays
 * every node. Frames are taken one at a time, in order, without latency.
 */
export class Fabric {
  watcher: OverlayWatcher | undefined;
  /** Translated connections over all nodes: now, and most after a frame. */
  live = 0;
  peak = 0;
  /** Of the frame that was held last, at any node. */
  #holdNumber = 0;
  /** By number that the front has named: under which its station knows the frame. */
  readonly #numbers = new Map<number, number>();
  readonly #front: Engine;
  readonly #framesAt: number;
  readonly #verdicts: Uint8Array;
  readonly #verdictsAt: number;
  readonly #countersAt: number;
  readonly #releasedAt: number;
  readonly #nowhere: Station;
  #stations: readonly Station[] = [];
  /** Node by index of the egress; for a frame from the network, the node that has the address now. */
  #nodeOfEgress: readonly number[] = [];
  #owners: Owners = { 4: [], 6: [] };

  /** @param front holds frames, verdicts and counters; its own tables stay empty   @param nowhere for endpoints without a node */
  constructor(front: Engine, nowhere: Engine) {
    this.#front = front;
    this.#verdicts = front.regionBytes(abi.REGION_VERDICTS);
    this.#verdictsAt = this.#verdicts.byteOffset;
    this.#framesAt = front.regionBytes(abi.REGION_FRAMES).byteOffset;
    this.#countersAt = front.regionBytes(abi.REGION_COUNTERS).byteOffset;
    this.#releasedAt = front.regionBytes(abi.REGION_RELEASED).byteOffset;
    this.#nowhere = new Station(nowhere);
  }

  /**
   * Who is where under the policy in force, which all engines have loaded. Every node then answers.
   * @param engines by node index   @param nodeOfEgress node by index of the egress   @param owners who has its addresses now
   */
  setNodes(engines: readonly Engine[], nodeOfEgress: readonly number[], owners: Owners): void {
    const known = new Map([...this.#stations, this.#nowhere].map((station) => [station.engine, station]));
    this.#stations = engines.map((engine) => known.get(engine) ?? new Station(engine));
    for (const station of this.#stations) station.isDead = false;
    this.#nodeOfEgress = nodeOfEgress;
    this.#owners = owners;
  }

  /** Packets to a dead node are lost. */
  setDead(node: number, isDead: boolean): void {
    this.#stations[node]!.isDead = isDead;
  }

  /**
   * Takes frames 0 … count-1 of the front through the cluster; `process` of an engine in all but name.
   * @returns how many were taken, as `Engine.process`   @throws {EngineError} where an engine refuses a frame record
   */
  process(count: number): number {
    this.#front.locate(count);
    this.#front.putGenerated(undefined);
    for (let i = 0; i < count; i++) {
      this.#frame(i);
      if (this.live > this.peak) this.peak = this.live;
      this.#front.memory.putU32(this.#verdictsAt + i * abi.VERDICT_SIZE + abi.VERDICT_LIVE_AT, this.live + 1);
      if (this.#front.memory.u32(this.#releasedAt) !== 0) return i + 1;
    }
    return count;
  }

  #at(node: number): Station {
    return this.#stations[node] ?? this.#nowhere;
  }

  #frame(i: number): void {
    const front = this.#front;
    const hook = front.memory.u8(this.#framesAt + i * abi.FRAME_SIZE + abi.FRAME_HOOK_AT);
    const node = front.node(i);
    const egress = front.egress(i);
    if (hook === abi.HOOK_FROM_ENDPOINT) return this.#outbound(i, node);
    if (egress < 0) return this.#inbound(i, node);
    this.#inbound(i, this.#owners[familyOf(front.egressIP(i))][egress] ?? NOWHERE);
  }

  /** Puts frame `i` as it is into a station's arena and lets its engine have it. */
  #give(i: number, station: Station, hook: number): void {
    this.#place(i, station, hook);
    this.#run(i, station);
  }

  /**
   * Lets an engine have the frame in its arena. Those who share the front's memory see there how many live entries were evicted, in one
   * counter for all kinds, and how full the fullest table has been.
   */
  #run(i: number, station: Station): void {
    const { engine } = station;
    engine.process(1);
    this.#passReleased(station);
    for (const error of engine.generated()) this.#front.putGenerated({ ...error, frame: i });
    const { memory } = this.#front;
    const fullestAt = this.#countersAt + abi.COUNTER_ENTRIES_AT;
    const entries = engine.counter(abi.COUNTER_ENTRIES_AT);
    if (entries > memory.u32(fullestAt)) memory.putU32(fullestAt, entries);
    this.#recount(station);
    let evicted = 0;
    for (const counter of EVICTIONS) evicted += engine.counter(counter);
    if (evicted === station.evicted) return;
    const evictedAt = this.#countersAt + abi.COUNTER_EVICTED_ESTABLISHED_AT;
    memory.putU32(evictedAt, memory.u32(evictedAt) + evicted - station.evicted);
    station.evicted = evicted;
  }

  /** Between frames: connections may have ended at any node. */
  recount(): void {
    for (const station of this.#stations) this.#recount(station);
    this.#recount(this.#nowhere);
  }

  #recount(station: Station): void {
    const { live } = station.engine;
    this.live += live - station.live;
    station.live = live;
  }

  /** Puts what a station has released on the front's list, under the numbers that the front knows. */
  #passReleased({ engine, held }: Station): void {
    const { memory } = this.#front;
    for (const number of engine.takeReleased()) {
      const known = held.get(number);
      held.delete(number);
      const count = memory.u32(this.#releasedAt) + 1;
      if (known === undefined || count > mostReleased(this.#front.config)) continue;
      this.#numbers.set(known, number);
      memory.putU32(this.#releasedAt + count * 4, known);
      memory.putU32(this.#releasedAt, count);
    }
  }

  #place(i: number, { engine }: Station, hook: number): void {
    const { memory, arena } = this.#front;
    const record = this.#framesAt + i * abi.FRAME_SIZE;
    const offset = memory.u32(record + abi.FRAME_OFFSET_AT);
    const captured = memory.u32(record + abi.FRAME_CAPTURED_AT);
    engine.arena.set(arena.subarray(offset, offset + captured));
    engine.setFrame(
      0,
      0,
      captured,
      Math.max(captured, memory.u32(record + abi.FRAME_WIRE_AT)),
      hook,
      memory.u8(record + abi.FRAME_LINK_AT),
      memory.u16(record + abi.FRAME_FLAGS_AT),
      memory.u32(record + abi.FRAME_TIME_AT),
      memory.u32(record + abi.FRAME_TIME_AT + 4),
    );
    if (memory.u16(record + abi.FRAME_FLAGS_AT) & abi.FRAME_FLAG_RELEASED)
      engine.setReleased(0, this.#numbers.get(memory.u32(record + abi.FRAME_TAG_AT)) ?? 0);
  }

  /** A frame of an endpoint, at the endpoint's node. */
  #outbound(i: number, node: number): void {
    const source = this.#at(node);
    this.#give(i, source, abi.HOOK_FROM_ENDPOINT);
    const { engine } = source;
    const flags = engine.flags(0);
    if (flags & abi.VERDICT_FLAG_RELEASE) this.#release(i, engine.oldEgress(0));
    if (engine.action(0) === abi.ACTION_REDIRECT) this.#serve(i, node, source, flags);
    else this.#settle(i, source, flags & ~abi.VERDICT_FLAG_RELEASE, 0, 0);
  }

  /** The gateway that a connection has left forgets it. */
  #release(i: number, egress: number): void {
    const gateway = this.#at(this.#nodeOfEgress[egress] ?? NOWHERE);
    if (gateway === this.#nowhere || gateway.isDead) return;
    this.#place(i, gateway, abi.HOOK_FROM_ENDPOINT);
    gateway.engine.feedback(0, abi.FEEDBACK_FORGET);
    this.#recount(gateway);
  }

  /** What its node has redirected, at the gateway. */
  #serve(i: number, node: number, source: Station, flags: number): void {
    const { engine } = source;
    const target = engine.node(0);
    const pinned = engine.egress(0);
    const inner = engine.inner(0);
    const gateway = this.#at(target);
    if (gateway.isDead) return this.#lose(i, source, pinned, flags);
    this.#carry(i, node, source, gateway, inner);
    const answer = gateway.engine.flags(0);
    const isNew = (flags & abi.VERDICT_FLAG_CREATED) !== 0;
    if (gateway.engine.action(0) === abi.ACTION_DROP) this.#refused(source, flags, gateway.engine.reason(0));
    else if (answer & abi.VERDICT_FLAG_CREATED && !isNew) engine.feedback(0, abi.FEEDBACK_RESTART);
    let told = (flags & OF_SOURCE) | (answer & OF_GATEWAY);
    const isMade = (answer & abi.VERDICT_FLAG_CREATED) !== 0;
    const old = flags & abi.VERDICT_FLAG_REMAPPED ? engine.oldEgress(0) : pinned;
    if (isMade && !isNew && !(told & abi.VERDICT_FLAG_REMAPPED)) told |= this.#restarted(i, inner);
    this.#settle(i, gateway, told, inner, abi.OUTER_SIZE);
    if (told & abi.VERDICT_FLAG_REMAPPED) this.#putOldEgress(i, old);
  }

  /** Flags of a connection that its gateway had forgotten. */
  #restarted(i: number, inner: number): number {
    const offset = this.#front.memory.u32(this.#framesAt + i * abi.FRAME_SIZE + abi.FRAME_OFFSET_AT);
    const breaks = BREAKING.has(protocolAt(this.#front.arena, offset + inner));
    return abi.VERDICT_FLAG_REMAPPED | abi.VERDICT_FLAG_RESTART | (breaks ? abi.VERDICT_FLAG_NEW_CONNECTION_KIND : 0);
  }

  /** Nothing came of the frame at the gateway: a connection that begins with that leaves no pin. */
  #refused({ engine }: Station, flags: number, reason: number): void {
    engine.feedback(0, abi.FEEDBACK_REFUSED | (reason << 8));
    const wasPassed = engine.oldEgress(0) === 0xffff || !(flags & abi.VERDICT_FLAG_REMAPPED);
    if (flags & abi.VERDICT_FLAG_CREATED && wasPassed) engine.feedback(0, abi.FEEDBACK_FORGET);
  }

  /** The gateway is dead: nothing arrives. */
  #lose(i: number, source: Station, egress: number, flags: number): void {
    this.#refused(source, flags, abi.REASON_GATEWAY_DOWN);
    const { memory } = this.#front;
    const at = this.#verdictsAt + i * abi.VERDICT_SIZE;
    this.#verdicts.fill(0, i * abi.VERDICT_SIZE, (i + 1) * abi.VERDICT_SIZE);
    memory.putU8(at + abi.VERDICT_ACTION_AT, abi.ACTION_DROP);
    memory.putU8(at + abi.VERDICT_REASON_AT, abi.REASON_GATEWAY_DOWN);
    memory.putU32(at + abi.VERDICT_LENGTH_AT, source.engine.length(0));
    memory.putU32(at + abi.VERDICT_EGRESS_AT, egress);
  }

  /** A frame from the network: at the gateway that has the address, or at the node of the endpoint that it is addressed to. */
  #inbound(i: number, node: number): void {
    const gateway = this.#at(node);
    this.#give(i, gateway, abi.HOOK_FROM_NETWORK);
    const { engine } = gateway;
    if (engine.action(0) !== abi.ACTION_REDIRECT) return this.#settle(i, gateway, engine.flags(0), 0, 0);
    const to = engine.node(0);
    this.#settle(i, gateway, engine.flags(0), 0, 0);
    this.#front.memory.putU8(this.#verdictsAt + i * abi.VERDICT_SIZE + abi.VERDICT_ACTION_AT, abi.ACTION_REVERSE);
    this.#carry(i, node, gateway, this.#at(to), engine.inner(0));
  }

  /**
   * Takes a frame from node `from` to another one through the overlay: its outer header, then the IP packet as it lies in the front's memory.
   * @param inner where that starts in the frame
   */
  #carry(i: number, from: number, sender: Station, receiver: Station, inner: number): void {
    const { memory, arena } = this.#front;
    const record = this.#framesAt + i * abi.FRAME_SIZE;
    const offset = memory.u32(record + abi.FRAME_OFFSET_AT);
    const end = offset + memory.u32(record + abi.FRAME_CAPTURED_AT);
    const wire = Math.max(memory.u32(record + abi.FRAME_WIRE_AT), end - offset) - inner + abi.OUTER_SIZE;
    const { engine } = receiver;
    const { watcher } = this;
    const captured = end - offset - inner + abi.OUTER_SIZE;
    engine.arena.set(sender.outer);
    engine.arena.set(arena.subarray(offset + inner, end), abi.OUTER_SIZE);
    if (watcher && sender !== this.#nowhere && receiver !== this.#nowhere)
      watcher.packet(i, from, captured, wire, engine.arena);
    engine.setFrame(
      0,
      0,
      captured,
      wire,
      abi.HOOK_FROM_OVERLAY,
      abi.LINK_ETHERNET,
      memory.u16(record + abi.FRAME_FLAGS_AT),
      memory.u32(record + abi.FRAME_TIME_AT),
      memory.u32(record + abi.FRAME_TIME_AT + 4),
    );
    this.#run(i, receiver);
  }

  /**
   * Takes a station's verdict and bytes over as those of frame `i`.
   * @param inner where in the frame the bytes begin that lie at `at` of the station's arena
   */
  #settle(i: number, { engine, verdict, held }: Station, flags: number, inner: number, at: number): void {
    const { memory, arena } = this.#front;
    const to = this.#verdictsAt + i * abi.VERDICT_SIZE;
    const record = this.#framesAt + i * abi.FRAME_SIZE;
    const captured = memory.u32(record + abi.FRAME_CAPTURED_AT);
    const offset = memory.u32(record + abi.FRAME_OFFSET_AT) + inner;
    const action = engine.action(0);
    this.#verdicts.set(verdict, i * abi.VERDICT_SIZE);
    memory.putU16(to + abi.VERDICT_FLAGS_AT, flags);
    memory.putU32(to + abi.VERDICT_LENGTH_AT, captured);
    if (action === abi.ACTION_PASS || action === abi.ACTION_DROP) return;
    if (action === abi.ACTION_HOLD) {
      held.set(engine.holdNumber(0), ++this.#holdNumber);
      return memory.putU32(to + abi.VERDICT_INNER_AT, this.#holdNumber);
    }
    const changed = captured - inner;
    arena.set(engine.arena.subarray(at, at + changed), offset);
  }

  #putOldEgress(i: number, egress: number): void {
    this.#front.memory.putU16(this.#verdictsAt + i * abi.VERDICT_SIZE + abi.VERDICT_OLD_EGRESS_AT, egress);
  }
}

/** Protocol of the IP packet at `at`, behind its extension headers. */
function protocolAt(bytes: Uint8Array, at: number): number {
  if (bytes[at]! >> 4 !== 6) return bytes[at + IPV4_PROTOCOL_AT]!;
  return findTransport(bytes, at + IPV6_SIZE, bytes.length, bytes[at + IPV6_NEXT_HEADER_AT]!).protocol;
}

const EVICTIONS = [
  abi.COUNTER_EVICTED_CLOSING_AT,
  abi.COUNTER_EVICTED_UNREPLIED_AT,
  abi.COUNTER_EVICTED_ESTABLISHED_AT,
];
