import { addressesAt, addressMask, control, seed, shortAt } from "./control";
import {
  ADDRESS_BYTES_AT,
  ADDRESS_ENDPOINT,
  ADDRESS_FLAGS_AT,
  ADDRESS_SIZE,
  ADDRESS_SPAN_COUNT_AT,
  ADDRESS_SPANS_AT,
  ADDRESS_TIMED,
  CONTROL_SPANS_AT,
  NO_NODE,
  SHORT_ADDRESS_AT,
  SHORT_INFO_AT,
  SHORT_SIZE,
  SPAN_FROM_AT,
  SPAN_NODE_AT,
  SPAN_SIZE,
  SPAN_TO_AT,
} from "./layout";
import { mix, seal } from "./mix";

// Whose address is it: an endpoint's (for a span of time), a node's, an egress IP. Open addressing, at most half full, filled once.

/** `::ffff:` in front of a raw IPv4 address, as the low half of 16 address bytes lies in memory. */
const MAPPED: u64 = 0xffff0000;

/** The second eight bytes of an IPv4 address as 16 bytes; the first eight are zero. */
export function mapped(raw: u32): u64 {
  return MAPPED | ((<u64>raw) << 32);
}

function home(first: u64, second: u64): u32 {
  return <u32>seal(mix(mix(seed, first), second)) & addressMask;
}

function shortHome(raw: u32): u32 {
  return <u32>seal(mix(seed, raw)) & addressMask;
}

/** Copies a row of ADDRESS_SIZE bytes into the table. The table has room: its size is more than twice the number of rows. */
export function insertAddress(row: usize): void {
  let slot = home(load<u64>(row, ADDRESS_BYTES_AT), load<u64>(row, ADDRESS_BYTES_AT + 8));
  while (load<u32>(addressesAt + <usize>slot * ADDRESS_SIZE, ADDRESS_FLAGS_AT)) slot = (slot + 1) & addressMask;
  memory.copy(addressesAt + <usize>slot * ADDRESS_SIZE, row, ADDRESS_SIZE);
  if (load<u64>(row, ADDRESS_BYTES_AT) != 0 || load<u32>(row, ADDRESS_BYTES_AT + 8) != <u32>MAPPED) return;
  insertShort(load<u32>(row, ADDRESS_BYTES_AT + 12), load<u32>(row, ADDRESS_FLAGS_AT));
}

function insertShort(raw: u32, flags: u32): void {
  let slot = shortHome(raw);
  while (load<u32>(shortAt + <usize>slot * SHORT_SIZE, SHORT_INFO_AT)) slot = (slot + 1) & addressMask;
  const at = shortAt + <usize>slot * SHORT_SIZE;
  store<u32>(at, raw, SHORT_ADDRESS_AT);
  store<u32>(at, flags, SHORT_INFO_AT);
}

/** ADDRESS_* flags of an IPv4 address, given as on the wire, at a time. */
export function ipv4Flags(raw: u32, time: u64): u32 {
  let slot = shortHome(raw);
  for (let left = addressMask; left > 0; left--) {
    const entry = load<u64>(shortAt + <usize>slot * SHORT_SIZE);
    const info = <u32>(entry >> 32);
    if (info == 0) return 0;
    if (<u32>entry == raw) return info & ADDRESS_TIMED ? addressFlags(0, mapped(raw), time) : info;
    slot = (slot + 1) & addressMask;
  }
  return 0;
}

/**
 * ADDRESS_* flags of an address at a time; 0 = nobody's that we know.
 * @param first bytes 0 to 7 as they lie in memory   @param second bytes 8 to 15
 */
export function addressFlags(first: u64, second: u64, time: u64): u32 {
  const row = findRow(first, second);
  if (!row) return 0;
  const flags = load<u32>(row, ADDRESS_FLAGS_AT);
  return flags & ADDRESS_ENDPOINT && !spanAt(row, time) ? flags & ~ADDRESS_ENDPOINT : flags;
}

/** True for an address that an endpoint has at any time. */
export function isEverEndpoint(first: u64, second: u64): bool {
  const row = findRow(first, second);
  return row != 0 && (load<u32>(row, ADDRESS_FLAGS_AT) & ADDRESS_ENDPOINT) != 0;
}

/** Number of the node that the endpoint with this address runs on at a time; NO_NODE where there is none, or nobody knows. */
export function endpointNode(first: u64, second: u64, time: u64): u32 {
  const row = findRow(first, second);
  const span = row ? spanAt(row, time) : 0;
  return span ? load<u32>(span, SPAN_NODE_AT) : NO_NODE;
}

/** The row of an address, or 0. */
function findRow(first: u64, second: u64): usize {
  let slot = home(first, second);
  let row = addressesAt + <usize>slot * ADDRESS_SIZE;
  while (load<u32>(row, ADDRESS_FLAGS_AT)) {
    if (load<u64>(row, ADDRESS_BYTES_AT + 8) == second && load<u64>(row, ADDRESS_BYTES_AT) == first) return row;
    slot = (slot + 1) & addressMask;
    row = addressesAt + <usize>slot * ADDRESS_SIZE;
  }
  return 0;
}

/** The span of an endpoint's row that holds at a time, or 0. */
function spanAt(row: usize, time: u64): usize {
  let span = <usize>load<u32>(control + CONTROL_SPANS_AT) + <usize>load<u32>(row, ADDRESS_SPANS_AT) * SPAN_SIZE;
  for (let left = load<u32>(row, ADDRESS_SPAN_COUNT_AT); left > 0; left--) {
    if (time >= load<u64>(span, SPAN_FROM_AT) && time < load<u64>(span, SPAN_TO_AT)) return span;
    span += SPAN_SIZE;
  }
  return 0;
}
