import * as layout from "../../assembly/outside/layout.js";
import type { NatProfile, PolicyModel } from "../config/types.js";
import {
  ACTION_REVERSE,
  ACTION_SNAT,
  HOOK_FROM_ENDPOINT,
  VERDICT_FLAG_NEW_CONNECTION_KIND,
  VERDICT_FLAG_REMAPPED,
} from "../engine/codes.js";
import { formatAddress } from "../net/address.js";
import { decodeFrame, destinationAddress, type IpPacket, sourceAddress } from "../net/decode.js";
import { type Tuple, tupleKey, tupleOf } from "../net/tuple.js";
import { outputLinkType } from "../replay/outputs.js";
import type { ObservedPiece, PieceObserver } from "../replay/piece-observer.js";
import { nanoseconds } from "../replay/time.js";
import { PolicyInterpreter } from "../verify/interpreter.js";
import { LifetimeRules } from "./lifetime.js";
import { begins, count, type LoggedConnection, outcomeOf, settle } from "./logged-connection.js";

const NOT_ONE = "";

/** The frame of a slot as captured, kept until its verdict is known. */
interface Seen {
  readonly tuple: Tuple;
  readonly packet: IpPacket;
  readonly endpoint: Uint8Array;
  readonly remote: Uint8Array;
}

export interface ConnectionLogOptions {
  readonly model: PolicyModel;
  readonly natProfile: NatProfile;
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
  readonly #policies: PolicyInterpreter;
  readonly #rules: readonly LifetimeRules[];
  readonly #defaultRules: LifetimeRules;
  readonly #current = new Map<string, LoggedConnection>();
  readonly #seen: (Seen | undefined)[] = [];
  readonly #keys: string[] = [];
  #hasStarted = false;

  constructor({ model, natProfile }: ConnectionLogOptions) {
    this.#policies = new PolicyInterpreter(model);
    const timeouts = model.settings.timeouts.value;
    this.#defaultRules = new LifetimeRules(timeouts, natProfile);
    this.#rules = model.policies.map((policy) => new LifetimeRules({ ...timeouts, ...policy.timeouts }, natProfile));
  }

  before(piece: ObservedPiece): void {
    const { columns, first, end } = piece;
    if (!this.#hasStarted && end > first) {
      this.startNs = nanoseconds(columns.timeLow[first]!, columns.timeHigh[first]!);
      this.#hasStarted = true;
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
      if (ns > this.clockNs) this.clockNs = ns;
      if (this.#keys[i] !== NOT_ONE) this.#take(piece, i, passed + i + 1);
    }
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
    if (!connection || begins(connection, flags)) {
      connection = this.#begin(seen, isOut, frame);
      this.#current.set(key, connection);
    } else this.#refresh(connection, seen, isOut);
    count(connection, isOut, columns.wire[i]!);
    const outcome = outcomeOf(action);
    if (outcome) settle(connection, outcome, columns.reason[i]!);
    const egress = columns.egress[i]!;
    if (egress !== layout.NO_EGRESS && (action === ACTION_SNAT || action === ACTION_REVERSE)) {
      if (connection.firstEgress < 0) connection.firstEgress = egress;
      connection.egress = egress;
      if (action === ACTION_SNAT) connection.natPort = columns.natPort[i]!;
    }
    if (flags & VERDICT_FLAG_REMAPPED) this.#move(connection, columns.oldEgress[i]!, flags);
  }

  #begin({ tuple, packet, endpoint, remote }: Seen, isOutbound: boolean, firstFrame: number): LoggedConnection {
    const owner = this.#policies.ownerOf(endpoint, tuple.family, this.startNs + BigInt(this.clockNs));
    const policy = owner ? this.#policies.decide(owner, remote, tuple.family).policy : -1;
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
      lastNs: this.clockNs,
      framesOut: 0,
      framesIn: 0,
      bytesOut: 0,
      bytesIn: 0,
      framesDropped: 0,
      framesLost: 0,
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
    if (rules.refreshes(state, next)) connection.expiresNs = this.clockNs + rules.lifetimeNs(protocol, next);
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

function hasTuple({ kind }: IpPacket): boolean {
  return kind === "tcp" || kind === "udp" || kind === "sctp" || kind === "echo" || kind === "other";
}
