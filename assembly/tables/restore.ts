import {
  COUNTER_ENTRIES_AT,
  ERROR_BAD_STATE,
  HOOK_FROM_ENDPOINT,
  HOOK_FROM_NETWORK,
  HOOK_FROM_OVERLAY,
  LINE_CLASS_AT,
  LINE_EGRESS_AT,
  LINE_FLAG_LOST,
  LINE_FLAG_PRIMARY,
  LINE_FLAG_REDIRECT,
  LINE_FLAG_TRANSLATED,
  LINE_FLAGS_AT,
  LINE_HOOK_AT,
  LINE_HOOK_MASK,
  LINE_PAIR_AT,
  LINE_PORT_AT,
  LINE_TIMEOUT_ROW_AT,
  OK,
  REASON_COUNT,
  TIMEOUT_COUNT,
} from "../abi";
import { areAddressesSound, areNumbersSound, areUsesSound, isIpv6Line } from "./addresses";
import { BITMAP_FREE_AT, BITMAPS_USED_AT, HELD_AT, NEXT_CHANGE_AT, SWEEP_AT, SWEEP_DUE_AT, SWEEP_LINES } from "./clock";
import { lineAt } from "./conntrack";
import { areDatagramsSound } from "./fragments";
import { isGatewaySound } from "./gateways";
import { isHeld } from "./lifetime";
import {
  countersAt,
  lineCount,
  maxBitmaps,
  maxConnections,
  maxEgresses,
  maxNodes,
  PROBE_LIMIT,
  stateAt,
} from "./memory";
import { changeTotal, timeoutRows } from "./policy";
import { areGroupsSound } from "./port-groups";

// A saved state comes back as bytes that anybody may have written. Everything in it that is later used as an index is checked here, so
// that a forged state can make wrong decisions but never a wrong memory access or an endless loop.

/** What a line without a partner is: the endpoint's side of a translated connection. */
const PIN: u32 = LINE_FLAG_TRANSLATED | LINE_FLAG_PRIMARY;

/** @returns OK, or ERROR_BAD_STATE */
export function checkState(): i32 {
  if (load<u32>(stateAt, SWEEP_AT) >= lineCount + PROBE_LIMIT || load<u32>(stateAt, SWEEP_DUE_AT) >= SWEEP_LINES)
    return ERROR_BAD_STATE;
  if (load<u32>(stateAt, NEXT_CHANGE_AT) > changeTotal) return ERROR_BAD_STATE;
  if (load<u32>(stateAt, BITMAPS_USED_AT) > maxBitmaps || load<u32>(stateAt, BITMAP_FREE_AT) > maxBitmaps)
    return ERROR_BAD_STATE;
  for (let node: u32 = 0; node < maxNodes; node++) if (!isGatewaySound(node)) return ERROR_BAD_STATE;
  if (!areAddressesSound() || !areLinesSound() || !areGroupsSound()) return ERROR_BAD_STATE;
  if (!areUsesSound(lineCount + PROBE_LIMIT) || !areDatagramsSound()) return ERROR_BAD_STATE;
  return OK;
}

function areLinesSound(): bool {
  const total = lineCount + PROBE_LIMIT;
  let used: u64 = 0;
  let held: u32 = 0;
  for (let slot: u32 = 0; slot < total; slot++) {
    const line = lineAt(slot);
    if (!load<u8>(line, LINE_HOOK_AT)) continue;
    if (isHeld(line)) held++;
    else used += load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_LOST ? 2 : 1;
    if (!isLineSound(line, slot, total)) return false;
  }
  // The line behind the last one ends every walk.
  if (load<u8>(lineAt(total), LINE_HOOK_AT)) return false;
  const entries = load<u64>(countersAt + COUNTER_ENTRIES_AT);
  return entries <= <u64>maxConnections && used == entries * 2 && held == load<u32>(stateAt, HELD_AT);
}

function isLineSound(line: usize, slot: u32, total: u32): bool {
  const hook = <u32>load<u8>(line, LINE_HOOK_AT) & LINE_HOOK_MASK;
  if (hook != HOOK_FROM_ENDPOINT && hook != HOOK_FROM_NETWORK && hook != HOOK_FROM_OVERLAY) return false;
  if (isIpv6Line(line) && !areNumbersSound(line)) return false;
  const pair = load<u32>(line, LINE_PAIR_AT);
  const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
  if (isHeld(line)) {
    if (pair != slot || flags != 0 || <u32>load<u16>(line, LINE_EGRESS_AT) > maxEgresses) return false;
    return load<u8>(line, LINE_TIMEOUT_ROW_AT) < timeoutRows;
  }
  if (((flags & LINE_FLAG_LOST) != 0) != (pair == slot)) return false;
  if (pair == slot && (flags & PIN) != PIN) return false;
  if (pair >= total || load<u32>(lineAt(pair), LINE_PAIR_AT) != slot) return false;
  if (!load<u8>(lineAt(pair), LINE_HOOK_AT)) return false;
  if (load<u8>(line, LINE_CLASS_AT) >= <u32>TIMEOUT_COUNT || load<u8>(line, LINE_TIMEOUT_ROW_AT) >= timeoutRows)
    return false;
  const translated = flags & LINE_FLAG_TRANSLATED;
  if ((load<u8>(lineAt(pair), LINE_FLAGS_AT) & LINE_FLAG_TRANSLATED) != translated) return false;
  if (flags & (LINE_FLAG_TRANSLATED | LINE_FLAG_REDIRECT)) return <u32>load<u16>(line, LINE_EGRESS_AT) <= maxEgresses;
  return <u32>load<u16>(line, LINE_PORT_AT) < <u32>REASON_COUNT;
}
