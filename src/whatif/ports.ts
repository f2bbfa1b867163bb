import type { PolicyModel } from "../config/types.js";
import type { ReplayOptions } from "../replay/options.js";
import { formatTime } from "../replay/time.js";
import { CompleteSearch, type PortRange } from "./port-search.js";
import {
  destinationKey,
  type Lease,
  type PortGroup,
  portGroups,
  type Refusals,
  refusedLeases,
  simulate,
  simulateOriginal,
  type Use,
  useOf,
  wantedOf,
} from "./port-use.js";
import { Random } from "./random.js";
import { type Assumptions, assumptionsOf, type LoggedRun, runLogged } from "./run.js";

/** Rows of the report; those with the most ports in use. */
const MAX_ROWS = 1000;
const STEPS = 16;
/** Runs of the original's search that a rate is the mean of. */
const REPEATS = 5;
/** Below this share of the ports even the original's 32 tries always find one. */
const SURELY_FINE = 0.1;
/** Up to this fill the original refuses next to nobody (test: whatif/port-search). */
const ORIGINAL_SAFE_FILL = 0.45;
/** Connections that the model may open in all to find out at which growth the original begins to refuse. */
const BUDGET = 20_000_000;
const BISECTIONS = 10;

/** Port use per (egress IP, remote, port, protocol), and what growth would do to it. */
export interface PortsReport extends Assumptions {
  schema: "sluicegate.io/ports/v1";
  /** Multiple of the captures' connections that refusals are counted for. */
  grow: number;
  portsLimit: number;
  from: string;
  to: string;
  /** Connections that the replay itself refused a port. */
  refusedInReplay: number;
  /** The largest of all groups; 0 where nothing was translated. */
  peak: number;
  peakPercent: number;
  refused: number;
  originalRefused: number;
  egressIPsNeeded: number;
  groupCount: number;
  /** Those with the most ports in use first. */
  groups: PortRow[];
  /** By remote, port and protocol over all egress IPs, the fullest first. */
  destinations: DestinationRow[];
}

/** Ports of one egress IP toward one destination. */
export interface PortRow {
  node: string;
  egressIP: string;
  remote: string;
  remotePort: number;
  protocol: string;
  connections: number;
  peak: number;
  peakAt: string;
  limit: number;
  /** The most ports in use within each of equal parts of the time from the first frame to the last. */
  use: number[];
  /** Multiple of the connections at which the ports run out; below 1 where connections found none in the captures. */
  runsOutAt: number;
  /** At `grow`, with a complete search; of all connections, those included that found no port in the captures. */
  refused: RefusalRow;
  /** At `grow`, with the original's 32 tries: the mean of several runs. */
  original: RefusalRow;
  /** Multiple at which the original begins to refuse; absent where finding out takes too long. */
  originalRefusesFrom?: number;
}

/** Connections that find no port. */
export interface RefusalRow {
  connections: number;
  percent: number;
  firstAt: string | null;
}

/** Ports that connections to one destination take. */
export interface DestinationRow {
  remote: string;
  remotePort: number;
  protocol: string;
  egressIPs: number;
  peak: number;
  /** At `grow`, if connections spread evenly; those that found no port in the captures want one as well. */
  egressIPsNeeded: number;
  /** For the original's search to refuse next to nobody. */
  egressIPsNeededByOriginal: number;
}

export interface PortsOptions extends ReplayOptions {
  readonly grow: number;
}

/** Replays captures once and follows which NAT ports are in use. Throws as `replay` does. */
export async function portUse(options: PortsOptions): Promise<PortsReport> {
  const run = await runLogged(options);
  return new PortsAnswer(run, options.model, options.grow).report();
}

class PortsAnswer {
  readonly #run: LoggedRun;
  readonly #ports: PortRange;
  readonly #grow: number;
  readonly #seed: number;
  /** By destination. */
  readonly #refused: ReadonlyMap<string, Lease[]>;
  #budget = BUDGET;

  constructor(run: LoggedRun, model: PolicyModel, grow: number) {
    this.#run = run;
    this.#ports = model.settings.snatPorts.value;
    this.#grow = grow;
    this.#seed = run.report.seed;
    this.#refused = refusedLeases(run.log.connections);
  }

  report(): PortsReport {
    const { report, log } = this.#run;
    const all = portGroups(log.connections, report, this.#ports)
      .map((group) => ({ group, use: useOf(group.leases, log.clockNs, STEPS) }))
      .sort((a, b) => b.use.peak / sizeOf(b.group.range) - a.use.peak / sizeOf(a.group.range));
    const groups = all.slice(0, MAX_ROWS).map(({ group, use }) => this.#row(group, use));
    const destinations = this.#destinations(all.map(({ group }) => group));
    const top = groups[0];
    return {
      schema: "sluicegate.io/ports/v1",
      ...assumptionsOf(report),
      grow: this.#grow,
      portsLimit: sizeOf(this.#ports),
      from: this.#time(0),
      to: this.#time(log.clockNs),
      refusedInReplay: [...this.#refused.values()].reduce((sum, leases) => sum + leases.length, 0),
      peak: top?.peak ?? 0,
      peakPercent: top ? (top.peak / top.limit) * 100 : 0,
      refused: groups.reduce((sum, row) => sum + row.refused.connections, 0),
      originalRefused: groups.reduce((sum, row) => sum + row.original.connections, 0),
      egressIPsNeeded: destinations.reduce((most, row) => Math.max(most, row.egressIPsNeeded), 0),
      groupCount: all.length,
      groups,
      destinations: destinations.slice(0, MAX_ROWS),
    };
  }

  #row(group: PortGroup, { peak, peakNs, steps }: Use): PortRow {
    const { node, egressIP, remote, remotePort, protocol, range, leases } = group;
    const limit = sizeOf(range);
    const wanted = wantedOf(group);
    const most = group.refused.length === 0 ? peak : useOf(wanted, this.#run.log.clockNs, 1).peak;
    const complete = simulate(wanted, this.#grow, new CompleteSearch(range), new Random(this.#seed));
    const from = this.#originalRefusesFrom(group, limit / most);
    return {
      node,
      egressIP,
      remote,
      remotePort,
      protocol,
      connections: leases.length,
      peak,
      peakAt: this.#time(peakNs),
      limit,
      use: steps,
      runsOutAt: limit / most,
      refused: this.#refusals([complete]),
      original: this.#refusals(this.#original(group, most / limit)),
      ...(from !== undefined && { originalRefusesFrom: from }),
    };
  }

  #original(group: PortGroup, share: number): Refusals[] {
    if (share * this.#grow < SURELY_FINE)
      return [{ asked: Math.floor(wantedOf(group).length * this.#grow), refused: 0, firstNs: undefined }];
    return Array.from({ length: REPEATS }, (_, i) => simulateOriginal(group, this.#grow, this.#seed + i));
  }

  #refusals(runs: readonly Refusals[]): RefusalRow {
    const asked = runs.reduce((sum, run) => sum + run.asked, 0);
    const refused = runs.reduce((sum, run) => sum + run.refused, 0);
    const first = runs.flatMap(({ firstNs }) => firstNs ?? []).sort((a, b) => a - b)[0];
    return {
      connections: Math.round(refused / runs.length),
      percent: asked === 0 ? 0 : (refused / asked) * 100,
      firstAt: first === undefined ? null : this.#time(first),
    };
  }

  /** @param complete multiple at which a complete search refuses */
  #originalRefusesFrom(group: PortGroup, complete: number): number | undefined {
    const cost = wantedOf(group).length * complete * BISECTIONS;
    if (cost > this.#budget) return undefined;
    this.#budget -= cost;
    let [fine, refuses] = [0, complete];
    for (let i = 0; i < BISECTIONS; i++) {
      const middle = (fine + refuses) / 2;
      if (simulateOriginal(group, middle, this.#seed).refused > 0) refuses = middle;
      else fine = middle;
    }
    return refuses;
  }

  #destinations(groups: readonly PortGroup[]): DestinationRow[] {
    const byDestination = new Map<string, PortGroup[]>();
    for (const group of groups) {
      const key = destinationKey(group);
      byDestination.set(key, [...(byDestination.get(key) ?? []), group]);
    }
    return [...byDestination]
      .map(([key, rivals]) => this.#destination(rivals, this.#refused.get(key) ?? []))
      .sort((a, b) => b.egressIPsNeeded - a.egressIPsNeeded || b.peak - a.peak);
  }

  #destination(rivals: readonly PortGroup[], refused: readonly Lease[]): DestinationRow {
    const { remote, remotePort, protocol, range } = rivals[0]!;
    const leases = rivals.flatMap((group) => group.leases);
    const peakOf = (some: readonly Lease[]) => useOf(some, this.#run.log.clockNs, 1).peak;
    const full = (peakOf([...leases, ...refused]) * this.#grow) / sizeOf(range);
    return {
      remote,
      remotePort,
      protocol,
      egressIPs: rivals.length,
      peak: peakOf(leases),
      egressIPsNeeded: Math.ceil(full),
      egressIPsNeededByOriginal: Math.ceil(full / ORIGINAL_SAFE_FILL),
    };
  }

  #time(ns: number): string {
    return formatTime(this.#run.log.startNs + BigInt(ns));
  }
}

function sizeOf({ low, high }: PortRange): number {
  return high - low + 1;
}
