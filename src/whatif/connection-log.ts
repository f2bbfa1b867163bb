import * as layout from "../../assembly/outside/layout.js";
import type { NatProfile, PolicyModel } from "../config/types.js";
import {
  ACTION_REVERSE,
  ACTION_SNAT,
  HOOK_FROM_ENDPOINT,
  REASON_NO_EGRESS_GATEWAY,
  REASON_NO_EGRESS_IP,
  VERDICT_FLAG_NEW_CONNECTION_KIND,
  VERDICT_FLAG_REMAPPED,
} from "../engine/codes.js";
import type { ScenarioTime } from "../gateway/scenario.js";
import { formatAddress } from "../net/address.js";
import { decodeFrame, destinationAddress, type IpPacket, sourceAddress } from "../net/decode.js";
import { hasTuple, mappedAddressKey, type Tuple, tupleKey, tupleOf } from "../net/tuple.js";
import { outputLinkType } from "../replay/outputs.js";
import type { ObservedPiece, PieceObserver } from "../replay/piece-observer.js";
import { nanoseconds } from "../replay/time.js";
import { PolicyInterpreter } from "../verify/interpreter.js";
import { LifetimeRules } from "./lifetime.js";
import { count, isReopened, type LoggedConnection, outcomeOf, settle } from "./logged-connection.js";
import { sinceStart } from "./scenarios.js";

const NOT_ONE = "";
const WITHOUT_EGRESS: ReadonlySet<number> = new Set([REASON_NO_EGRESS_GATEWAY, REASON_NO_EGRESS_IP]);

/** The frame of a slot as captured, kept until its verdict is known. */
interface Seen {
  readonly tuple: Tuple;
  readonly packet: IpPacket;
  readonly endpoint: Uint8Array;
  readonly remote: Uint8Array;
}

export interface ConnectionLogOptions {
  /** Those of the start, and those that come into force later: a pod may be known to some of them only. */
  readonly models: readonly [PolicyModel, ...PolicyModel[]];
  readonly natProfile: NatProfile;
  /** When the connections that are alive are noted with their newest frame by then; see `snapshot`. */
  readonly snapshotAt?: ScenarioTime;
  /** Told of each frame that belongs to a connection, in their order, `lastNs` of the connection being its time. */
  readonly onFrame?: (connection: LoggedConnection, frame: LoggedFrame) => void;
}

/** A frame of a connection. */
export interface LoggedFrame {
  /** 1-based, over all captures. */
  readonly number: number;
  /** Sent by the endpoint. */
  readonly isOut: boolean;
  /** Of the TCP header, 0 for all else. */
  readonly tcpFlags: number;
}

/** A connection as it was at the time of the snapshot. */
export interface SnapshotRow {
  readonly connection: LoggedConnection;
  readonly lastNs: number;
  /** See `LifetimeRules`. */
  readonly state: number;
}

/**
 * Every connection of a replay. Frames that belong to no connection of their own (ICMP errors, later fragments, unreadable ones) are left
 * out, and so is what a capture taken outside of the gateways shows: no endpoint can be told there.
 */
export class ConnectionLog implements PieceObserver {
  /** In the order of their first frames. */
  readonly connections: LoggedConnection[] = [];
  /** Timestamp of the first frame; 0 before there is one. */
  startNs = 0n;
  /** Virtual time: the latest timestamp so far. */
  clockNs = 0;
  readonly #owners: readonly PolicyInterpreter[];
  readonly #rules: readonly LifetimeRules[];
  readonly #defaultRules: LifetimeRules;
  readonly #current = new Map<string, LoggedConnection>();
  readonly #seen: (Seen | undefined)[] = [];
  readonly #keys: string[] = [];
  #hasStarted = false;
  readonly #snapshotAt: ScenarioTime | undefined;
  readonly #onFrame: ConnectionLogOptions["onFrame"];
  #snapshotNs = Number.POSITIVE_INFINITY;
  #snapshot: readonly SnapshotRow[] | undefined;

  constructor({ models, natProfile, snapshotAt, onFrame }: ConnectionLogOptions) {
    const [model] = models;
    this.#snapshotAt = snapshotAt;
    this.#onFrame = onFrame;
    this.#owners = models.map((one) => new PolicyInterpreter(one));
    const timeouts = model.settings.timeouts.value;
    this.#defaultRules = new LifetimeRules(timeouts, natProfile);
    this.#rules = model.policies.map((policy) => new LifetimeRules({ ...timeouts, ...policy.timeouts }, natProfile));
  }

  /** The latest timestamp so far, nanoseconds since the epoch. */
  get endNs(): bigint {
    return this.startNs + BigInt(this.clockNs);
  }

  before(piece: ObservedPiece): void {
    const { columns, first, end } = piece;
    if (!this.#hasStarted && end > first) {
      this.startNs = nanoseconds(columns.timeLow[first]!, columns.timeHigh[first]!);
      this.#hasStarted = true;
      if (this.#snapshotAt) this.#snapshotNs = Number(sinceStart(this.#snapshotAt, this.startNs));
    }
    for (let i = first; i < end; i++) {
      this.#keys[i] = NOT_ONE;
      const inside = insideEnd(columns.hook[i]!, columns.flags[i]!);
      if (inside) this.#look(piece, i, inside);
    }
  }

  after(piece: ObservedPiece): void {
    const { columns, first, end, passed } = piece;
    for (let i = first; i < end; i++) {
      const ns = Number(nanoseconds(columns.timeLow[i]!, columns.timeHigh[i]!) - this.startNs);
      if (ns > this.clockNs) this.#advance(ns);
      if (this.#keys[i] !== NOT_ONE) this.#take(piece, i, passed + i + 1);
    }
  }

  /** Connections that were alive at the time of the snapshot, or are now if that is not before the last frame. */
  snapshot(): readonly SnapshotRow[] {
    return this.#snapshot ?? this.#alive(this.#snapshotNs);
  }

  #advance(ns: number): void {
    this.clockNs = ns;
    if (ns <= this.#snapshotNs || this.#snapshot) return;
    this.#snapshot = this.#alive(this.#snapshotNs);
  }

  #alive(atNs: number): SnapshotRow[] {
    return this.connections
      .filter(({ expiresNs, outcome }) => outcome === "snat" && expiresNs > atNs)
      .map((connection) => ({ connection, lastNs: connection.lastNs, state: connection.state }));
  }

  #look({ columns, faces, arena }: ObservedPiece, i: number, inside: "source" | "destination"): void {
    const from = columns.offset[i]!;
    const frame = arena.subarray(from, from + columns.captured[i]!);
    const isInner = (columns.flags[i]! & layout.SLOT_DECAPSULATED) !== 0;
    const linkType = outputLinkType(faces[columns.interface[i]!]!, columns.link[i]!, isInner);
    const packet = decodeFrame(frame, linkType, columns.wire[i]!);
    if (!packet || !hasTuple(packet)) return;
    const tuple = tupleOf(frame, packet, inside);
    this.#keys[i] = tupleKey(frame, tuple);
    const [source, destination] = [sourceAddress(frame, packet), destinationAddress(frame, packet)];
    const isOut = inside === "source";
    this.#seen[i] = { tuple, packet, endpoint: isOut ? source : destination, remote: isOut ? destination : source };
  }

  #take({ columns }: ObservedPiece, i: number, frame: number): void {
    const key = this.#keys[i]!;
    const seen = this.#seen[i]!;
    const action = columns.action[i]!;
    if (action === layout.ACTION_SKIPPED && columns.reason[i]! !== layout.SKIP_AFTER_BREAK) return;
    const isOut = seen.tuple.insideAt === seen.packet.sourceAt;
    const flags = columns.verdictFlags[i]!;
    let connection = this.#current.get(key);
    if (!connection || isReopened(connection, flags) || this.#isForgotten(connection, seen)) {
      connection = this.#begin(seen, isOut, frame);
      this.#current.set(key, connection);
    } else this.#refresh(connection, seen, isOut);
    connection.lastFrame = frame;
    count(connection, isOut, columns.wire[i]!);
    this.#onFrame?.(connection, { number: frame, isOut, tcpFlags: seen.packet.tcpFlags });
    if (WITHOUT_EGRESS.has(columns.reason[i]!)) connection.lacksEgress = true;
    const outcome = outcomeOf(action);
    // What comes back for a frame that never left says nothing about its connection.
    const counts = outcome === "snat" || isOut === connection.isOutbound;
    if (outcome && counts) settle(connection, outcome, columns.reason[i]!);
    const egress = columns.egress[i]!;
    if (egress !== layout.NO_EGRESS && (action === ACTION_SNAT || action === ACTION_REVERSE)) {
      if (connection.firstEgress < 0) connection.firstEgress = egress;
      connection.egress = egress;
      if (action === ACTION_SNAT) connection.natPort = columns.natPort[i]!;
    }
    if (flags & VERDICT_FLAG_REMAPPED) this.#move(connection, columns.oldEgress[i]!, flags);
  }

  /** The engine keeps nothing of what it only dropped; here it ends as if it had been kept. */
  #isForgotten({ outcome, policy, state, protocol, expiresNs }: LoggedConnection, { packet }: Seen): boolean {
    if (outcome === "snat" || outcome === "pass") return false;
    return expiresNs <= this.clockNs || this.#rulesOf(policy).restarts(state, protocol, packet.tcpFlags);
  }

  #begin({ tuple, packet, endpoint, remote }: Seen, isOutbound: boolean, firstFrame: number): LoggedConnection {
    const key = mappedAddressKey(endpoint, tuple.family);
    const nowNs = this.endNs;
    const [first, ...later] = this.#owners.map((policies) => policies.ownerOfKey(key, nowNs));
    const owner = first ?? later.find((one) => one !== undefined);
    const policy = first ? this.#owners[0]!.decide(first, remote, tuple.family).policy : -1;
    const state = this.#defaultRules.first(tuple.protocol, packet.tcpFlags);
    const connection: LoggedConnection = {
      protocol: tuple.protocol,
      endpoint: formatAddress(endpoint),
      endpointPort: tuple.insidePort,
      remote: formatAddress(remote),
      remotePort: tuple.remotePort,
      owner,
      policy,
      isOutbound,
      firstFrame,
      firstNs: this.clockNs,
      lastFrame: firstFrame,
      lastNs: this.clockNs,
      framesOut: 0,
      framesIn: 0,
      bytesOut: 0,
      bytesIn: 0,
      lacksEgress: false,
      outcome: "drop",
      reason: "",
      lastOutcome: "drop",
      lastReason: "",
      firstEgress: -1,
      egress: -1,
      natPort: 0,
      moved: 0,
      movedNs: -1,
      isBroken: false,
      expiresNs: this.clockNs + this.#rulesOf(policy).lifetimeNs(tuple.protocol, state),
      state,
    };
    this.connections.push(connection);
    return connection;
  }

  #refresh(connection: LoggedConnection, { packet }: Seen, isOut: boolean): void {
    const rules = this.#rulesOf(connection.policy);
    const { protocol, state } = connection;
    const next = rules.next(state, protocol, packet.tcpFlags, isOut === connection.isOutbound);
    connection.state = next;
    connection.lastNs = this.clockNs;
    if (rules.refreshes(state, next, packet.tcpFlags))
      connection.expiresNs = this.clockNs + rules.lifetimeNs(protocol, next);
  }

  #move(connection: LoggedConnection, oldEgress: number, flags: number): void {
    if (connection.firstEgress < 0 && oldEgress !== layout.NO_EGRESS) connection.firstEgress = oldEgress;
    if (connection.moved++ === 0) connection.movedNs = this.clockNs;
    if (flags & VERDICT_FLAG_NEW_CONNECTION_KIND) connection.isBroken = true;
  }

  #rulesOf(policy: number): LifetimeRules {
    return this.#rules[policy] ?? this.#defaultRules;
  }
}

/** Which end of a frame is the endpoint; undefined where the engine is not given the frame, or nobody can tell. */
function insideEnd(hook: number, flags: number): "source" | "destination" | undefined {
  if (hook === HOOK_FROM_ENDPOINT) return "source";
  return flags & layout.SLOT_REPLY ? "destination" : undefined;
}
