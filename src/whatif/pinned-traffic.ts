import type { PolicyModel } from "../config/types.js";
import { UsageError } from "../errors.js";
import { formatAddress } from "../net/address.js";
import { hasHandshake, TCP_ACK, TCP_SYN } from "../net/decode.js";
import type { Pin } from "../records/pins.js";
import type { ReplayReport } from "../replay/report-types.js";
import type { LoggedFrame } from "./connection-log.js";
import { hasFailover, hasOther } from "./elsewhere.js";
import type { LoggedConnection } from "./logged-connection.js";
import { fiveTupleName } from "./names.js";
import type { PinIndex } from "./pin-index.js";

/** Ages are printed in whole seconds, and clocks differ. */
const SLACK_NS = 1_000_000_000n;
const FROM_ENDPOINT = 1;
const OPENS = 2;

/** Frames of one connection, in their order. */
interface Track {
  readonly connection: LoggedConnection;
  readonly pins: readonly Pin[];
  readonly numbers: number[];
  readonly ns: number[];
  readonly kinds: number[];
}

/** A connection of the captures with the gateway node that its pin says. */
export interface PinnedConnection extends Omit<Track, "pins"> {
  readonly node: string;
}

/** What connections have in common with the lists of pins. */
export interface PinCoverage {
  /** Different entries of the lists. */
  entries: number;
  /** Connections of the captures that are where their pin says. */
  connections: number;
  /** Those whose five-tuple no list has, or had at another time only; they stay simulated. */
  withoutPin: number;
  /** Those with a pin of a gateway that the manifests do not have; they stay simulated as well. */
  withUnknownGateway: number;
}

/** What the failure of a node does to pinned connections. */
export interface PinnedEffect {
  lostFrames: number;
  hit: number;
  /** Five-tuples. */
  broken: string[];
  rebound: number;
}

/** Keeps the frames of those connections that may have a pin, while captures are replayed. */
export class PinTracks {
  readonly #index: PinIndex;
  readonly #tracks = new Map<LoggedConnection, Track | undefined>();

  constructor(index: PinIndex) {
    this.#index = index;
  }

  /** As `ConnectionLogOptions.onFrame`. */
  readonly note = (connection: LoggedConnection, { number, isOut, tcpFlags }: LoggedFrame): void => {
    if (!this.#tracks.has(connection)) this.#tracks.set(connection, this.#trackOf(connection));
    const track = this.#tracks.get(connection);
    if (!track) return;
    track.numbers.push(number);
    track.ns.push(connection.lastNs);
    track.kinds.push((isOut ? FROM_ENDPOINT : 0) | ((tcpFlags & (TCP_SYN | TCP_ACK)) === TCP_SYN ? OPENS : 0));
  };

  /**
   * Puts the translated connections of the captures where their pins say.
   * @param startNs the first frame's time   @throws {UsageError} where no pin says anything of any of them
   */
  resolve(report: Pick<ReplayReport, "gateways">, model: PolicyModel, startNs: bigint): PinnedTraffic {
    const nodeOf = nodesByGateway(report, model);
    const translated = [...this.#tracks].filter(([{ outcome }]) => outcome === "snat");
    const found = translated.flatMap(([, track]) => (track && pinOf(track, startNs) ? [track] : []));
    const pinned = found.flatMap((track): PinnedConnection[] => {
      const { pins: _p, ...rest } = track;
      const node = nodeOf(pinOf(track, startNs)!);
      return node === undefined ? [] : [{ ...rest, node }];
    });
    const coverage: PinCoverage = {
      entries: this.#index.entries,
      connections: pinned.length,
      withoutPin: translated.length - found.length,
      withUnknownGateway: found.length - pinned.length,
    };
    if (pinned.length === 0) throw new UsageError(nothingFound(coverage, found[0]?.pins[0]));
    return new PinnedTraffic(pinned, coverage, model);
  }

  #trackOf(connection: LoggedConnection): Track | undefined {
    const pins = this.#index.of(connection);
    return pins.length === 0 ? undefined : { connection, pins, numbers: [], ns: [], kinds: [] };
  }
}

/** Connections whose gateway is known, with what a failure does to them: no matter of seeds, and so of no simulation. */
export class PinnedTraffic {
  readonly coverage: PinCoverage;
  readonly #connections: readonly PinnedConnection[];
  readonly #model: PolicyModel;

  constructor(connections: readonly PinnedConnection[], coverage: PinCoverage, model: PolicyModel) {
    this.#connections = connections;
    this.coverage = coverage;
    this.#model = model;
  }

  /** A byte per frame of the captures up to the last one of theirs, by number: 1 where it is one of theirs. */
  frames(): Uint8Array {
    const last = this.#connections.reduce((most, { numbers }) => Math.max(most, numbers.at(-1)!), 0);
    const marks = new Uint8Array(last + 1);
    for (const { numbers } of this.#connections) for (const number of numbers) marks[number] = 1;
    return marks;
  }

  /** Node of each by its five-tuple, as reports write it. */
  nodes(): ReadonlyMap<string, string> {
    return new Map(this.#connections.map(({ connection, node }) => [fiveTupleName(connection), node]));
  }

  /** Connections by the node of their pin, less those that a replay had there. @param gateways of that replay */
  shifts(gateways: ReplayReport["gateways"]): ReadonlyMap<string, number> {
    const shifts = new Map<string, number>();
    const add = (node: string, n: number) => shifts.set(node, (shifts.get(node) ?? 0) + n);
    for (const { connection, node } of this.#connections) {
      add(gateways[connection.firstEgress]!.node, -1);
      add(node, 1);
    }
    return shifts;
  }

  /** @param atNs when the node fails   @param detectedNs when that is noticed, undefined = never; both since the first frame */
  effect(kill: string, atNs: number, detectedNs: number | undefined): PinnedEffect {
    const effect: PinnedEffect = { lostFrames: 0, hit: 0, broken: [], rebound: 0 };
    for (const pinned of this.#connections) {
      const { connection, node } = pinned;
      // Pods of the dead node send nothing more: that hangs on no gateway, and is simulated for all.
      if (node !== kill || connection.owner?.node === kill) continue;
      const { lost, move } = this.#follow(pinned, atNs, detectedNs ?? Number.POSITIVE_INFINITY);
      effect.lostFrames += lost;
      if (lost > 0) effect.hit++;
      if (move === "broken") effect.broken.push(fiveTupleName(connection));
      else if (move === "rebound") effect.rebound++;
    }
    return effect;
  }

  /** Frames are lost until the endpoint sends one after the detection, which another gateway takes. */
  #follow({ connection, node, ns, kinds }: PinnedConnection, atNs: number, detectedNs: number) {
    const none = { lost: 0, move: undefined };
    if (connection.firstNs >= detectedNs || connection.lastNs < atNs) return none;
    const movesNs = hasFailover(this.#model, connection) ? detectedNs : Number.POSITIVE_INFINITY;
    const first = ns.findIndex((time) => time >= atNs);
    const next = ns.findIndex((time, i) => time >= movesNs && (kinds[i]! & FROM_ENDPOINT) !== 0);
    if (next < 0) return { lost: ns.length - first, move: undefined };
    const lost = next - first;
    // Of what opened on the dead gateway nobody outside has seen a tuple that could change.
    if (first === 0 || !hasOther(this.#model, connection, node)) return { lost, move: undefined };
    const isOpen = hasHandshake(connection.protocol) && !(kinds[next]! & OPENS);
    return { lost, move: isOpen ? ("broken" as const) : ("rebound" as const) };
  }
}

/** The pin of a connection: the youngest of those that stood while it sent frames. Times that nobody knows do not exclude. */
function pinOf({ pins, connection }: Track, startNs: bigint): Pin | undefined {
  const [first, last] = [startNs + BigInt(connection.firstNs), startNs + BigInt(connection.lastNs)];
  const fitting = pins.filter(
    ({ createdNs, takenNs }) =>
      (takenNs === undefined || takenNs + SLACK_NS >= first) &&
      (createdNs === undefined || createdNs - SLACK_NS <= last),
  );
  const age = ({ ageSeconds = Number.POSITIVE_INFINITY }: Pin) => ageSeconds;
  return fitting.reduce<Pin | undefined>((best, pin) => (best && age(best) <= age(pin) ? best : pin), undefined);
}

/** Names of gateway nodes by egress IP, else by what a list calls a gateway: name or InternalIP. */
function nodesByGateway({ gateways }: Pick<ReplayReport, "gateways">, model: PolicyModel) {
  const nodes = new Map<string, string>();
  for (const { name, internalIPs } of model.nodes) {
    nodes.set(name, name);
    for (const address of internalIPs) nodes.set(formatAddress(address), name);
  }
  const byEgressIP = new Map(gateways.flatMap(({ egressIP, node }) => (egressIP === "" ? [] : [[egressIP, node]])));
  return ({ egressIP, gateway = "" }: Pin): string | undefined => byEgressIP.get(egressIP) ?? nodes.get(gateway);
}

function nothingFound({ entries, withUnknownGateway }: PinCoverage, example: Pin | undefined): string {
  if (!example)
    return `--pins: none of ${entries} entries is of a connection that the captures show, expected a list of the same time and cluster`;
  const gateway = example.egressIP || example.gateway;
  if (!gateway)
    return "--pins: the entries name neither egress IP nor gateway, expected the output of `bpf nat list` or `egress-ha ct list`";
  return `--pins: ${withUnknownGateway} connections have an entry, but of no gateway of the manifests: ${JSON.stringify(gateway)}, expected its egress IP among theirs`;
}
