import { fnv1a32 } from "../config/fnv.js";
import type { Endpoint, Policy, PolicyModel, PolicySetEntry } from "../config/types.js";
import { unselectedPrefixes } from "../engine/fixed-prefixes.js";
import { reasonName } from "../engine/names.js";
import { type AddressBytes, type Family, formatAddress, type Prefix, prefixContains } from "../net/address.js";
import type { PacketKey } from "./explain-packet.js";
import type { GatewayCandidate, PolicyMatch } from "./explain-types.js";
import { placementScore, tupleHash } from "./placement.js";
import { deriveSeeds } from "./seeds.js";
import type { ResolvedOptions } from "./setup.js";

/** How the policies decide about a connection, by a plain reading of the model. */
export interface PolicyDecision {
  readonly match: PolicyMatch;
  readonly endpoint: Endpoint;
  /** Undefined where none selects the connection. */
  readonly policy: Policy | undefined;
}

/** @returns undefined where nobody owns the endpoint's address at `timeNs` */
export function policyMatch(model: PolicyModel, key: PacketKey, timeNs: bigint): PolicyDecision | undefined {
  const endpoint = ownerOf(model, key.endpoint, timeNs);
  if (!endpoint) return undefined;
  const base = { endpoint: `${endpoint.namespace}/${endpoint.name}`, node: endpoint.node };
  const none = { prefix: "", policy: "", kind: "" };
  const never = longest(unselectedPrefixes(model.clusterPrefixes), key.remote, key.family);
  if (never) {
    const match = { ...base, ...none, outcome: reasonName(never.reason), prefix: never.prefix.text };
    return { match, endpoint, policy: undefined };
  }
  const entry = longest<PolicySetEntry>(model.policySets[endpoint.policySet]?.entries ?? [], key.remote, key.family);
  if (!entry) return { match: { ...base, ...none, outcome: "no-policy" }, endpoint, policy: undefined };
  const policy = model.policies[entry.policy]!;
  const named = { ...base, prefix: entry.prefix.text, policy: policy.name, kind: policy.kind };
  if (entry.excluded) return { match: { ...named, outcome: "excluded" }, endpoint, policy: undefined };
  return { match: { ...named, outcome: "selected" }, endpoint, policy };
}

/** The policy's gateways in its order, with what each scores for a new connection. @param used index of the egress in use, -1 = none */
export function gatewayCandidates(
  options: ResolvedOptions,
  { policy, endpoint }: PolicyDecision,
  key: PacketKey,
  used: number,
): GatewayCandidate[] {
  if (!policy) return [];
  const { egresses } = options.model;
  const isCilium = policy.kind === "CiliumEgressGatewayPolicy";
  const hash = tupleHash(deriveSeeds(options.seed, options.balance).placementSeed, {
    src: key.endpoint,
    dst: key.remote,
    srcPort: key.endpointPort,
    dstPort: key.remotePort,
    protocol: key.protocol,
  });
  const scores = policy.egresses.map((index) => placementScore(hash, egresses[index]!));
  const pick = isCilium ? fnv1a32(endpoint.uid) % Math.max(1, policy.egresses.length) : highest(scores);
  return policy.egresses.map((index, i) => {
    const egress = egresses[index]!;
    const address = key.family === 4 ? egress.egressIPv4 : egress.egressIPv6;
    return {
      node: egress.node,
      egressIP: address ? formatAddress(address) : "",
      score: isCilium ? String(i) : scores[i]!.toString(16).padStart(16, "0"),
      isPick: i === pick,
      isUsed: index === used,
    };
  });
}

function ownerOf(model: PolicyModel, address: AddressBytes, timeNs: bigint): Endpoint | undefined {
  return model.endpoints.find(
    ({ addresses, fromNs, toNs }) =>
      (fromNs === undefined || fromNs <= timeNs) &&
      (toNs === undefined || timeNs < toNs) &&
      addresses.some((own) => Buffer.compare(own, address) === 0),
  );
}

function longest<Row extends { readonly prefix: Prefix }>(
  rows: readonly Row[],
  address: AddressBytes,
  family: Family,
): Row | undefined {
  let best: Row | undefined;
  for (const row of rows) {
    if (row.prefix.family !== family || !prefixContains(row.prefix, address)) continue;
    if (!best || row.prefix.length > best.prefix.length) best = row;
  }
  return best;
}

function highest(scores: readonly bigint[]): number {
  let best = 0;
  scores.forEach((score, i) => {
    if (score > scores[best]!) best = i;
  });
  return best;
}
