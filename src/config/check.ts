import { type AddressBytes, familyOf, formatAddress } from "../net/address.js";
import { fnv1a32 } from "./fnv.js";
import { prerequisiteWarnings } from "./prerequisites.js";
import { type Standing, Standings } from "./standing.js";
import { renderTextTable } from "./text-table.js";
import type {
  ClusterSettings,
  Egress,
  Endpoint,
  ManifestWarning,
  Policy,
  PolicyModel,
  PolicySetEntry,
} from "./types.js";

const NOT_FOUND = "Not Found";
const EXCLUDED = "Excluded CIDR";

/** One line of the resolved table. The first four fields are those of the original's list, the others say how they came about. */
export interface CheckRow {
  readonly sourceIP: string;
  readonly destinationCIDR: string;
  /** `0.0.0.0` or `::` where there is none: the gateway drops with `no-egress-ip`, or nothing is translated. */
  readonly egressIP: string;
  /** An address, `Not Found` (dropped at the source, `no-egress-gateway`) or `Excluded CIDR` (passed). */
  readonly gatewayIP: string;
  readonly endpoint: string;
  readonly policy: string;
  readonly policyKind: Policy["kind"];
  readonly gatewayNode: string | undefined;
  readonly zone: string | undefined;
  readonly health: string | undefined;
  /** Takes new connections of this endpoint; false for a gateway that its group's cap, its zone, drain or health keeps on standby. */
  readonly active: boolean;
  readonly assumed: boolean;
  readonly note: string | undefined;
}

/** What manifests say once they are read: who leaves by which address, and what to look at. */
export interface CheckReport {
  readonly rows: readonly CheckRow[];
  /** Spans of endpoints that have lost their address to a later owner; they have no rows. */
  readonly pastOwners: number;
  readonly settings: ClusterSettings;
  /** Of the manifests, then of prerequisites in cilium-config. */
  readonly warnings: readonly ManifestWarning[];
  readonly ignoredKinds: ReadonlyMap<string, number>;
  readonly skippedPods: ReadonlyMap<string, number>;
}

/** The policy table of all present endpoints as the original would program it, by source address and destination. */
export function checkModel(model: PolicyModel): CheckReport {
  const rows: CheckRow[] = [];
  const standings = new Standings(model);
  const zones = new Map(model.nodes.map(({ name, zone }) => [name, zone]));
  const present = model.endpoints.filter(({ toNs }) => toNs === undefined);
  for (const endpoint of present) {
    const set = model.policySets[endpoint.policySet];
    const zone = endpoint.node === undefined ? undefined : zones.get(endpoint.node);
    const standing = (policy: Policy, egress: number) => standings.get(policy, egress, zone);
    for (const address of set ? endpoint.addresses : []) {
      for (const entry of set!.entries) {
        if (entry.prefix.family === familyOf(address)) rows.push(...rowsOf(model, standing, endpoint, address, entry));
      }
    }
  }
  return {
    rows,
    pastOwners: model.endpoints.length - present.length,
    settings: model.settings,
    warnings: [...model.warnings, ...prerequisiteWarnings(model, rows.length), ...idleWarnings(model)],
    ignoredKinds: model.ignoredKinds,
    skippedPods: model.skippedPods ?? new Map(),
  };
}

/** Policies that select no endpoint of these manifests: a slip in a selector, or simply nobody there. */
function idleWarnings(model: PolicyModel): ManifestWarning[] {
  const busy = new Set(model.policySets.flatMap(({ entries }) => entries.map(({ policy }) => policy)));
  return model.policies.flatMap(({ kind, name, destinations }, index) => {
    if (busy.has(index) || destinations.length === 0) return [];
    const text = `${kind} ${name} decides for no endpoint of these manifests`;
    return [{ file: "", line: undefined, column: undefined, text }];
  });
}

function rowsOf(
  model: PolicyModel,
  standing: (policy: Policy, egress: number) => Standing,
  endpoint: Endpoint,
  address: AddressBytes,
  entry: PolicySetEntry,
): CheckRow[] {
  const policy = model.policies[entry.policy]!;
  const base = emptyRow(endpoint, address, entry, policy);
  if (entry.excluded) return [{ ...base, gatewayIP: EXCLUDED }];
  const indexes = egressesOf(policy, endpoint);
  if (indexes.length === 0) return [base];
  return indexes.map((index) => {
    const egress = model.egresses[index]!;
    const egressIP = entry.prefix.family === 4 ? egress.egressIPv4 : egress.egressIPv6;
    return {
      ...base,
      ...(egressIP && { egressIP: formatAddress(egressIP) }),
      ...(egress.gatewayIP && { gatewayIP: formatAddress(egress.gatewayIP) }),
      gatewayNode: egress.node,
      zone: egress.zone,
      ...standing(policy, index),
      assumed: egress.assumed && egressIP !== undefined,
      note: noteOf(egress, egressIP, entry.prefix.family),
    };
  });
}

/** A row without gateway. */
function emptyRow(endpoint: Endpoint, address: AddressBytes, entry: PolicySetEntry, policy: Policy): CheckRow {
  return {
    sourceIP: formatAddress(address),
    destinationCIDR: entry.prefix.text,
    egressIP: entry.prefix.family === 4 ? "0.0.0.0" : "::",
    gatewayIP: NOT_FOUND,
    endpoint: `${endpoint.namespace}/${endpoint.name}`,
    policy: policy.name,
    policyKind: policy.kind,
    gatewayNode: undefined,
    zone: undefined,
    health: undefined,
    active: true,
    assumed: false,
    note: undefined,
  };
}

/** Gateways that may carry connections of `endpoint`: one by hash for a Cilium policy, all members for an Isovalent one. */
function egressesOf(policy: Policy, endpoint: Endpoint): readonly number[] {
  const { kind, egresses } = policy;
  if (kind === "IsovalentEgressGatewayPolicy" || egresses.length === 0) return egresses;
  return [egresses[fnv1a32(endpoint.uid) % egresses.length]!];
}

function noteOf(egress: Egress, egressIP: AddressBytes | undefined, family: 4 | 6): string | undefined {
  const claimed = family === 4 ? egress.claimsIPv4 : egress.claimsIPv6;
  if (!egressIP && claimed) return `${formatAddress(claimed)} is on another node at present`;
  return egress.note;
}

const HEADER = ["Source IP", "Destination CIDR", "Egress IP", "Gateway IP", "Health", "Zone", "Policy", "Assumed"];

/** The table as text, in the shape of the original's `bpf egress list` with four more columns. */
export function renderCheckTable(rows: readonly CheckRow[]): string {
  if (rows.length === 0) return "No entries found.\n";
  const cells = rows.map((row) => [
    row.sourceIP,
    row.destinationCIDR,
    row.egressIP,
    row.gatewayIP,
    row.health === undefined ? "-" : row.active ? row.health : `${row.health}, standby`,
    row.zone ?? "-",
    row.policy,
    row.assumed ? "yes" : "no",
  ]);
  return renderTextTable(HEADER, cells);
}

/** The report as one JSON document; the first four fields of a row are named as in the original's JSON. */
export function renderCheckJson(report: CheckReport): string {
  const rows = report.rows.map(({ sourceIP, destinationCIDR, egressIP, gatewayIP, ...rest }) => ({
    SourceIP: sourceIP,
    DestCIDR: destinationCIDR,
    EgressIP: egressIP,
    GatewayIP: gatewayIP,
    ...rest,
  }));
  const { pastOwners, settings, warnings, ignoredKinds, skippedPods } = report;
  const counts = { ignoredKinds: Object.fromEntries(ignoredKinds), skippedPods: Object.fromEntries(skippedPods) };
  return `${JSON.stringify({ schema: "sluicegate.io/check/v1", rows, pastOwners, settings, warnings, ...counts }, undefined, 2)}\n`;
}

/** A warning as one line, with its place where it has one. */
export function formatWarning({ file, line, column, text }: ManifestWarning): string {
  if (file === "") return text;
  return line === undefined ? `${file}: ${text}` : `${file}:${line}:${column}: ${text}`;
}
