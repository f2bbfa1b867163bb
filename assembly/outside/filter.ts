import { PROTOCOL_ICMP } from "../wire/ipv4";
import { control } from "./control";
import {
  CONTROL_FILTER_AT,
  CONTROL_FILTER_COUNT_AT,
  FILTER_AND,
  FILTER_BYTES_AT,
  FILTER_CODE_AT,
  FILTER_DST_NET,
  FILTER_DST_PORT,
  FILTER_NET,
  FILTER_NOT,
  FILTER_OR,
  FILTER_PORT,
  FILTER_PROTOCOL,
  FILTER_SIZE,
  FILTER_SRC_NET,
  FILTER_SRC_PORT,
  FILTER_VALUE_AT,
  FILTER_VERSION,
} from "./layout";
import {
  destinationPort,
  dstFirst,
  dstSecond,
  hasPorts,
  protocol,
  sourcePort,
  srcFirst,
  srcSecond,
  version,
} from "./packet";

// Runs the user's filter on the packet that was looked at last: postfix instructions, truth values on a stack of bits. The host has
// checked that the program leaves one value and never needs more than 32.

const PROTOCOL_ICMPV6: u32 = 58;

/** True where the filter wants the packet, or there is none. */
export function isSelected(): bool {
  let left = load<u32>(control, CONTROL_FILTER_COUNT_AT);
  if (left == 0) return true;
  let at = <usize>load<u32>(control, CONTROL_FILTER_AT);
  let stack: u32 = 0;
  for (; left > 0; left--) {
    const code = load<u32>(at, FILTER_CODE_AT);
    if (code == FILTER_NOT) stack ^= 1;
    else if (code == FILTER_AND) stack = (stack >> 1) & (stack | 0xfffffffe);
    else if (code == FILTER_OR) stack = (stack >> 1) | (stack & 1);
    else stack = (stack << 1) | <u32>test(code, at);
    at += FILTER_SIZE;
  }
  return (stack & 1) != 0;
}

function test(code: u32, at: usize): bool {
  const value = load<u32>(at, FILTER_VALUE_AT);
  if (code == FILTER_NET) return isIn(srcFirst, srcSecond, at, value) || isIn(dstFirst, dstSecond, at, value);
  if (code == FILTER_SRC_NET) return isIn(srcFirst, srcSecond, at, value);
  if (code == FILTER_DST_NET) return isIn(dstFirst, dstSecond, at, value);
  if (code == FILTER_PROTOCOL) return protocol == value || (value == PROTOCOL_ICMP && isIcmpv6());
  if (code == FILTER_VERSION) return version == value;
  if (!hasPorts()) return false;
  if (code == FILTER_SRC_PORT) return sourcePort() == value;
  if (code == FILTER_DST_PORT) return destinationPort() == value;
  return code == FILTER_PORT && (sourcePort() == value || destinationPort() == value);
}

function isIcmpv6(): bool {
  return version == 6 && protocol == PROTOCOL_ICMPV6;
}

/** @param bits length of the prefix over 16 bytes */
function isIn(first: u64, second: u64, at: usize, bits: u32): bool {
  const high = bswap<u64>(first ^ load<u64>(at, FILTER_BYTES_AT));
  const low = bswap<u64>(second ^ load<u64>(at, FILTER_BYTES_AT + 8));
  if (bits == 0) return true;
  if (bits <= 64) return high >> (64 - bits) == 0;
  return high == 0 && (bits == 128 ? low == 0 : low >> (128 - bits) == 0);
}
