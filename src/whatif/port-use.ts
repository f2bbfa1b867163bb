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
}

/** Translated connections by the ports that they compete for. @param ports range for all protocols but ICMP, whose identifiers have all 16 bits */
export function portGroups(
  connections: readonly LoggedConnection[],
  { gateways }: Pick<ReplayReport, "gateways">,
  ports: PortRange,
): PortGroup[] {
  const groups = new Map<string, PortGroup>();
  for (const connection of connections) {
    const { firstEgress, protocol, remote, remotePort, firstNs, expiresNs, endpointPort } = connection;
    if (connection.outcome !== "snat") continue;
    const { node, egressIP } = gateways[firstEgress]!;
    const key = `${egressIP} ${protocol} ${remote} ${remotePort}`;
    let group = groups.get(key);
    if (!group) {
      const range = protocol === PROTOCOL_ICMP ? { low: 0, high: 65_535 } : ports;
      group = { node, egressIP, protocol: protocolName(protocol), remote, remotePort, range, leases: [] };
      groups.set(key, group);
    }
    group.leases.push({ fromNs: firstNs, untilNs: expiresNs, own: endpointPort });
  }
  return [...groups.values()];
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
  for (const { reason, protocol, remote, remotePort, firstNs, expiresNs, endpointPort } of connections) {
    if (reason !== NO_PORT) continue;
    const key = destinationKey({ protocol: protocolName(protocol), remote, remotePort });
    const leases = refused.get(key) ?? [];
    leases.push({ fromNs: firstNs, untilNs: expiresNs, own: endpointPort });
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
export function simulateOriginal({ leases, range }: PortGroup, grow: number, seed: number): Refusals {
  const random = new Random(seed);
  return simulate(leases, grow, new OriginalSearch(range, random), random);
}
