import { ENDPOINT_NODE_AT, GATEWAY_ACTIVE, NO_INDEX, NODE_ADDRESS_AT, NODE_SIZE, NODE_ZONE_AT } from "../abi";
import { bit } from "./blob";
import { activeAt, activeSize, gatewaysAt, maxNodes, maxZones } from "./memory";
import { endpointAt, nodesAt, nodeTotal } from "./policy";

// How gateways stand: one byte per node with its health (GATEWAY_*) and whether it answers at all, and for each policy and zone of the
// endpoint a mask of the members that take new connections, bit i for the policy's member i. Both are part of the state.

const UNREACHABLE: u32 = 0x80;

/** The node that this engine plays; NO_INDEX = every node at once. A number that is no node's stands for where endpoints without one are. */
export let ownNode: u32 = NO_INDEX;

export function putOwnNode(node: u32): void {
  ownNode = node;
}

/** True where this engine has a node of its own and `node` is another one. @param node NO_INDEX for an endpoint whose node is not known */
export function isElsewhere(node: u32): bool {
  if (ownNode == NO_INDEX || node == ownNode) return false;
  return node != NO_INDEX || ownNode < nodeTotal;
}

/** GATEWAY_*: what the cluster believes. */
export function gatewayState(node: u32): u32 {
  return load<u8>(gatewaysAt + node) & ~UNREACHABLE;
}

export function putGatewayState(node: u32, state: u32): void {
  store<u8>(gatewaysAt + node, <u8>((load<u8>(gatewaysAt + node) & UNREACHABLE) | state));
}

/** False while the node is dead, whatever the cluster believes. */
export function isReachable(node: u32): bool {
  return (load<u8>(gatewaysAt + node) & UNREACHABLE) == 0;
}

export function putReachable(node: u32, reachable: bool): void {
  store<u8>(gatewaysAt + node, <u8>(gatewayState(node) | (reachable ? 0 : UNREACHABLE)));
}

/** True for a byte that `putGatewayState` and `putReachable` can have written. */
export function isGatewaySound(node: u32): bool {
  return gatewayState(node) <= <u32>GATEWAY_ACTIVE;
}

/** Address that the overlay reaches a node under, network order bytes; 0 = not known, or not IPv4. */
export function nodeAddress(node: u32): u32 {
  return node < nodeTotal ? load<u32>(nodesAt + <usize>node * NODE_SIZE, NODE_ADDRESS_AT + 12) : 0;
}

/** Every gateway active, answering, and a member of every policy and zone that may take connections. */
export function resetGateways(): void {
  memory.fill(gatewaysAt, <u8>GATEWAY_ACTIVE, maxNodes);
  memory.fill(activeAt, 0xff, <usize>activeSize());
}

function maskAt(policy: u32, zone: u32): usize {
  return activeAt + <usize>(<u64>policy * (maxZones + 1) + zone) * 8;
}

export function putActive(policy: u32, zone: u32, mask: u64): void {
  store<u64>(maskAt(policy, zone), mask);
}

/** Members of a policy that take new connections of an endpoint. */
export function activeMask(policy: u32, endpoint: u32): u64 {
  const node = load<u32>(endpointAt(endpoint), ENDPOINT_NODE_AT);
  const zone = node == NO_INDEX ? 0 : load<u32>(nodesAt + <usize>node * NODE_SIZE, NODE_ZONE_AT);
  return load<u64>(maskAt(policy, zone));
}

/** True where `mask` has member `i`. */
export function hasMember(mask: u64, i: u32): bool {
  return (mask & bit(i)) != 0;
}
