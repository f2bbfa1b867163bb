import { fnv1a32 } from "../config/fnv.js";
import type { Endpoint, Policy, PolicyModel, PolicySetEntry } from "../config/types.js";
import { unselectedPrefixes } from "../engine/fixed-prefixes.js";
import { reasonName } from "../engine/names.js";
import { deriveSeeds } from "../engine/seeds.js";
import type { GatewayPicture } from "../gateway/control.js";
import { type AddressBytes, type Family, formatAddress, type Prefix, prefixContains } from "../net/address.js";
import { isSameBytes } from "../net/bytes.js";
import type { PacketKey } from "./explain-packet.js";
import type { GatewayCandidate, PolicyMatch } from "./explain-types.js";
import { placementScore, tupleHash } from "./placement.js";
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

/**
 * The policy's gateways in its order, with what each scores for a new connection; only active ones can be picked.
 * @param used index of the egress in use, -1 = none
 */
export function gatewayCandidates(
  options: ResolvedOptions,
  { model, active }: Pick<GatewayPicture, "model" | "active">,
  { policy, endpoint }: PolicyDecision,
  key: PacketKey,
  used: number,
): GatewayCandidate[] {
  if (!policy) return [];
  const { egresses } = model;
  const isCilium = policy.kind === "CiliumEgressGatewayPolicy";
  const hash = tupleHash(deriveSeeds(options.seed, options.balance).placementSeed, {
    src: key.endpoint,
    dst: key.remote,
    srcPort: key.endpointPort,
    dstPort: key.remotePort,
    protocol: key.protocol,
  });
  const zone = model.nodes.find(({ name }) => name === endpoint.node)?.zone;
  const members = active[model.policies.indexOf(policy)]!.byZone.get(zone) ?? [];
  const scores = policy.egresses.map((index) => placementScore(hash, egresses[index]!));
  const pick = isCilium ? fnv1a32(endpoint.uid) % Math.max(1, policy.egresses.length) : highest(scores, members);
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
      addresses.some((own) => isSameBytes(own, address)),
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

/** @param among positions that count   @returns -1 where there is none */
function highest(scores: readonly bigint[], among: readonly number[]): number {
  let best = -1;
  for (const i of among) if (best < 0 || scores[i]! > scores[best]!) best = i;
  return best;
}
