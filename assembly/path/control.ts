import {
  ERROR_BAD_STATE,
  ERROR_FRAME_OUTSIDE_ARENA,
  ERROR_NO_POLICY_LOADED,
  ERROR_NO_SUCH_GATEWAY,
  ERROR_NOT_CONFIGURED,
  GATEWAY_ACTIVE,
  GATEWAY_DOWN,
  OK,
} from "../abi";
import { bumpEpoch, NEXT_CHANGE_AT, nowNs, tickBy } from "../tables/clock";
import { retag } from "../tables/conntrack";
import {
  gatewayState,
  isReachable,
  putActive,
  putGatewayState,
  putOwnNode,
  putReachable,
  resetGateways,
} from "../tables/gateways";
import { forgetFormerOwners, forgetMoved, forgetNode, unpinNode } from "../tables/loss";
import {
  arenaAt,
  arenaSize,
  isConfigured,
  limitsAt,
  limitsSize,
  maxZones,
  releasedAt,
  stateAt,
} from "../tables/memory";
import { changesAt, changeTotal, findMove, isPolicyLoaded, loadBlob, nodeTotal, policyTotal } from "../tables/policy";
import { rebasePorts } from "../tables/port-groups";
import { rebindLines, rememberPolicy } from "../tables/reload";
import { checkState } from "../tables/restore";

// Everything that changes decisions between batches: policy, gateway health, a restored state.

/**
 * Checks the policy blob that lies at `offset` of the arena and puts it in force at once; a refused blob changes nothing.
 * All gateways start ACTIVE, reachable and taking connections of every zone, egress statistics at zero; connections are decided anew with
 * their next frame.
 */
export function loadPolicy(offset: u32, length: u32): i32 {
  if (!isConfigured) return ERROR_NOT_CONFIGURED;
  if (<u64>offset + length > <u64>arenaSize) return ERROR_FRAME_OUTSIDE_ARENA;
  const first = !isPolicyLoaded;
  rememberPolicy();
  const error = loadBlob(arenaAt + offset, length);
  if (error != OK) return error;
  if (!first) {
    rebindLines();
    forgetMoved();
    forgetFormerOwners();
  }
  resetGateways();
  // Nodes may have other numbers now.
  memory.fill(limitsAt, 0, <usize>limitsSize());
  let next: u32 = 0;
  while (next < changeTotal && load<u64>(changesAt + ((<usize>next) << 3)) <= nowNs()) next++;
  store<u32>(stateAt, next, NEXT_CHANGE_AT);
  if (next < changeTotal) tickBy(load<u64>(changesAt + ((<usize>next) << 3)));
  findMove(nowNs());
  rebasePorts();
  bumpEpoch();
  return OK;
}

/** Sets a gateway's health (GATEWAY_*). Connections of a gateway that went down pick again with their next frame. */
export function setGateway(node: u32, state: u32): i32 {
  if (!isConfigured) return ERROR_NOT_CONFIGURED;
  if (!isPolicyLoaded) return ERROR_NO_POLICY_LOADED;
  if (node >= nodeTotal) return ERROR_NO_SUCH_GATEWAY;
  if (state > <u32>GATEWAY_ACTIVE) return ERROR_BAD_STATE;
  const was = gatewayState(node);
  if (was == state) return OK;
  putGatewayState(node, state);
  if (state == GATEWAY_DOWN) unpinNode(node);
  if (was == GATEWAY_DOWN || state == GATEWAY_DOWN) bumpEpoch();
  return OK;
}

/**
 * Says whether a node answers at all, whatever its health is believed to be: frames that go to a gateway which does not are dropped with
 * `gateway-down`, and their connections stay pinned to it until it is DOWN. @param reachable 0 or 1
 */
export function setReachable(node: u32, reachable: u32): i32 {
  if (!isConfigured) return ERROR_NOT_CONFIGURED;
  if (!isPolicyLoaded) return ERROR_NO_POLICY_LOADED;
  if (node >= nodeTotal) return ERROR_NO_SUCH_GATEWAY;
  if (reachable > 1) return ERROR_BAD_STATE;
  if (isReachable(node) == (reachable == 1)) return OK;
  putReachable(node, reachable == 1);
  bumpEpoch();
  return OK;
}

/**
 * A node's memory is gone: mappings on it are lost (connections stay pinned to it, and get a new mapping with their next frame if it answers
 * again), and whatever its own endpoints had open ends. Cost: a walk over the table.
 */
export function nodeLost(node: u32): i32 {
  if (!isConfigured) return ERROR_NOT_CONFIGURED;
  if (!isPolicyLoaded) return ERROR_NO_POLICY_LOADED;
  if (node >= nodeTotal) return ERROR_NO_SUCH_GATEWAY;
  forgetNode(node);
  return OK;
}

/**
 * Makes the engine play one node of a cluster: frames for gateways elsewhere are redirected, and hook from-overlay is there. Say it again
 * after a policy that numbers nodes differently. @param node NO_INDEX = every node at once, as at the start; another number that is no
 * node's = where endpoints are whose node is not known
 */
export function setOwnNode(node: u32): i32 {
  if (!isConfigured) return ERROR_NOT_CONFIGURED;
  putOwnNode(node);
  return OK;
}

/**
 * Which members of a policy take new connections of endpoints in a zone: bit i of the mask stands for member i. Gateways must be ACTIVE,
 * too. Only policies of kind POLICY_KIND_ISOVALENT ask. @param zone as in the blob's nodes; 0 = endpoints without a zone
 */
export function setActive(policy: u32, zone: u32, maskLow: u32, maskHigh: u32): i32 {
  if (!isConfigured) return ERROR_NOT_CONFIGURED;
  if (!isPolicyLoaded) return ERROR_NO_POLICY_LOADED;
  if (policy >= policyTotal || zone > maxZones) return ERROR_NO_SUCH_GATEWAY;
  putActive(policy, zone, <u64>maskLow | ((<u64>maskHigh) << 32));
  return OK;
}

/** Accepts a saved state that the host has written into REGION_STATE; if it is refused, the tables are emptied. */
export function restore(size: u32): i32 {
  if (!isConfigured) return ERROR_NOT_CONFIGURED;
  if (!isPolicyLoaded) {
    // What it says cannot be checked without the policy's rows, and the next policy would go on from it.
    memory.fill(stateAt, 0, size);
    return ERROR_NO_POLICY_LOADED;
  }
  const error = checkState();
  if (error != OK) {
    memory.fill(stateAt, 0, size);
    resetGateways();
  }
  retag();
  findMove(nowNs());
  // It named frames of the state before.
  store<u32>(releasedAt, 0);
  return error;
}
