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
import { arenaAt, arenaSize, gatewaysAt, isConfigured, maxNodes, stateAt } from "../tables/memory";
import { changesAt, changeTotal, isPolicyLoaded, loadBlob, nodeTotal } from "../tables/policy";
import { rebasePorts } from "../tables/port-groups";
import { rebindLines, rememberPolicy } from "../tables/reload";
import { checkState } from "../tables/restore";

// Everything that changes decisions between batches: policy, gateway health, a restored state.

/**
 * Checks the policy blob that lies at `offset` of the arena and puts it in force at once; a refused blob changes nothing.
 * All gateways start ACTIVE and egress statistics at zero; connections are decided anew with their next frame.
 */
export function loadPolicy(offset: u32, length: u32): i32 {
  if (!isConfigured) return ERROR_NOT_CONFIGURED;
  if (<u64>offset + length > <u64>arenaSize) return ERROR_FRAME_OUTSIDE_ARENA;
  const first = !isPolicyLoaded;
  rememberPolicy();
  const error = loadBlob(arenaAt + offset, length);
  if (error != OK) return error;
  if (!first) rebindLines();
  memory.fill(gatewaysAt, <u8>GATEWAY_ACTIVE, maxNodes);
  let next: u32 = 0;
  while (next < changeTotal && load<u64>(changesAt + ((<usize>next) << 3)) <= nowNs()) next++;
  store<u32>(stateAt, next, NEXT_CHANGE_AT);
  if (next < changeTotal) tickBy(load<u64>(changesAt + ((<usize>next) << 3)));
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
  const was = <u32>load<u8>(gatewaysAt + node);
  if (was == state) return OK;
  store<u8>(gatewaysAt + node, <u8>state);
  if (was == GATEWAY_DOWN || state == GATEWAY_DOWN) bumpEpoch();
  return OK;
}

/** Accepts a saved state that the host has written into REGION_STATE; if it is refused, the tables are emptied. */
export function restore(size: u32): i32 {
  if (!isConfigured) return ERROR_NOT_CONFIGURED;
  if (!isPolicyLoaded) return ERROR_NO_POLICY_LOADED;
  if (checkState() == OK) return OK;
  memory.fill(stateAt, 0, size);
  memory.fill(gatewaysAt, <u8>GATEWAY_ACTIVE, maxNodes);
  return ERROR_BAD_STATE;
}
