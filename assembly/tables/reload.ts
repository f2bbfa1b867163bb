import {
  EGRESS_IPV4_AT,
  EGRESS_IPV6_AT,
  EGRESS_KEY_AT,
  EGRESS_SIZE,
  EGRESS_STATS_LIVE_AT,
  EGRESS_STATS_SIZE,
  LINE_EGRESS_AT,
  LINE_FLAG_PRIMARY,
  LINE_FLAG_REDIRECT,
  LINE_FLAG_TRANSLATED,
  LINE_FLAGS_AT,
  LINE_HOOK_AT,
  LINE_TIMEOUT_ROW_AT,
  TIMEOUT_MAX_ROWS,
  TIMEOUT_ROW_SIZE,
} from "../abi";
import { isIpv6Line } from "./addresses";
import { high, low } from "./blob";
import { lineAt } from "./conntrack";
import { egressStats } from "./counters";
import { isHeld } from "./lifetime";
import { egressStatsAt, lineCount, maxEgresses, PROBE_LIMIT } from "./memory";
import { egressAt, egressesAt, egressTotal, findEgressAddress, timeoutRows, timeoutsAt } from "./policy";

// Connections name their egress and their lifetimes by row. A new policy may number both differently, so its rows are looked up for every
// connection: an egress by its address and rendezvous key, lifetimes by equality. Statistics start anew; what is alive is counted again.

const COUNTED: u32 = LINE_FLAG_TRANSLATED | LINE_FLAG_PRIMARY;

let oldEgressesAt: usize = 0;
let oldEgressTotal: u32 = 0;
let oldTimeoutsAt: usize = 0;
let oldTimeoutRows: u32 = 0;

/** New lifetime row of each old one, + 1; 0 = not looked up yet. */
const rowsSeen: usize = memory.data(TIMEOUT_MAX_ROWS * 2);

/** Before a new policy comes into force. */
export function rememberPolicy(): void {
  oldEgressesAt = egressesAt;
  oldEgressTotal = egressTotal;
  oldTimeoutsAt = timeoutsAt;
  oldTimeoutRows = timeoutRows;
}

/** After it did. */
export function rebindLines(): void {
  memory.fill(rowsSeen, 0, TIMEOUT_MAX_ROWS * 2);
  memory.fill(egressStatsAt, 0, <usize>(maxEgresses + 1) * EGRESS_STATS_SIZE);
  const total = lineCount + PROBE_LIMIT;
  for (let slot: u32 = 0; slot < total; slot++) {
    const line = lineAt(slot);
    if (!load<u8>(line, LINE_HOOK_AT)) continue;
    store<u8>(line, <u8>newTimeoutRow(load<u8>(line, LINE_TIMEOUT_ROW_AT)), LINE_TIMEOUT_ROW_AT);
    const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
    if (!(flags & (LINE_FLAG_TRANSLATED | LINE_FLAG_REDIRECT)) && !isHeld(line)) continue;
    const egress = newEgress(load<u16>(line, LINE_EGRESS_AT), isIpv6Line(line) ? EGRESS_IPV6_AT : EGRESS_IPV4_AT);
    store<u16>(line, <u16>egress, LINE_EGRESS_AT);
    if ((flags & COUNTED) != COUNTED) continue;
    const stats = egressStats(egress);
    store<u32>(stats, load<u32>(stats, EGRESS_STATS_LIVE_AT) + 1, EGRESS_STATS_LIVE_AT);
  }
}

/**
 * Row of the egress in the new policy; `maxEgresses`, which no policy has, where it is gone.
 * @param addressAt which of its addresses the connection has: EGRESS_IPV4_AT or EGRESS_IPV6_AT
 */
function newEgress(old: u32, addressAt: usize): u32 {
  if (old >= oldEgressTotal) return maxEgresses;
  const was = oldEgressesAt + <usize>old * EGRESS_SIZE;
  if (old < egressTotal && isSameEgress(egressAt(old), was, addressAt)) return old;
  const found = findEgressAddress(high(was + addressAt), low(was + addressAt));
  // Several gateways may claim one address: the rest of the list is looked through for the one that had it.
  for (let row = found; row < egressTotal; row++) if (isSameEgress(egressAt(row), was, addressAt)) return row;
  return maxEgresses;
}

/** The same gateway node and address. */
function isSameEgress(a: usize, b: usize, addressAt: usize): bool {
  if (load<u64>(a, EGRESS_KEY_AT) != load<u64>(b, EGRESS_KEY_AT)) return false;
  return high(a + addressAt) == high(b + addressAt) && low(a + addressAt) == low(b + addressAt);
}

/** Row of the same lifetimes in the new policy; 0, the default, where there is none. */
function newTimeoutRow(old: u32): u32 {
  const seen = <u32>load<u16>(rowsSeen + ((<usize>old) << 1));
  if (seen) return seen - 1;
  let row: u32 = 0;
  if (old < oldTimeoutRows) {
    const was = oldTimeoutsAt + <usize>old * TIMEOUT_ROW_SIZE;
    while (row < timeoutRows && memory.compare(timeoutsAt + <usize>row * TIMEOUT_ROW_SIZE, was, TIMEOUT_ROW_SIZE) != 0)
      row++;
    if (row == timeoutRows) row = 0;
  }
  store<u16>(rowsSeen + ((<usize>old) << 1), <u16>(row + 1));
  return row;
}
