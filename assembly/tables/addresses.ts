import {
  ADDRESS_NEXT_AT,
  ADDRESS_SIZE,
  ADDRESS_USES_AT,
  LINE_ADDRESS_AT,
  LINE_DST_AT,
  LINE_FLAG_TRANSLATED,
  LINE_FLAGS_AT,
  LINE_HOOK_AT,
  LINE_HOOK_IPV6,
  LINE_SRC_AT,
} from "../abi";
import { be32 } from "../wire/bytes";
import { high, low } from "./blob";
import { ADDRESS_FREE_AT, ADDRESSES_USED_AT } from "./clock";
import { absorb, finish, mappedLow } from "./hash";
import { addressCount, addressesAt, addressHeadsAt, addressMask, linesAt, stateAt, tableSeed } from "./memory";

// IPv6 addresses that connections have to do with, each under a number from 1 on. Lines, port groups and all that works on them see such
// a number where IPv4 has the address itself, so one table and one code serve both families and IPv4 pays nothing. Rows are chained by
// hash, never move, and go when nothing refers to them any longer.

/** Where the chain of the 16 address bytes at `at` begins. */
function headOf(at: usize): usize {
  const high = ((<u64>be32(at)) << 32) | <u64>be32(at + 4);
  const low = ((<u64>be32(at + 8)) << 32) | <u64>be32(at + 12);
  const hash = <u32>(finish(absorb(absorb(tableSeed, high), low)) >> 32);
  return addressHeadsAt + ((<usize>(hash & addressMask)) << 2);
}

export function addressRow(number: u32): usize {
  return addressesAt + <usize>number * ADDRESS_SIZE;
}

/** Number of the address at `at` if it is in use, or 0. */
export function findAddress(at: usize): u32 {
  let number = load<u32>(headOf(at));
  while (number) {
    const row = addressRow(number);
    if (load<u64>(row) == load<u64>(at) && load<u64>(row, 8) == load<u64>(at, 8)) return number;
    number = load<u32>(row, ADDRESS_NEXT_AT);
  }
  return 0;
}

/** The same for any address; the number stays until `releaseAddress` has been called as often as this and `holdAddress`. 0 = no room. */
export function takeAddress(at: usize): u32 {
  const known = findAddress(at);
  if (known) {
    holdAddress(known);
    return known;
  }
  const number = newRow();
  if (!number) return 0;
  const row = addressRow(number);
  const head = headOf(at);
  store<u64>(row, load<u64>(at));
  store<u64>(row, load<u64>(at, 8), 8);
  store<u32>(row, 1, ADDRESS_USES_AT);
  store<u32>(row, load<u32>(head), ADDRESS_NEXT_AT);
  store<u32>(head, number);
  return number;
}

/** A row from the free list, or one never used; 0 when all are out. */
function newRow(): u32 {
  const free = load<u32>(stateAt, ADDRESS_FREE_AT);
  if (free) {
    store<u32>(stateAt, load<u32>(addressRow(free), ADDRESS_NEXT_AT), ADDRESS_FREE_AT);
    return free;
  }
  const used = load<u32>(stateAt, ADDRESSES_USED_AT);
  if (used == addressCount) return 0;
  store<u32>(stateAt, used + 1, ADDRESSES_USED_AT);
  return used + 1;
}

export function holdAddress(number: u32): void {
  const row = addressRow(number);
  store<u32>(row, load<u32>(row, ADDRESS_USES_AT) + 1, ADDRESS_USES_AT);
}

export function releaseAddress(number: u32): void {
  const row = addressRow(number);
  const left = load<u32>(row, ADDRESS_USES_AT) - 1;
  store<u32>(row, left, ADDRESS_USES_AT);
  if (left) return;
  unlink(number, row);
  store<u64>(row, 0);
  store<u64>(row, 0, 8);
  store<u32>(row, load<u32>(stateAt, ADDRESS_FREE_AT), ADDRESS_NEXT_AT);
  store<u32>(stateAt, number, ADDRESS_FREE_AT);
}

function unlink(number: u32, row: usize): void {
  let at = headOf(row);
  while (load<u32>(at) != number) at = addressRow(load<u32>(at)) + ADDRESS_NEXT_AT;
  store<u32>(at, load<u32>(row, ADDRESS_NEXT_AT));
}

/** True for a line of an IPv6 connection. */
export function isIpv6Line(line: usize): bool {
  return (load<u8>(line, LINE_HOOK_AT) & LINE_HOOK_IPV6) != 0;
}

/** Halves of an address of a line. */
export function highOf(line: usize, address: u32): u64 {
  return isIpv6Line(line) ? high(addressRow(address)) : 0;
}

export function lowOf(line: usize, address: u32): u64 {
  return isIpv6Line(line) ? low(addressRow(address)) : mappedLow(address);
}

/** For a restored state: numbers exist, every row in use is in the chain of its hash, every other one in the free list, each once. */
export function areAddressesSound(): bool {
  const used = load<u32>(stateAt, ADDRESSES_USED_AT);
  if (used > addressCount) return false;
  let seen: u32 = 0;
  for (let head: u32 = 0; head <= addressMask; head++) {
    const at = addressHeadsAt + ((<usize>head) << 2);
    for (let number = load<u32>(at); number; number = load<u32>(addressRow(number), ADDRESS_NEXT_AT)) {
      if (number > used || ++seen > used) return false;
      const row = addressRow(number);
      if (!load<u32>(row, ADDRESS_USES_AT) || headOf(row) != at) return false;
    }
  }
  for (
    let number = load<u32>(stateAt, ADDRESS_FREE_AT);
    number;
    number = load<u32>(addressRow(number), ADDRESS_NEXT_AT)
  ) {
    if (number > used || ++seen > used) return false;
    if (load<u32>(addressRow(number), ADDRESS_USES_AT)) return false;
  }
  return seen == used;
}

/** True where every row is referred to by lines as often as it says. @param total lines, all of which were checked */
export function areUsesSound(total: u32): bool {
  addUses(total, -1);
  const used = load<u32>(stateAt, ADDRESSES_USED_AT);
  for (let number: u32 = 1; number <= used; number++) {
    if (load<u32>(addressRow(number), ADDRESS_USES_AT)) return false;
  }
  addUses(total, 1);
  return true;
}

function addUses(total: u32, times: i32): void {
  for (let slot: u32 = 0; slot < total; slot++) {
    const line = linesAt + ((<usize>slot) << 6);
    if (!isIpv6Line(line)) continue;
    add(load<u32>(line, LINE_SRC_AT), times);
    add(load<u32>(line, LINE_DST_AT), times);
    const written = addressWritten(line);
    if (written) add(written, times);
  }
}

function add(number: u32, times: i32): void {
  const row = addressRow(number);
  store<u32>(row, load<u32>(row, ADDRESS_USES_AT) + times, ADDRESS_USES_AT);
}

/** Number of the address that an IPv6 line writes, 0 = none. */
function addressWritten(line: usize): u32 {
  return load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_TRANSLATED ? load<u32>(line, LINE_ADDRESS_AT) : 0;
}

/** Whether all that an IPv6 line refers to exists. */
export function areNumbersSound(line: usize): bool {
  const written = addressWritten(line);
  return (
    isAddress(load<u32>(line, LINE_SRC_AT)) &&
    isAddress(load<u32>(line, LINE_DST_AT)) &&
    (!written || isAddress(written))
  );
}

/** A line goes, and its IPv6 addresses with it unless others have to do with them. */
export function releaseLine(line: usize): void {
  if (!isIpv6Line(line)) return;
  releaseAddress(load<u32>(line, LINE_SRC_AT));
  releaseAddress(load<u32>(line, LINE_DST_AT));
  const written = addressWritten(line);
  if (written) releaseAddress(written);
}

/** True for the number of a row in use. */
function isAddress(number: u32): bool {
  return (
    number != 0 &&
    number <= load<u32>(stateAt, ADDRESSES_USED_AT) &&
    load<u32>(addressRow(number), ADDRESS_USES_AT) != 0
  );
}
