import type { Egress, Endpoint, PolicyModel } from "../config/types.js";
import { firstDifference } from "../net/bytes.js";
import { destinationAddress, type IpPacket } from "../net/decode.js";
import { addressKey, mappedAddressKey, type Tuple, tupleKey, tupleOf } from "../net/tuple.js";
import { type Connection, type ConnectionStart, ConnectionTable } from "./connections.js";
import { type Finding, type MismatchField, MismatchLog } from "./fields.js";
import { type Datagram, FragmentMemory } from "./fragments.js";
import { Gateways } from "./gateways.js";
import { type Decision, PolicyInterpreter } from "./interpreter.js";
import { LifetimeTable, type NatProfile } from "./lifetimes.js";
import type { FrameObservation } from "./types.js";

/** Mismatches that are kept in full unless something else is asked for. */
export const MAX_MISMATCHES = 100;

export interface VerifierOptions {
  readonly natProfile: NatProfile;
  /** Mismatches kept in full; all are counted. Default 100. */
  readonly maxMismatches?: number;
  /** True where the engine started from a saved state: mappings that the verifier never saw are notes then. */
  readonly resumed?: boolean;
  /** True where `--unsupported pass` asked for untranslated frames of protocols that the engine cannot translate. */
  readonly unsupportedPasses?: boolean;
  /** True where `--bad-checksum drop` asked for frames with a wrong checksum to be dropped. */
  readonly badChecksumsDrop?: boolean;
  /** True where `--icmp-errors` asked for errors of the gateways' own. */
  readonly icmpErrors?: boolean;
  /**
   * True where another system did the translation: TTL may fall by any number of hops, NAT ports may come from any range, and its
   * lifetimes are unknown. Default false.
   */
  readonly foreign?: boolean;
  /** True = every frame goes through all rules, also where nothing about its connection has changed. Default false. */
  readonly thorough?: boolean;
  /** Programming delay of the scenario in milliseconds: how long what waits to be programmed may leave untranslated. Default 0. */
  readonly propagationMs?: number;
}

/** What all rules share: the tables, the plain reading of the policies, and the log. Holds no rule of its own about a frame. */
export class Judge {
  readonly options: VerifierOptions;
  readonly log: MismatchLog;
  readonly table = new ConnectionTable();
  readonly fragments = new FragmentMemory();
  policies: PolicyInterpreter;
  gateways: Gateways;
  statuses: FrameObservation["statuses"];
  readonly #lifetimes = new Map<number, LifetimeTable>();
  /** Milliseconds of the last change of policies; those from the start are in force from the start. */
  policiesChangedAtMs = Number.NEGATIVE_INFINITY;

  constructor(model: PolicyModel, options: VerifierOptions) {
    this.options = options;
    this.log = new MismatchLog(options.maxMismatches ?? MAX_MISMATCHES);
    this.policies = new PolicyInterpreter(model);
    this.gateways = new Gateways(model, undefined, options.foreign);
  }

  get model(): PolicyModel {
    return this.policies.model;
  }

  /**
   * Begins a new policy epoch: every connection is decided anew at its next frame. A policy that knows no health may have pinned some to
   * gateways that are down; under another one these pins do not hold.
   */
  changePolicies(model: PolicyModel, timeNs: bigint): void {
    // Addresses that moved between gateways are no policies that have to be programmed.
    if (model.policySets !== this.model.policySets) this.policiesChangedAtMs = this.log.sinceStart(timeNs);
    this.policies = new PolicyInterpreter(model);
    this.gateways = new Gateways(model, this.statuses, this.options.foreign);
    for (const node of this.gateways.down) this.table.nodeDown(node);
    this.#lifetimes.clear();
    this.table.epoch++;
  }

  /** Nodes stand differently from now on: pins on those that are down by now are gone. */
  changeStatuses(statuses: FrameObservation["statuses"]): void {
    if (statuses === this.statuses) return;
    this.statuses = statuses;
    const { down } = this.gateways;
    this.gateways = new Gateways(this.model, statuses, this.options.foreign);
    for (const node of this.gateways.down) if (!down.has(node)) this.table.nodeDown(node);
  }

  /** Lifetimes of connections under a policy; -1 = the defaults. */
  lifetimesOf(policy: number): LifetimeTable {
    let table = this.#lifetimes.get(policy);
    if (!table) {
      const timeouts = { ...this.model.settings.timeouts.value, ...this.model.policies[policy]?.timeouts };
      table = new LifetimeTable(timeouts, this.options.foreign ? "foreign" : this.options.natProfile);
      this.#lifetimes.set(policy, table);
    }
    return table;
  }
}

/** One frame being judged, with what every rule needs of it. */
export class Frame {
  /** What is known of the datagram that it is a fragment of, where a gateway has to do with it. */
  datagram: Datagram | undefined;
  /** The connection by which it was translated on its way out. */
  connection: Connection | undefined;

  /** @param packet as decoded from `o.given` */
  constructor(
    readonly judge: Judge,
    readonly o: FrameObservation,
    readonly packet: IpPacket,
    readonly nowMs: number,
  ) {}

  /** The bytes that show the endpoint's own address: of a frame from outside those that were captured. */
  get insideBytes(): Uint8Array {
    return this.o.hook === "from-endpoint" ? this.o.given : this.o.captured;
  }

  /** The connection as the endpoint knows it, within `insideBytes`. */
  get tuple(): Tuple {
    return tupleOf(this.insideBytes, this.packet, this.o.hook === "from-endpoint" ? "source" : "destination");
  }

  /** The endpoint that sent the frame, or that it is for, at the frame's time. */
  get endpoint(): Endpoint | undefined {
    const { sourceAt, destinationAt, family } = this.packet;
    const at = this.o.hook === "from-endpoint" ? sourceAt : destinationAt;
    return this.judge.policies.ownerOfKey(addressKey(this.insideBytes, at, family), this.o.timeNs);
  }

  /** The endpoint that got the packet which an ICMP error from inside quotes: a router on the way to it may have sent the error. */
  get quotedEndpoint(): Endpoint | undefined {
    const { inner, family } = this.packet;
    if (this.packet.kind !== "icmp-error" || !inner || inner.family !== family) return undefined;
    return this.judge.policies.ownerOfKey(addressKey(this.insideBytes, inner.destinationAt, family), this.o.timeNs);
  }

  /** Opens the connection that this frame is the first one of. @param policy index, -1 = none */
  open(direction: ConnectionStart["direction"], endpoint: Endpoint, policy: number): Connection {
    const { judge, insideBytes, tuple } = this;
    const { protocol, insideAt, insidePort, family } = tuple;
    const insideAddress = addressKey(insideBytes, insideAt, family);
    const start = { key: tupleKey(insideBytes, tuple), protocol, direction, endpoint, insideAddress, insidePort };
    return judge.table.open(start, judge.lifetimesOf(policy), this.nowMs);
  }

  find(field: MismatchField, expected: string, got: string, why: string): void {
    this.judge.log.add(this.o, { field, expected, got, why });
  }

  findAll(findings: readonly Finding[]): void {
    for (const finding of findings) this.judge.log.add(this.o, finding);
  }

  /** The source has an owner, although the engine or the host said otherwise. */
  findOwner({ namespace, name }: Endpoint): void {
    this.find("decision", `${namespace}/${name}`, this.o.reason, "the source belongs to an endpoint at this time");
  }

  /** What the policies say about the frame, sent by `endpoint`. */
  decide(endpoint: Endpoint): Decision {
    const { o, packet } = this;
    return this.judge.policies.decide(endpoint, destinationAddress(o.given, packet), packet.family);
  }

  /** True when nothing at all can have ended the mapping: no lifetime, eviction, loss, change of policy or of the address's owner. */
  surelyLives(connection: Connection): boolean {
    return this.isOfNow(connection) && this.judge.table.mustLive(connection, this.nowMs);
  }

  /** True when neither a change of policies nor of the address's owner can have ended the connection. */
  isOfNow({ epoch, start: { endpoint } }: Connection): boolean {
    return epoch === this.judge.table.epoch && (endpoint.toNs === undefined || this.o.timeNs < endpoint.toNs);
  }

  /** A frame that was not translated must be as it came. */
  checkUntouched(): void {
    const { given, result } = this.o;
    const at = given === result ? -1 : firstDifference(given, result);
    if (at < 0) return;
    const [expected, got] = [`${given[at] ?? "end"}`, `${result[at] ?? "end"}`];
    this.find("untouched", expected, got, `byte ${at} of a frame that is not translated changed`);
  }

  /** Remembers which connection the later fragments of a first fragment belong to. */
  rememberFragment(connection: Connection): void {
    if (!this.datagram) return;
    this.datagram.connection = connection;
    this.datagram.mapping = connection.mapping;
  }
}

/**
 * Routed hops that a frame passes between an endpoint and its gateway: one where both nodes are known and differ, else none. In another
 * system's network they are what the frame shows, so that only a TTL that grew is a fault.
 */
export function hopsOf({ judge, o, packet }: Frame, endpoint: Endpoint, gateway: string): number {
  if (!judge.options.foreign) return endpoint.node !== undefined && endpoint.node !== gateway ? 1 : 0;
  return packet.ttlAt < o.result.length ? Math.max(0, o.given[packet.ttlAt]! - o.result[packet.ttlAt]!) : 0;
}

/** The egress IP of a family as `addressKey`, or undefined where the gateway has none. */
export function egressAddressKey(egress: Egress, family: 4 | 6): string | undefined {
  const address = family === 4 ? egress.egressIPv4 : egress.egressIPv6;
  return address && mappedAddressKey(address, family);
}
