import { PROTOCOL_ICMP } from "../net/decode.js";
import { EPHEMERAL_PORTS } from "../net/ports.js";
import { protocolName } from "../net/protocol-name.js";
import type { ReplayReport } from "../replay/report-types.js";
import type { LoggedConnection } from "./logged-connection.js";
import { OriginalSearch, type PortRange, type PortSearch } from "./port-search.js";
import { Random } from "./random.js";

/** Reason of a connection for which every port was taken. */
const NO_PORT = "no-nat-mapping";

/** One port of one egress IP in use toward one (remote, port, protocol). Nanoseconds since the log's start. */
export interface Lease {
  readonly fromNs: number;
  readonly untilNs: number;
  /** The endpoint's own port. */
  readonly own: number;
}

/** All that compete for the same ports. */
export interface PortGroup {
  readonly node: string;
  readonly egressIP: string;
  readonly protocol: string;
  readonly remote: string;
  readonly remotePort: number;
  readonly range: PortRange;
  /** By `fromNs`. */
  readonly leases: Lease[];
  /** What connections that found no port there would have held, by `fromNs`. */
  readonly refused: Lease[];
}

/** What a group's connections want, whether or not they got it. */
export function wantedOf({ leases, refused }: PortGroup): readonly Lease[] {
  return refused.length === 0 ? leases : [...leases, ...refused].sort((a, b) => a.fromNs - b.fromNs);
}

/** Connections that were translated, or found no port, by the ports that they compete for. @param ports range for all protocols but ICMP, whose identifiers have all 16 bits */
export function portGroups(
  connections: readonly LoggedConnection[],
  { gateways }: Pick<ReplayReport, "gateways">,
  ports: PortRange,
): PortGroup[] {
  const groups = new Map<string, PortGroup>();
  for (const connection of connections) {
    const { firstEgress, protocol, remote, remotePort } = connection;
    if (connection.outcome !== "snat") continue;
    const { node, egressIP } = gateways[firstEgress]!;
    const key = `${egressIP} ${protocol} ${remote} ${remotePort}`;
    let group = groups.get(key);
    if (!group) {
      const range = protocol === PROTOCOL_ICMP ? { low: 0, high: 65_535 } : ports;
      group = { node, egressIP, protocol: protocolName(protocol), remote, remotePort, range, leases: [], refused: [] };
      groups.set(key, group);
    }
    group.leases.push(leaseOf(connection));
  }
  placeRefused([...groups.values()], refusedLeases(connections));
  return [...groups.values()];
}

/**
 * Gives connections that found no port to the group that had none for them: the fullest toward their destination when they asked. The
 * engine does not say where it looked; of several that were full they go to each in turn.
 */
function placeRefused(groups: readonly PortGroup[], refused: ReadonlyMap<string, readonly Lease[]>): void {
  for (const [key, leases] of refused) {
    const rivals = groups.filter((group) => destinationKey(group) === key).map((group) => new Fill(group));
    leases.forEach((lease, i) => {
      const shares = rivals.map((rival) => rival.at(lease.fromNs));
      const most = Math.max(...shares);
      const fullest = rivals.filter((_, k) => shares[k] === most);
      fullest[i % fullest.length]?.group.refused.push(lease);
    });
  }
}

/** How full a group is over time. */
class Fill {
  readonly group: PortGroup;
  readonly #starts: number[];
  readonly #ends: number[];

  constructor(group: PortGroup) {
    this.group = group;
    this.#starts = group.leases.map(({ fromNs }) => fromNs).sort((a, b) => a - b);
    this.#ends = group.leases.map(({ untilNs }) => untilNs).sort((a, b) => a - b);
  }

  /** Share of the ports in use. */
  at(ns: number): number {
    const { low, high } = this.group.range;
    return (reached(this.#starts, ns) - reached(this.#ends, ns)) / (high - low + 1);
  }
}

/** How many of these times have come by `ns`. @param sorted ascending */
function reached(sorted: readonly number[], ns: number): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (sorted[middle]! <= ns) from = middle + 1;
    else to = middle;
  }
  return from;
}

function leaseOf({ firstNs, expiresNs, endpointPort }: LoggedConnection): Lease {
  return { fromNs: firstNs, untilNs: expiresNs, own: endpointPort };
}

/** Whose ports compete whatever the egress IP. */
export function destinationKey({
  protocol,
  remote,
  remotePort,
}: Pick<PortGroup, "protocol" | "remote" | "remotePort">): string {
  return `${protocol} ${remote} ${remotePort}`;
}

/** What connections that found no port would have held, by destination. */
export function refusedLeases(connections: readonly LoggedConnection[]): ReadonlyMap<string, Lease[]> {
  const refused = new Map<string, Lease[]>();
  for (const connection of connections) {
    const { reason, protocol, remote, remotePort } = connection;
    if (reason !== NO_PORT) continue;
    const key = destinationKey({ protocol: protocolName(protocol), remote, remotePort });
    const leases = refused.get(key) ?? [];
    leases.push(leaseOf(connection));
    refused.set(key, leases);
  }
  return refused;
}

/** Most ports in use at once, when that was first so, and the most within each of `steps` equal parts of the time to `endNs`. */
export interface Use {
  readonly peak: number;
  readonly peakNs: number;
  readonly steps: number[];
}

/** @param leases in any order */
export function useOf(leases: readonly Lease[], endNs: number, steps: number): Use {
  const starts = leases.map(({ fromNs }) => fromNs).sort((a, b) => a - b);
  const ends = leases.map(({ untilNs }) => untilNs).sort((a, b) => a - b);
  const most = new Array<number>(steps).fill(0);
  const stepOf = (ns: number) => Math.min(steps - 1, Math.floor((ns / (endNs + 1)) * steps));
  let [inUse, ended, peak, peakNs, step] = [0, 0, 0, 0, 0];
  const fillTo = (next: number) => {
    while (step < next) most[++step] = inUse;
  };
  for (const ns of starts) {
    for (; ends[ended]! <= ns; ended++) {
      fillTo(stepOf(ends[ended]!));
      inUse--;
    }
    fillTo(stepOf(ns));
    inUse++;
    most[step] = Math.max(most[step]!, inUse);
    if (inUse > peak) [peak, peakNs] = [inUse, ns];
  }
  for (; ended < ends.length && ends[ended]! <= endNs; ended++) {
    fillTo(stepOf(ends[ended]!));
    inUse--;
  }
  fillTo(steps - 1);
  return { peak, peakNs, steps: most };
}

/** What a search made of a group's connections. */
export interface Refusals {
  readonly asked: number;
  readonly refused: number;
  readonly firstNs: number | undefined;
}

/**
 * Opens the connections of a group, `grow` times as many, with a search. Those that growth adds open together with the ones they are
 * copied from, live as long, and have source ports of their own, drawn from Linux's default range.
 */
export function simulate(leases: readonly Lease[], grow: number, search: PortSearch, random: Random): Refusals {
  let [asked, refused] = [0, 0];
  let firstNs: number | undefined;
  leases.forEach(({ fromNs, untilNs, own }, i) => {
    const copies = Math.floor((i + 1) * grow + 1e-9) - Math.floor(i * grow + 1e-9);
    for (let copy = 0; copy < copies; copy++) {
      asked++;
      const port = copy === 0 ? own : random.between(EPHEMERAL_PORTS.low, EPHEMERAL_PORTS.high);
      if (search.claim(port, fromNs, untilNs)) continue;
      refused++;
      firstNs ??= fromNs;
    }
  });
  return { asked, refused, firstNs };
}

/** The same with the original's search. */
export function simulateOriginal(group: PortGroup, grow: number, seed: number): Refusals {
  const [random, { range }] = [new Random(seed), group];
  return simulate(wantedOf(group), grow, new OriginalSearch(range, random), random);
}
