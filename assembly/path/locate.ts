import {
  ENDPOINT_NODE_AT,
  FRAME_HOOK_AT,
  FRAME_SIZE,
  FRAME_TIME_AT,
  HOOK_FROM_ENDPOINT,
  NO_INDEX,
  OK,
  VERDICT_EGRESS_AT,
  VERDICT_EGRESS_IP_AT,
  VERDICT_NODE_AT,
  VERDICT_SIZE,
} from "../abi";
import { nowNs } from "../tables/clock";
import { arenaAt, framesAt, scratchAt, verdictsAt } from "../tables/memory";
import { endpointAt, findEgressAddress, findEndpoint } from "../tables/policy";
import { KIND_FAULT, KIND_ICMP_ERROR, KIND_NOT_IP, Parsed, parseFrame } from "../wire/parse";
import { quotedEndpoint } from "./icmp-error";
import { batchFault, tick } from "./process";
import { dstHigh, dstLow, srcHigh, srcLow } from "./tuple";

// Which node of a cluster a frame comes in at: for a host that plays one engine per node and has the frames of all of them in one capture.

/**
 * Looks at frame records 0 … count-1 of hooks from-endpoint and from-network and fills three fields of each verdict record: VERDICT_NODE_AT,
 * node of the endpoint that sent it or that it is addressed to, VERDICT_EGRESS_AT, the first egress with the address that a frame from the
 * network goes to, and VERDICT_EGRESS_IP_AT, that address. NO_INDEX and zero where there is none, and for whatever no table is asked about.
 * @returns `count`, or ERROR_*
 */
export function locate(count: u32): i32 {
  const error = batchFault(count);
  if (error != OK) return error;
  for (let i: u32 = 0; i < count; i++)
    locateFrame(framesAt + <usize>i * FRAME_SIZE, verdictsAt + <usize>i * VERDICT_SIZE);
  return count;
}

function locateFrame(record: usize, verdict: usize): void {
  tick(load<u64>(record, FRAME_TIME_AT));
  store<u32>(verdict, NO_INDEX, VERDICT_NODE_AT);
  store<u32>(verdict, NO_INDEX, VERDICT_EGRESS_AT);
  memory.fill(verdict + VERDICT_EGRESS_IP_AT, 0, 16);
  const p = changetype<Parsed>(scratchAt);
  parseFrame(record, arenaAt, p);
  const kind = <u32>p.kind;
  if (kind == KIND_FAULT || kind == KIND_NOT_IP) return;
  const outbound = load<u8>(record, FRAME_HOOK_AT) == HOOK_FROM_ENDPOINT;
  const high = outbound ? srcHigh(p) : dstHigh(p);
  const low = outbound ? srcLow(p) : dstLow(p);
  let endpoint = findEndpoint(high, low, nowNs());
  if (endpoint == NO_INDEX && outbound && kind == KIND_ICMP_ERROR) endpoint = quotedEndpoint(p);
  if (endpoint != NO_INDEX) store<u32>(verdict, load<u32>(endpointAt(endpoint), ENDPOINT_NODE_AT), VERDICT_NODE_AT);
  if (outbound) return;
  const egress = findEgressAddress(high, low);
  if (egress == NO_INDEX) return;
  store<u32>(verdict, egress, VERDICT_EGRESS_AT);
  store<u64>(verdict, bswap(high), VERDICT_EGRESS_IP_AT);
  store<u64>(verdict, bswap(low), VERDICT_EGRESS_IP_AT + 8);
}
