import { endpointNode } from "./addresses";
import {
  actions,
  arenaAt,
  captureds,
  control,
  egressNodesAt,
  egressRoom,
  field,
  hooks,
  links,
  nodeCount,
  nodesAt,
  offsets,
  reasons,
  slotFlags,
  wires,
} from "./control";
import {
  ACTION_LOST,
  CONTROL_DEAD_ADDRESSES_AT,
  CONTROL_DEAD_COUNT_AT,
  CONTROL_LOST_AT,
  DEAD_BYTES_AT,
  DEAD_NODE_AT,
  DEAD_SIZE,
  MAPPING_EGRESS_AT,
  MAPPING_FLAG_UNSENT,
  MAPPING_FLAGS_AT,
  NO_NODE,
  NODE_FLAG_UNREACHABLE,
  NODE_FLAGS_AT,
  NODE_LOST_AT,
  NODE_SIZE,
  SKIP_GATEWAY_DOWN,
  SKIP_NODE_DOWN,
  SLOT_BUILT,
  SLOT_REPLY,
} from "./layout";
import { dstFirst, dstSecond, look, srcFirst, srcSecond } from "./packet";

// Frames that meet a node which does not answer, whether or not the cluster has noticed. Asked only while there is such a node.

/** The unreachable node that the address of egress `index` is on; NO_NODE where somebody answers under it. */
export function deadNodeOf(index: u32): u32 {
  return index < egressRoom ? <u32>load<u16>(egressNodesAt + ((<usize>index) << 1)) : NO_NODE;
}

/**
 * Loses frame `i`, a reply to the connection of `mapping`, where nobody takes it at the egress IP, or where nobody was asked.
 * @returns true where it is lost
 */
export function losesReply(i: u32, mapping: usize): bool {
  const node = deadNodeOf(load<u16>(mapping, MAPPING_EGRESS_AT));
  if (node == NO_NODE && !(load<u8>(mapping, MAPPING_FLAGS_AT) & MAPPING_FLAG_UNSENT)) return false;
  lose(i, SKIP_GATEWAY_DOWN, node);
  return true;
}

function isUnreachable(node: u32): bool {
  return node < nodeCount && (load<u32>(nodesAt + <usize>node * NODE_SIZE, NODE_FLAGS_AT) & NODE_FLAG_UNREACHABLE) != 0;
}

/**
 * Loses frame `i`, which is for the engine, where the endpoint that sends or receives it is on a node that does not answer, or where it
 * goes straight to an egress IP of such a node. @returns true where it is lost
 */
export function losesFrame(i: u32, time: u64): bool {
  const at = (<usize>i) << 2;
  const frame = arenaAt + load<u32>(offsets + at);
  if (look(frame, load<u32>(captureds + at), load<u32>(wires + at), load<u8>(links + i))) return false;
  let node = endpointNode(srcFirst, srcSecond, time);
  if (!isUnreachable(node)) node = endpointNode(dstFirst, dstSecond, time);
  if (isUnreachable(node)) {
    lose(i, SKIP_NODE_DOWN, node);
    return true;
  }
  if (load<u16>(slotFlags + ((<usize>i) << 1)) & (SLOT_REPLY | SLOT_BUILT)) return false;
  node = holderOf(dstFirst, dstSecond);
  if (node == NO_NODE) return false;
  lose(i, SKIP_GATEWAY_DOWN, node);
  return true;
}

/** The unreachable node that holds an egress IP, or NO_NODE. */
function holderOf(first: u64, second: u64): u32 {
  let row = <usize>field(CONTROL_DEAD_ADDRESSES_AT);
  for (let left = field(CONTROL_DEAD_COUNT_AT); left > 0; left--) {
    if (load<u64>(row, DEAD_BYTES_AT + 8) == second && load<u64>(row, DEAD_BYTES_AT) == first)
      return load<u32>(row, DEAD_NODE_AT);
    row += DEAD_SIZE;
  }
  return NO_NODE;
}

/** Keeps frame `i` from the engine: it is lost. */
function lose(i: u32, reason: u32, node: u32): void {
  store<u8>(hooks + i, 0);
  store<u8>(reasons + i, <u8>reason);
  countLost(i, node);
}

/** Frame `i` is lost because of a node. */
export function countLost(i: u32, node: u32): void {
  store<u8>(actions + i, <u8>ACTION_LOST);
  store<u64>(control, load<u64>(control, CONTROL_LOST_AT) + 1, CONTROL_LOST_AT);
  if (node >= nodeCount) return;
  const row = nodesAt + <usize>node * NODE_SIZE;
  store<u32>(row, load<u32>(row, NODE_LOST_AT) + 1, NODE_LOST_AT);
}
