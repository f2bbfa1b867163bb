import {
  CLUSTER_SET,
  EGRESS_KEY_AT,
  EGRESS_NODE_AT,
  ENDPOINT_NODE_AT,
  ENDPOINT_SET_AT,
  ENDPOINT_UID_HASH_AT,
  GATEWAY_ACTIVE,
  GATEWAY_DOWN,
  NO_INDEX,
  POLICY_KIND_AT,
  POLICY_KIND_CILIUM,
  POLICY_MEMBER_COUNT_AT,
  POLICY_TIMEOUT_ROW_AT,
  PREFIX_EXCLUDED,
  PREFIX_NOT_YET,
  REASON_EXCLUDED,
  REASON_NO_EGRESS_GATEWAY,
  REASON_NO_EGRESS_IP,
  REASON_NO_POLICY,
  REASON_NONE,
  REASON_NOT_YET_PROGRAMMED,
} from "../abi";
import { activeMask, gatewayState, hasMember, isElsewhere, isReachable, ownNode } from "../tables/gateways";
import { placementScore } from "../tables/hash";
import {
  egressAt,
  egressTotal,
  endpointAt,
  longestMatch,
  mayBeOfCluster,
  memberOf,
  NO_MATCH,
  nodeOf,
  policyRow,
} from "../tables/policy";
import { hasAddress, isIpv6Address } from "./tuple";

/** Why no policy selects this remote whatever the source, or REASON_NONE. */
export function neverSelected(addressHigh: u64, addressLow: u64): u32 {
  if (!mayBeOfCluster(addressHigh, addressLow)) return REASON_NONE;
  const reason = longestMatch(CLUSTER_SET, addressHigh, addressLow);
  return reason == NO_MATCH ? REASON_NONE : reason;
}

const EVERY_MEMBER: u64 = <u64>-1;

/** What policy says about a connection. Valid until the next call: there is one, and the engine is single-threaded. */
export let selectedPolicy: u32 = NO_INDEX;
export let selectedEgress: u32 = NO_INDEX;
/** REASON_NONE: translate by `selectedEgress`. */
export let decision: u32 = REASON_NONE;

/** True where `decision` lets the frame through as it is. */
export function isPassed(): bool {
  return decision == REASON_NO_POLICY || decision == REASON_EXCLUDED || decision == REASON_NOT_YET_PROGRAMMED;
}

/**
 * Decides for an endpoint and a remote: policy by longest destination prefix, gateway, egress IP (design: Connections, policy, pins).
 * @param pinned egress that the connection has, or NO_INDEX: kept while its gateway is healthy and still a member
 * @param isLost the gateway has no mapping for the connection any more: it decides anew, but the pin stands
 */
export function resolve(endpoint: u32, remoteHigh: u64, remoteLow: u64, tuple: u64, pinned: u32, isLost: bool): void {
  selectedEgress = NO_INDEX;
  decision = matchPolicy(endpoint, remoteHigh, remoteLow);
  if (decision != REASON_NONE) return;
  const row = policyRow(selectedPolicy);
  const members = load<u32>(row, POLICY_MEMBER_COUNT_AT);
  if (load<u32>(row, POLICY_KIND_AT) == POLICY_KIND_CILIUM) {
    selectedEgress = memberByHash(row, members, endpoint);
  } else {
    selectedEgress = pick(row, members, activeMask(selectedPolicy, endpoint), tuple, pinned, isLost);
  }
  decision = faultOfSelected(isIpv6Address(remoteHigh, remoteLow));
}

/**
 * Decides as the gateway to which an endpoint's node has sent a frame: one of its own egresses, the pinned one if it still has that.
 * @param pinned egress of the mapping that the connection has, or NO_INDEX
 */
export function resolveHere(endpoint: u32, remoteHigh: u64, remoteLow: u64, tuple: u64, pinned: u32): void {
  selectedEgress = NO_INDEX;
  decision = matchPolicy(endpoint, remoteHigh, remoteLow);
  if (decision != REASON_NONE) return;
  const row = policyRow(selectedPolicy);
  const members = load<u32>(row, POLICY_MEMBER_COUNT_AT);
  if (load<u32>(row, POLICY_KIND_AT) == POLICY_KIND_CILIUM) {
    const member = memberByHash(row, members, endpoint);
    if (member != NO_INDEX && nodeOf(member) == ownNode) selectedEgress = member;
  } else if (pinned < egressTotal && nodeOf(pinned) == ownNode && isMember(row, members, pinned)) {
    selectedEgress = pinned;
  } else {
    selectedEgress = pickOn(row, members, activeMask(selectedPolicy, endpoint), tuple, ownNode);
  }
  decision = faultOfSelected(isIpv6Address(remoteHigh, remoteLow));
}

/** What `resolve` has selected for the same connection before. */
export function choose(policy: u32, egress: u32): void {
  selectedPolicy = policy;
  selectedEgress = egress;
  decision = REASON_NONE;
}

/** Why nothing of a family leaves by `selectedEgress`, or REASON_NONE. */
function faultOfSelected(isIpv6: bool): u32 {
  if (selectedEgress == NO_INDEX) return REASON_NO_EGRESS_GATEWAY;
  return hasAddress(selectedEgress, isIpv6) ? REASON_NONE : <u32>REASON_NO_EGRESS_IP;
}

/** The one gateway of an endpoint under a policy of the original's kind, or NO_INDEX. */
function memberByHash(row: usize, members: u32, endpoint: u32): u32 {
  return members ? memberOf(row, load<u32>(endpointAt(endpoint), ENDPOINT_UID_HASH_AT) % members) : NO_INDEX;
}

/** Sets `selectedPolicy`. @returns REASON_NONE, or why the destination is not selected */
export function matchPolicy(endpoint: u32, remoteHigh: u64, remoteLow: u64): u32 {
  selectedPolicy = NO_INDEX;
  const set = load<u32>(endpointAt(endpoint), ENDPOINT_SET_AT);
  if (set == CLUSTER_SET) return REASON_NO_POLICY;
  const value = longestMatch(set, remoteHigh, remoteLow);
  if (value == NO_MATCH) return REASON_NO_POLICY;
  if (value == PREFIX_EXCLUDED) return REASON_EXCLUDED;
  if (value == PREFIX_NOT_YET) return REASON_NOT_YET_PROGRAMMED;
  selectedPolicy = value;
  return REASON_NONE;
}

/**
 * The pin wins while its gateway is healthy, by the same egress or, where the gateway has that no longer, by another one of it; else
 * rendezvous over the active members.
 */
function pick(row: usize, members: u32, active: u64, tuple: u64, pinned: u32, isLost: bool): u32 {
  const node = healthyNodeOf(pinned);
  if (node != NO_INDEX) {
    // What is sent to a dead gateway goes where it always went; a living one without the mapping chooses anew.
    if (!(isLost && isReachable(node)) && isMember(row, members, pinned)) return pinned;
    const own = pickOn(row, members, active, tuple, node);
    if (own != NO_INDEX) return own;
  }
  return best(row, members, active, tuple, NO_INDEX);
}

/** The node of an egress that is pinned and whose gateway is healthy, or NO_INDEX. */
function healthyNodeOf(egress: u32): u32 {
  if (egress >= egressTotal) return NO_INDEX;
  const node = nodeOf(egress);
  return gatewayState(node) == GATEWAY_DOWN ? NO_INDEX : node;
}

function isMember(row: usize, members: u32, egress: u32): bool {
  for (let i: u32 = 0; i < members; i++) if (memberOf(row, i) == egress) return true;
  return false;
}

/** The egress that a gateway chooses of its own ones: active ones first, but a healthy gateway never turns a pin away. */
function pickOn(row: usize, members: u32, active: u64, tuple: u64, node: u32): u32 {
  const own = best(row, members, active, tuple, node);
  return own != NO_INDEX ? own : best(row, members, EVERY_MEMBER, tuple, node);
}

/** Highest score of the members in `mask`. @param only node that the egress must be on, NO_INDEX = any that takes new connections */
function best(row: usize, members: u32, mask: u64, tuple: u64, only: u32): u32 {
  let best = NO_INDEX;
  let bestScore: u64 = 0;
  for (let i: u32 = 0; i < members; i++) {
    if (!hasMember(mask, i)) continue;
    const egress = memberOf(row, i);
    const at = egressAt(egress);
    const node = load<u32>(at, EGRESS_NODE_AT);
    if (only == NO_INDEX ? gatewayState(node) != GATEWAY_ACTIVE : node != only) continue;
    const score = placementScore(tuple, load<u64>(at, EGRESS_KEY_AT));
    // Without a branch: which of them wins is random.
    const wins = u32(best == NO_INDEX) | u32(score > bestScore);
    best = select<u32>(egress, best, wins != 0);
    bestScore = select<u64>(score, bestScore, wins != 0);
  }
  return best;
}

/** True where the gateway of `selectedEgress` is on another node than this engine's own. */
export function isSelectedElsewhere(): bool {
  return isElsewhere(nodeOf(selectedEgress));
}

/** True where the gateway of `selectedEgress` is dead, whether or not the cluster knows. */
export function isSelectedLost(): bool {
  return !isReachable(nodeOf(selectedEgress));
}

/** One routed hop lies between an endpoint and its gateway when both nodes are known and differ. */
export function isHop(endpoint: u32, egress: u32): bool {
  const node = load<u32>(endpointAt(endpoint), ENDPOINT_NODE_AT);
  return node != NO_INDEX && node != nodeOf(egress);
}

export function timeoutRow(policy: u32): u32 {
  return policy == NO_INDEX ? 0 : load<u32>(policyRow(policy), POLICY_TIMEOUT_ROW_AT);
}
