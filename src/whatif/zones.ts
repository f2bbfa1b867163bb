import type { AzAffinity, PolicyModel } from "../config/types.js";
import type { ReplayOptions } from "../replay/options.js";
import type { ReplayReport } from "../replay/report-types.js";
import type { LoggedConnection } from "./logged-connection.js";
import { type Assumptions, assumptionsOf, type LoggedRun, requireFiles, runLogged } from "./run.js";

export const AFFINITIES: readonly AzAffinity[] = ["disabled", "localOnly", "localOnlyFirst", "localPriority"];
const ISOVALENT = "IsovalentEgressGatewayPolicy";

/** What each zone affinity would do with the same traffic. */
export interface ZonesReport extends Assumptions {
  schema: "sluicegate.io/zones/v1";
  /** Policies that have an affinity, with the one that the manifests give them. */
  policies: { policy: string; azAffinity: AzAffinity }[];
  affinities: AffinityRow[];
}

/** Bytes are those on the wire, both ways. */
export interface AffinityRow {
  azAffinity: AzAffinity;
  /** Translated connections, and bytes of them. */
  connections: number;
  bytes: number;
  crossZone: ZoneShare;
  sameZone: ZoneShare;
  /** Of an endpoint or gateway whose zone nobody knows. */
  unknownZone: ZoneShare;
  /** Dropped because no gateway was eligible, or because that had no egress IP; frames also without a connection, as later fragments. */
  dropped: { connections: number; frames: number };
  /** The gateway that takes the most connections. */
  busiest: { node: string; connections: number } | null;
  /** Bytes by the endpoint's and the gateway's zone; an empty name = unknown. */
  pairs: { from: string; to: string; connections: number; bytes: number }[];
}

/** Connections and bytes that go one way. */
export interface ZoneShare {
  connections: number;
  bytes: number;
}

/** Replays captures once for each of the four affinities, which replaces that of every policy. Throws as `replay` does. */
export async function compareZones(options: ReplayOptions): Promise<ZonesReport> {
  requireFiles(options.captures);
  const { model } = options;
  const affinities: AffinityRow[] = [];
  let run: LoggedRun | undefined;
  for (const azAffinity of AFFINITIES) {
    run = await runLogged({ ...options, model: withAffinity(model, azAffinity) });
    affinities.push(rowOf(azAffinity, model, run));
  }
  return {
    schema: "sluicegate.io/zones/v1",
    ...assumptionsOf(run!.report),
    policies: model.policies
      .filter(({ kind }) => kind === ISOVALENT)
      .map(({ name, azAffinity }) => ({ policy: name, azAffinity })),
    affinities,
  };
}

function withAffinity(model: PolicyModel, azAffinity: AzAffinity): PolicyModel {
  const policies = model.policies.map((policy) => (policy.kind === ISOVALENT ? { ...policy, azAffinity } : policy));
  return { ...model, policies };
}

function rowOf(azAffinity: AzAffinity, model: PolicyModel, { report, log }: LoggedRun): AffinityRow {
  const zones = new Map(model.nodes.map(({ name, zone }) => [name, zone]));
  const row: AffinityRow = {
    azAffinity,
    connections: 0,
    bytes: 0,
    crossZone: { connections: 0, bytes: 0 },
    sameZone: { connections: 0, bytes: 0 },
    unknownZone: { connections: 0, bytes: 0 },
    dropped: { connections: 0, frames: framesWithoutEgress(report.reasons) },
    busiest: null,
    pairs: [],
  };
  const byNode = new Map<string, number>();
  for (const connection of log.connections) {
    if (connection.lacksEgress) row.dropped.connections++;
    if (connection.outcome !== "snat") continue;
    const gateway = report.gateways[connection.egress]!;
    byNode.set(gateway.node, (byNode.get(gateway.node) ?? 0) + 1);
    const node = connection.owner?.node;
    addTo(row, connection, (node === undefined ? undefined : zones.get(node)) ?? "", gateway.zone ?? "");
  }
  const [busiest] = [...byNode].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  if (busiest) row.busiest = { node: busiest[0], connections: busiest[1] };
  row.pairs.sort((a, b) => b.bytes - a.bytes || (a.from + a.to < b.from + b.to ? -1 : 1));
  return row;
}

function framesWithoutEgress(reasons: ReplayReport["reasons"]): number {
  return (reasons["no-egress-gateway"] ?? 0) + (reasons["no-egress-ip"] ?? 0);
}

function addTo(row: AffinityRow, { bytesOut, bytesIn }: LoggedConnection, from: string, to: string): void {
  const bytes = bytesOut + bytesIn;
  let pair = row.pairs.find((known) => known.from === from && known.to === to);
  if (!pair) {
    pair = { from, to, connections: 0, bytes: 0 };
    row.pairs.push(pair);
  }
  const isUnknown = from === "" || to === "";
  const share = isUnknown ? row.unknownZone : from === to ? row.sameZone : row.crossZone;
  for (const sum of [row, share, pair]) {
    sum.connections++;
    sum.bytes += bytes;
  }
}
