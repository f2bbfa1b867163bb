import type { Endpoint } from "../config/types.js";
import { PROTOCOL_TCP, TCP_FIN, TCP_RST } from "../net/decode.js";
import type { KnownFlow } from "./known-flows.js";
import { CLOCK_GRAIN_MS, type LifetimeBounds, type LifetimeTable, type TcpHistory } from "./lifetimes.js";

/** How long dead connections are remembered, in longest lifetimes, so that a mapping that lives on is told from an unknown one. */
const REMEMBERED_LIFETIMES = 2;

/** Entries that the sweep looks at for each new connection: more than one, so that it gets ahead of them. */
const SWEPT_PER_OPENING = 4;

/** What a connection is from its first frame on. */
export interface ConnectionStart {
  /** Inside tuple. */
  readonly key: string;
  readonly protocol: number;
  readonly direction: "outbound" | "inbound";
  readonly endpoint: Endpoint;
  /** Where replies go, as an `addressKey` and a port or echo identifier. */
  readonly insideAddress: string;
  readonly insidePort: number;
}

/** The external side of a translated connection. */
export interface Mapping {
  /** External tuple. */
  readonly key: string;
  /** Egress IP as `addressKey`. */
  readonly address: string;
  readonly natPort: number;
  /** Name of the gateway node. */
  readonly gateway: string;
}

/** One connection between an endpoint and a remote, as frames showed it. */
export class Connection {
  /** Of TCP, and of SCTP where that has states. */
  readonly tcp: TcpHistory | undefined;
  /** Undefined for inbound connections, and while nothing of an outbound one has left. */
  mapping: Mapping | undefined;
  /** True while no other connection took the external tuple of `mapping`. */
  isHolder = false;
  /** Policy of the last decision, index into `PolicyModel.policies`; -1 for inbound connections. */
  policy = -1;
  /** Policy epoch of the last decision. */
  epoch = 0;
  /** Milliseconds of the last frame that surely refreshed the entry, and of the last one that may have. */
  sureAt: number;
  maybeAt: number;
  /** Evictions at `sureAt`: when they grew since, nothing is sure. */
  evictions = 0;
  /** The last event of nodes before its last frame in the original direction; what comes later ends its mapping or its pin. */
  event = 0;
  /** Its last frame was refused: the mapping is gone, and the connection goes on. */
  isRefused = false;
  /** Gateway that it is pinned to: that of `mapping`, or the one that a frame was lost on since. */
  pin: string | undefined;
  /** What its next frames look like where nothing happens; undefined while that is not known. */
  flow: KnownFlow | undefined;

  /** @param lifetimes of its policy, or the defaults for an inbound one */
  constructor(
    readonly start: ConnectionStart,
    public lifetimes: LifetimeTable,
    nowMs: number,
  ) {
    this.tcp = lifetimes.historyOf(start.protocol);
    this.sureAt = this.maybeAt = nowMs;
  }

  get bounds(): LifetimeBounds {
    return this.lifetimes.of(this.start.protocol, this.tcp);
  }
}

/** All connections that may still matter, by their inside tuple and (translated ones) by their external tuple. */
export class ConnectionTable {
  readonly #byKey = new Map<string, Connection>();
  readonly #byExternal = new Map<string, Connection>();
  /** How many external tuples are taken per (egress IP, remote, remote port, protocol). */
  readonly #taken = new Map<string, number>();
  /** Number of the event at which a node last lost its memory, and at which it was last found down; events count from 1. */
  readonly #lostAt = new Map<string, number>();
  readonly #downAt = new Map<string, number>();
  #event = 0;
  #sweep: Iterator<Connection> | undefined;
  /** Live entries that the engine evicted so far, as it last said. */
  evictions = 0;
  /** Milliseconds of the frame at hand. */
  nowMs = 0;
  /** Policy epoch: grows with each change of policies. */
  epoch = 0;

  /** Connections remembered now. */
  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): Connection | undefined {
    return this.#unlessLongDead(this.#byKey.get(key));
  }

  holderOf(externalKey: string): Connection | undefined {
    return this.#unlessLongDead(this.#byExternal.get(externalKey));
  }

  /** What the sweep has not come by yet is forgotten all the same: how often it comes by must not show. */
  #unlessLongDead(connection: Connection | undefined): Connection | undefined {
    if (!connection || !this.#isLongDead(connection)) return connection;
    this.forget(connection.start.key);
    return undefined;
  }

  #isLongDead({ maybeAt, bounds, lifetimes }: Connection): boolean {
    return this.nowMs - maybeAt > bounds.longest * REMEMBERED_LIFETIMES + lifetimes.hold;
  }

  /** External tuples held toward one (egress IP, remote, remote port, protocol), dead ones that were not swept yet included. */
  takenToward(externalKey: string): number {
    return this.#taken.get(withoutNatPort(externalKey)) ?? 0;
  }

  /** Takes in a connection at its first frame; an older one with the same inside tuple is forgotten. */
  open(start: ConnectionStart, lifetimes: LifetimeTable, nowMs: number): Connection {
    this.#sweepSome();
    this.forget(start.key);
    const connection = new Connection(start, lifetimes, nowMs);
    connection.epoch = this.epoch;
    connection.event = this.#event;
    connection.evictions = this.evictions;
    this.#byKey.set(start.key, connection);
    return connection;
  }

  /** Gives `connection` its external tuple; whoever held it and what it held before are released. A second one makes it begin anew. */
  claim(connection: Connection, mapping: Mapping): void {
    if (connection.mapping) connection.tcp?.mayBeAnew();
    this.#release(connection);
    const holder = this.#byExternal.get(mapping.key);
    if (holder) this.#release(holder);
    connection.mapping = mapping;
    connection.isRefused = false;
    connection.pin = mapping.gateway;
    connection.isHolder = true;
    this.#byExternal.set(mapping.key, connection);
    const toward = withoutNatPort(mapping.key);
    this.#taken.set(toward, (this.#taken.get(toward) ?? 0) + 1);
  }

  /** Counts a frame that the engine took for `connection`; `original` = in the direction of its first frame. */
  refresh(connection: Connection, tcpFlags: number, original: boolean, nowMs: number): void {
    if (connection.tcp) {
      // A reply to a translated connection proves that it went on; any other frame may have opened it again.
      const mayOpen = original || connection.start.direction === "inbound";
      if (mayOpen && !this.mustLive(connection, nowMs)) connection.tcp.mayBeAnew();
      connection.tcp.see(tcpFlags, original, nowMs);
    }
    connection.maybeAt = nowMs;
    if (original) connection.event = this.#event;
    if (!connection.lifetimes.surelyRefreshes(connection.start.protocol, tcpFlags, original)) return;
    connection.sureAt = nowMs;
    connection.evictions = this.evictions;
  }

  /** A frame of `connection` was lost on its way: the engine may have taken it into account or not. */
  lose(connection: Connection, tcpFlags: number, nowMs: number): void {
    connection.flow = undefined;
    connection.tcp?.mayBeAnew();
    connection.maybeAt = nowMs;
    if ((tcpFlags & (TCP_FIN | TCP_RST)) !== 0) connection.sureAt = Number.NEGATIVE_INFINITY;
  }

  /** A frame of `connection` was refused for want of a gateway, an egress IP or a NAT port. */
  refuse(connection: Connection, tcpFlags: number, nowMs: number): void {
    this.lose(connection, tcpFlags, nowMs);
    this.#release(connection);
    connection.isRefused = true;
  }

  /** The connection is pinned to `gateway` from now on, where nothing is known of it yet: its mapping is gone. */
  movePin(connection: Connection, gateway: string): void {
    connection.flow = undefined;
    connection.pin = gateway;
    connection.event = this.#event;
  }

  /** The node lost its memory: mappings on it are gone, and the connections of its endpoints are over. */
  nodeLost(node: string): void {
    this.#lostAt.set(node, ++this.#event);
  }

  /** The node was found down: no connection is pinned to it any longer. */
  nodeDown(node: string): void {
    this.#downAt.set(node, ++this.#event);
  }

  /** True when the mapping of `connection` is gone: refused, pinned elsewhere, or its gateway lost its memory since it was last used. */
  hasLostMapping(connection: Connection): boolean {
    const gateway = connection.mapping?.gateway;
    return connection.isRefused || connection.pin !== gateway || this.#happenedSince(connection, this.#lostAt, gateway);
  }

  /** True when the gateway that `connection` is pinned to was found down since. */
  hasLostPin(connection: Connection): boolean {
    return this.#happenedSince(connection, this.#downAt, connection.pin);
  }

  /** True when the node of the endpoint lost its memory: the connection is over, whatever its gateway remembers. */
  hasLostEndpoint(connection: Connection): boolean {
    return this.#happenedSince(connection, this.#lostAt, connection.start.endpoint.node);
  }

  #happenedSince({ event }: Connection, events: ReadonlyMap<string, number>, node = ""): boolean {
    return event !== this.#event && (events.get(node) ?? 0) > event;
  }

  /** True when no lifetime, eviction or loss of memory can have ended the mapping. Says nothing about changes of policy or owner. */
  mustLive(connection: Connection, nowMs: number): boolean {
    return this.keepsPin(connection, nowMs) && !this.hasLostMapping(connection);
  }

  /** True when the connection surely goes on and is pinned to its gateway, whether that still has its mapping or not. */
  keepsPin(connection: Connection, nowMs: number): boolean {
    return this.mustGoOn(connection, nowMs) && !this.hasLostPin(connection);
  }

  /** True when no lifetime, eviction or loss of the endpoint's node can have ended the connection: a new tuple must be on record. */
  mustGoOn(connection: Connection, nowMs: number): boolean {
    if (connection.evictions !== this.evictions || this.hasLostEndpoint(connection)) return false;
    const { shortest } = connection.bounds;
    const closingAt = connection.tcp?.closingAt ?? -1;
    const since = closingAt >= 0 ? Math.min(closingAt, connection.sureAt) : connection.sureAt;
    return nowMs - since < shortest - CLOCK_GRAIN_MS;
  }

  /** True when the external tuple of `connection` is surely held down: its lifetime, and nothing else, has ended or will end it. */
  mustHold(connection: Connection, nowMs: number): boolean {
    if (connection.start.protocol !== PROTOCOL_TCP || this.hasLostMapping(connection) || this.hasLostPin(connection))
      return false;
    return this.mustGoOn(connection, nowMs - connection.lifetimes.hold);
  }

  /** True when every lifetime that may apply has passed, or the endpoint's node forgot the connection. */
  mustBeDead(connection: Connection, nowMs: number): boolean {
    if (this.hasLostEndpoint(connection)) return true;
    return nowMs - connection.maybeAt > connection.bounds.longest + CLOCK_GRAIN_MS;
  }

  /** `idle 61.0 s, lifetime 60 s`, for messages. */
  describeAge(connection: Connection, nowMs: number): string {
    const { shortest, longest } = connection.bounds;
    const limits = shortest === longest ? `${shortest / 1000} s` : `${shortest / 1000} to ${longest / 1000} s`;
    return `idle ${((nowMs - connection.maybeAt) / 1000).toFixed(1)} s, lifetime ${limits}`;
  }

  forget(key: string): void {
    const connection = this.#byKey.get(key);
    if (!connection) return;
    this.#release(connection);
    this.#byKey.delete(key);
  }

  /** Forgets what is long dead, a few entries per call, so that memory follows the connections alive and not those ever seen. */
  #sweepSome(): void {
    this.#sweep ??= this.#byKey.values();
    for (let i = 0; i < SWEPT_PER_OPENING; i++) {
      const next = this.#sweep.next();
      if (next.done) {
        this.#sweep = undefined;
        return;
      }
      if (this.#isLongDead(next.value)) this.forget(next.value.start.key);
    }
  }

  #release(connection: Connection): void {
    connection.flow = undefined;
    const key = connection.mapping?.key;
    if (key === undefined || !connection.isHolder) return;
    connection.isHolder = false;
    this.#byExternal.delete(key);
    const toward = withoutNatPort(key);
    const left = (this.#taken.get(toward) ?? 0) - 1;
    if (left > 0) this.#taken.set(toward, left);
    else this.#taken.delete(toward);
  }
}

/** A `tupleKey` without its inside port: the three last units are protocol, inside port and remote port. */
function withoutNatPort(externalKey: string): string {
  return externalKey.slice(0, -2) + externalKey.slice(-1);
}
