import { ownModule } from "#platform/wasm.js";
import * as layout from "../../assembly/outside/layout.js";
import { REGION_COUNTERS, REGION_FRAMES, REGION_RELEASED, REGION_VERDICTS } from "../engine/codes.js";
import type { Engine } from "../engine/engine.js";
import type { WasmSource } from "../engine/load.js";
import { EngineError } from "../errors.js";
import { type AddressBytes, formatAddress } from "../net/address.js";
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from "../net/decode.js";
import { type Columns, columnsOf } from "./columns.js";
import type { FilterInstruction } from "./filter.js";
import type { HostRegion } from "./host-region.js";
import { FOR_EVER, type KnownAddress } from "./known-addresses.js";

interface OutsideExports {
  outsideVersion(): number;
  attach(control: number): number;
  classify(count: number, piece: number): void;
  insertAddress(row: number): void;
  run(first: number, end: number): number;
}

const FUNCTIONS = ["outsideVersion", "attach", "classify", "insertAddress", "run"] as const;

export interface OutsideOptions {
  readonly engine: Engine;
  readonly region: HostRegion;
  /** Frames given to the engine at once. */
  readonly batchSize: number;
  readonly pieceFrames: number;
  readonly interfaces: number;
  readonly nodes: number;
  /** Egresses that the engine has room for. */
  readonly egresses: number;
  readonly ownerChanges: readonly bigint[];
  readonly filter: readonly FilterInstruction[];
  readonly tunnelPort: number;
  /** 64 bits. */
  readonly seed: bigint;
  readonly keepsGiven: boolean;
  /** Of how many shards this is which one; all frames of others are left alone. Default: the only one. */
  readonly shard?: Shard;
  readonly wasm?: WasmSource;
  /** What takes the batches instead of the engine. */
  readonly process?: ((count: number) => number) | undefined;
}

/** One of several shares of the remotes. */
export interface Shard {
  /** From 0. */
  readonly index: number;
  readonly count: number;
}

/** An egress IP that nobody answers under. */
export interface DeadAddress {
  readonly bytes: AddressBytes;
  /** Number of the node that it is on. */
  readonly node: number;
}

/** A connection whose external tuple changed, as `run` met it. */
export interface MovedConnection {
  /** Place of its frame in the piece. */
  readonly slot: number;
  readonly protocol: number;
  readonly endpoint: string;
  readonly endpointPort: number;
  readonly remote: string;
  readonly remotePort: number;
}

/**
 * The outside simulator: classifies the frames of a piece, builds what the outside would have sent, takes the frames through the engine.
 * All that it knows lies in the engine's host region.
 */
export class Outside {
  readonly columns: Columns;
  readonly #exports: OutsideExports;
  readonly #view: DataView;
  readonly #host: Uint8Array;
  readonly #region: HostRegion;
  readonly #nodes: number;
  readonly #egresses: number;

  /** @throws {EngineError} where outside.wasm is missing or was built from another layout */
  static async start(options: OutsideOptions): Promise<Outside> {
    const wasm = options.wasm ?? ownModule("outside");
    const exports = await options.engine.startCompanion<OutsideExports>(wasm, FUNCTIONS, options.process);
    if (exports.outsideVersion() !== layout.OUTSIDE_VERSION) {
      throw new EngineError(
        `${typeof wasm === "string" ? wasm : "outside module"}: has another layout version, expected ${layout.OUTSIDE_VERSION}; build both together`,
      );
    }
    return new Outside(options, exports);
  }

  private constructor(options: OutsideOptions, exports: OutsideExports) {
    const { engine, region } = options;
    this.#exports = exports;
    this.#host = engine.host;
    this.#region = region;
    this.#nodes = options.nodes;
    this.#egresses = options.egresses;
    this.#view = new DataView(engine.host.buffer, engine.host.byteOffset, engine.host.byteLength);
    this.columns = columnsOf(engine.host, region, options.pieceFrames);
    this.#writeControl(options);
    this.#writeTables(options);
    const code = exports.attach(engine.host.byteOffset);
    if (code !== 0) throw new EngineError(`outside.wasm: refuses its control block (${code}); build both together`);
  }

  /** Whose each address is: before the first piece is classified, and once. */
  setAddresses(addresses: ReadonlyMap<string, KnownAddress>): void {
    this.#writeSpans(addresses);
    for (const row of addressRows(addresses)) this.#insertAddress(row);
  }

  /** Classifies the first `count` frames of the columns. @param piece number of the piece, from 1 */
  classify(count: number, piece: number): void {
    this.#exports.classify(count, piece);
  }

  /**
   * Takes frames `first` to `end` - 1 through the engine, up to the time that `stopAt` was told.
   * @returns the frame to go on with; less than `end` where `moved` has to be read first, frames were released, or that time has come
   * @throws {EngineError} where the engine refuses a batch
   */
  run(first: number, end: number): number {
    const next = this.#exports.run(first, end);
    if (next < 0) throw new EngineError(`engine: process: refused a batch (${next})`);
    return next;
  }

  /** What is decided for an interface: INTERFACE_FLAG_* bits, and the LINK_* of its frames (0 = unsupported). */
  setInterface(number: number, link: number, flags: number): void {
    const at = this.#region.interfaces + number * layout.INTERFACE_SIZE;
    this.#view.setUint8(at + layout.INTERFACE_LINK_AT, link);
    this.#view.setUint8(at + layout.INTERFACE_FLAGS_AT, flags);
  }

  /** Policy or gateways changed in mid-run: from now on any connection may be moved at its next frame. */
  unsettle(): void {
    this.#view.setUint32(layout.CONTROL_FLAGS_AT, layout.CONTROL_FLAG_UNSETTLED, true);
  }

  /** `run` stops before the first frame whose virtual time is `ns` or later; a time that no frame can have = never. */
  stopAt(ns: bigint): void {
    this.#view.setBigUint64(layout.CONTROL_UNTIL_AT, ns < FOR_EVER ? ns : FOR_EVER, true);
  }

  /**
   * Who does not answer from now on.
   * @param nodes numbers of nodes   @param egresses by index of the egress: number of the dead node that its address is on
   * @param addresses egress IPs on dead nodes
   */
  setUnreachable(
    nodes: readonly number[],
    egresses: readonly (number | undefined)[],
    addresses: readonly DeadAddress[],
  ): void {
    const view = this.#view;
    const region = this.#region;
    const dead = new Set(nodes);
    for (let node = 0; node < this.#nodes; node++) {
      const flags = dead.has(node) ? layout.NODE_FLAG_UNREACHABLE : 0;
      view.setUint32(region.nodes + node * layout.NODE_SIZE + layout.NODE_FLAGS_AT, flags, true);
    }
    this.#host.fill(0xff, region.egressNodes, region.egressNodes + this.#egresses * 2);
    egresses.forEach((node, egress) => {
      if (node !== undefined) view.setUint16(region.egressNodes + egress * 2, node, true);
    });
    addresses.forEach(({ bytes, node }, i) => {
      this.#host.set(bytes, region.deadAddresses + i * layout.DEAD_SIZE + layout.DEAD_BYTES_AT);
      view.setUint32(region.deadAddresses + i * layout.DEAD_SIZE + layout.DEAD_NODE_AT, node, true);
    });
    view.setUint32(layout.CONTROL_DEAD_COUNT_AT, addresses.length, true);
    view.setUint32(layout.CONTROL_UNREACHABLE_AT, nodes.length, true);
  }

  /** Frames lost so far. */
  get lost(): number {
    return Number(this.#view.getBigUint64(layout.CONTROL_LOST_AT, true));
  }

  /** Frames lost so far because of one node. @param node its number */
  lostBecauseOf(node: number): number {
    return this.#view.getUint32(this.#region.nodes + node * layout.NODE_SIZE + layout.NODE_LOST_AT, true);
  }

  /** Place in the piece of frame `i` of the running batch. */
  slotOf(i: number): number {
    return this.#view.getUint32(this.#region.pending + i * layout.PENDING_SIZE + layout.PENDING_SLOT_AT, true);
  }

  /** Connections that the last `run` saw moved. */
  moved(): MovedConnection[] {
    const count = this.#view.getUint32(layout.CONTROL_EVENT_COUNT_AT, true);
    return Array.from({ length: count }, (_, i) => this.#movedAt(this.#region.events + i * layout.EVENT_SIZE));
  }

  /** Frames that the last `run` gave to the engine. */
  get given(): number {
    return this.#view.getUint32(layout.CONTROL_GIVEN_COUNT_AT, true);
  }

  /** Mappings given up for others because the table was crowded. */
  get evictedMappings(): number {
    return this.#view.getUint32(layout.CONTROL_EVICTED_AT, true);
  }

  /** Latest timestamp that `run` has seen, as two halves. */
  get clockLow(): number {
    return this.#view.getUint32(layout.CONTROL_CLOCK_AT, true);
  }

  get clockHigh(): number {
    return this.#view.getUint32(layout.CONTROL_CLOCK_AT + 4, true);
  }

  #movedAt(at: number): MovedConnection {
    const key = this.#view.getUint32(at + layout.EVENT_PROTOCOL_AT, true);
    const isIpv6 = (key & layout.WIDE_PROTOCOL) !== 0;
    const protocol = key & ~layout.WIDE_PROTOCOL;
    const addressAt = (from: number) => (isIpv6 ? this.#wideAt(from) : this.#host.subarray(from, from + 4).join("."));
    return {
      slot: this.#view.getUint32(at + layout.EVENT_SLOT_AT, true),
      protocol: isIpv6 && protocol === PROTOCOL_ICMP ? PROTOCOL_ICMPV6 : protocol,
      endpoint: addressAt(at + layout.EVENT_ADDRESSES_AT),
      remote: addressAt(at + layout.EVENT_ADDRESSES_AT + 4),
      endpointPort: this.#view.getUint16(at + layout.EVENT_PORTS_AT),
      remotePort: this.#view.getUint16(at + layout.EVENT_PORTS_AT + 2),
    };
  }

  /** Text of the IPv6 address whose number stands at `from`. */
  #wideAt(from: number): string {
    const place = this.#region.wide + (this.#view.getUint32(from, true) - 1) * layout.WIDE_SIZE;
    return formatAddress(this.#host.subarray(place, place + layout.WIDE_SIZE));
  }

  #writeControl(options: OutsideOptions): void {
    const { engine, region } = options;
    const base = engine.host.byteOffset;
    const put = (at: number, value: number) => this.#view.setUint32(at, value, true);
    put(layout.CONTROL_VERSION_AT, layout.OUTSIDE_VERSION);
    put(layout.CONTROL_ARENA_AT, engine.arena.byteOffset);
    put(layout.CONTROL_ENGINE_FRAMES_AT, engine.regionBytes(REGION_FRAMES).byteOffset);
    put(layout.CONTROL_ENGINE_VERDICTS_AT, engine.regionBytes(REGION_VERDICTS).byteOffset);
    put(layout.CONTROL_BATCH_AT, options.batchSize);
    put(layout.CONTROL_MAPPINGS_AT, base + region.mappings);
    put(layout.CONTROL_MAPPING_SLOTS_AT, region.mappingSlots);
    put(layout.CONTROL_WIDE_AT, base + region.wide);
    put(layout.CONTROL_WIDE_SLOTS_AT, region.wideSlots);
    put(layout.CONTROL_FRAGMENTS_AT, base + region.fragments);
    put(layout.CONTROL_RELEASED_AT, engine.regionBytes(REGION_RELEASED).byteOffset);
    put(layout.CONTROL_ADDRESSES_AT, base + region.addresses);
    put(layout.CONTROL_ADDRESS_SLOTS_AT, region.addressSlots);
    put(layout.CONTROL_SHORT_AT, base + region.shortAddresses);
    put(layout.CONTROL_SPANS_AT, base + region.spans);
    put(layout.CONTROL_CHANGES_AT, base + region.changes);
    put(layout.CONTROL_CHANGE_COUNT_AT, options.ownerChanges.length);
    put(layout.CONTROL_INTERFACES_AT, base + region.interfaces);
    put(layout.CONTROL_INTERFACE_COUNT_AT, options.interfaces);
    put(layout.CONTROL_CAPACITY_AT, options.pieceFrames);
    region.columns.forEach((at, id) => {
      put(layout.CONTROL_COLUMNS_AT + id * 4, base + at);
    });
    put(layout.CONTROL_COUNTERS_AT, engine.regionBytes(REGION_COUNTERS).byteOffset);
    put(layout.CONTROL_CONNECTIONS_AT, engine.config.connections);
    put(layout.CONTROL_PARSED_AT, base + region.parsed);
    put(layout.CONTROL_PENDING_AT, base + region.pending);
    put(layout.CONTROL_STAMPS_AT, base + region.stamps);
    put(layout.CONTROL_COPIES_AT, base + region.copies);
    put(layout.CONTROL_COPY_SLOTS_AT, region.copySlots);
    put(layout.CONTROL_EVENTS_AT, base + region.events);
    put(layout.CONTROL_GIVEN_AT, options.keepsGiven ? base + region.given : 0);
    put(layout.CONTROL_FILTER_AT, base + region.filter);
    put(layout.CONTROL_FILTER_COUNT_AT, options.filter.length);
    put(layout.CONTROL_TUNNEL_PORT_AT, options.tunnelPort);
    put(layout.CONTROL_EGRESS_NODES_AT, base + region.egressNodes);
    put(layout.CONTROL_EGRESS_ROOM_AT, options.egresses);
    put(layout.CONTROL_NODES_AT, base + region.nodes);
    put(layout.CONTROL_NODE_COUNT_AT, options.nodes);
    put(layout.CONTROL_DEAD_ADDRESSES_AT, base + region.deadAddresses);
    put(layout.CONTROL_SHARD_AT, options.shard?.index ?? 0);
    put(layout.CONTROL_SHARD_COUNT_AT, options.shard?.count ?? 1);
    put(layout.CONTROL_DEAD_COUNT_AT, 0);
    put(layout.CONTROL_UNREACHABLE_AT, 0);
    this.#view.setBigUint64(layout.CONTROL_UNTIL_AT, FOR_EVER, true);
    this.#view.setBigUint64(layout.CONTROL_LOST_AT, 0n, true);
    this.#view.setBigUint64(layout.CONTROL_SEED_AT, options.seed, true);
  }

  #writeTables({ filter, ownerChanges }: OutsideOptions): void {
    ownerChanges.forEach((time, i) => {
      this.#view.setBigUint64(this.#region.changes + i * 8, time, true);
    });
    filter.forEach(({ code, value, bytes }, i) => {
      const at = this.#region.filter + i * layout.FILTER_SIZE;
      this.#view.setUint32(at + layout.FILTER_CODE_AT, code, true);
      this.#view.setUint32(at + layout.FILTER_VALUE_AT, value, true);
      if (bytes) this.#host.set(bytes, at + layout.FILTER_BYTES_AT);
    });
  }

  #writeSpans(addresses: ReadonlyMap<string, KnownAddress>): void {
    let at = this.#region.spans;
    for (const { spans } of addresses.values()) {
      for (const { from, to, node } of spans) {
        this.#view.setBigUint64(at + layout.SPAN_FROM_AT, from, true);
        this.#view.setBigUint64(at + layout.SPAN_TO_AT, to, true);
        this.#view.setUint32(at + layout.SPAN_NODE_AT, node, true);
        at += layout.SPAN_SIZE;
      }
    }
  }

  #insertAddress({ row, firstSpan }: AddressRow): void {
    const at = this.#region.row;
    this.#host.set(row.bytes, at + layout.ADDRESS_BYTES_AT);
    this.#view.setUint32(at + layout.ADDRESS_FLAGS_AT, row.flags | timed(row), true);
    this.#view.setUint32(at + layout.ADDRESS_SPANS_AT, firstSpan, true);
    this.#view.setUint32(at + layout.ADDRESS_SPAN_COUNT_AT, row.spans.length, true);
    this.#exports.insertAddress(this.#host.byteOffset + at);
  }
}

/** An endpoint that owns its address in one span without bounds owns it at all times. */
function timed({ spans, flags }: KnownAddress): number {
  if (!(flags & layout.ADDRESS_ENDPOINT)) return 0;
  return spans.some(({ from, to }) => from === 0n && to === FOR_EVER) ? 0 : layout.ADDRESS_TIMED;
}

interface AddressRow {
  readonly row: KnownAddress;
  readonly firstSpan: number;
}

function* addressRows(addresses: ReadonlyMap<string, KnownAddress>): Generator<AddressRow> {
  let firstSpan = 0;
  for (const row of addresses.values()) {
    yield { row, firstSpan };
    firstSpan += row.spans.length;
  }
}
