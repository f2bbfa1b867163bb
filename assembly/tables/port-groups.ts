import {
  EGRESS_STATS_PORTS_PEAK_AT,
  LINE_DST_AT,
  LINE_EGRESS_AT,
  LINE_PORTS_AT,
  LINE_PROTOCOL_AT,
  LINE_SRC_AT,
} from "../abi";
import { hasPorts } from "../wire/ipv4";
import { TRANSPORT_MASK } from "../wire/parse";
import { bit } from "./blob";
import { BITMAP_FREE_AT, BITMAPS_USED_AT } from "./clock";
import { egressStats } from "./counters";
import { keyHash, scale } from "./hash";
import { expiryOf } from "./lifetime";
import {
  BITMAP_BITS_SIZE,
  BITMAP_SIZE,
  bitmapsAt,
  GROUP_PROBE_LIMIT,
  GROUP_SIZE,
  groupCount,
  groupsAt,
  maxBitmaps,
  stateAt,
  tableSeed,
} from "./memory";
import { snatHigh, snatLow } from "./policy";

// How many ports each (egress IP, remote, remote port, protocol) has in use, and near exhaustion a bitmap of them: one bit per port, and
// per 64 ports a lower bound of the coarse time at which one of them can be free. A bit is set exactly while conntrack holds the port.

// A group row counts the ports in use per (egress IP, remote, remote port, protocol):
const GROUP_EGRESS_IP_AT: usize = 0; // u32, network order bytes
const GROUP_REMOTE_AT: usize = 4; // u32
const GROUP_PORT_AT: usize = 8; // u16 remote port, network order bytes
const GROUP_PROTOCOL_AT: usize = 10; // u16, protocol, with FAMILY_IPV6 where the addresses are numbers of IPv6 ones; 0 = empty row
const GROUP_USED_AT: usize = 12; // u32, connections that hold a port
const GROUP_BITMAP_AT: usize = 16; // u32, number of its bitmap, from 1; 0 = none
const GROUP_HASH_AT: usize = 20; // u32, home of the row
const GROUP_NOT_BEFORE_AT: usize = 24; // u32, coarse time before which no port can be free; 0 = not known
const GROUP_TOUCH_AT: usize = 28; // u32, always 0, written blindly

/** Where a bitmap that nobody uses keeps the number of the next one. */
const BITMAP_NEXT_AT: usize = BITMAP_BITS_SIZE + 1024 * 4;
/** Words of a bitmap in use that were made true ahead of a search, from the lowest on. */
const BITMAP_BUILT_AT: usize = BITMAP_NEXT_AT + 4;

const ICMP: u32 = 1;

/**
 * From three quarters of the ports on, every so many new connections one word of the bitmap is made true: it is ready at seven eighths of
 * 64,512 ports, long before a search needs it, and no connection pays for more than 64 lookups.
 */
const BUILD_STEP: u32 = 8;

/** Lowest port for a protocol, and how many there are; ICMP ids have the whole range, as in the original, what has no port has port 0. */
export function lowest(protocol: u32): u32 {
  return hasPorts(protocol & 0xff) ? snatLow : 0;
}

export function portCount(protocol: u32): u32 {
  if (hasPorts(protocol & 0xff)) return snatHigh - snatLow + 1;
  return (protocol & 0xff) == ICMP ? 65536 : 1;
}

/** Where probing for a group's row starts. */
export function groupHome(egressIp: u32, remote: u32, remotePort: u32, protocol: u32): u32 {
  return scale(keyHash(((<u64>egressIp) << 32) | remote, ((<u64>remotePort) << 16) | protocol, tableSeed), groupCount);
}

function rowAt(slot: u32): usize {
  return groupsAt + <usize>slot * GROUP_SIZE;
}

function isRow(row: usize, egressIp: u32, remote: u32, remotePort: u32, protocol: u32): bool {
  return (
    load<u32>(row, GROUP_EGRESS_IP_AT) == egressIp &&
    load<u32>(row, GROUP_REMOTE_AT) == remote &&
    <u32>load<u16>(row, GROUP_PORT_AT) == remotePort &&
    <u32>load<u16>(row, GROUP_PROTOCOL_AT) == protocol
  );
}

/** Blind store of a zero into padding at the home of a group: a prefetch. */
export function touchGroup(home: u32): void {
  store<u32>(rowAt(home), 0, GROUP_TOUCH_AT);
}

/** Row of a group, or 0. */
export function findGroup(egressIp: u32, remote: u32, remotePort: u32, protocol: u32): usize {
  const home = groupHome(egressIp, remote, remotePort, protocol);
  for (let slot = home; slot < home + GROUP_PROBE_LIMIT; slot++) {
    const row = rowAt(slot);
    if (isRow(row, egressIp, remote, remotePort, protocol)) return row;
    if (!load<u16>(row, GROUP_PROTOCOL_AT)) return 0;
  }
  return 0;
}

/** Row of a group, made where there is none; 0 where its surroundings are full. @param home `groupHome` */
function groupFor(home: u32, egressIp: u32, remote: u32, remotePort: u32, protocol: u32): usize {
  for (let slot = home; slot < home + GROUP_PROBE_LIMIT; slot++) {
    const row = rowAt(slot);
    if (isRow(row, egressIp, remote, remotePort, protocol)) return row;
    if (load<u16>(row, GROUP_PROTOCOL_AT)) continue;
    store<u32>(row, egressIp, GROUP_EGRESS_IP_AT);
    store<u32>(row, remote, GROUP_REMOTE_AT);
    store<u16>(row, <u16>remotePort, GROUP_PORT_AT);
    store<u16>(row, <u16>protocol, GROUP_PROTOCOL_AT);
    store<u32>(row, home, GROUP_HASH_AT);
    return row;
  }
  return 0;
}

/** Empties a row and moves the following ones up, as conntrack does with its lines. */
function removeGroup(row: usize): void {
  let gap = <u32>((row - groupsAt) / GROUP_SIZE);
  for (let next = gap + 1; ; next++) {
    const at = rowAt(next);
    if (!load<u16>(at, GROUP_PROTOCOL_AT)) break;
    if (load<u32>(at, GROUP_HASH_AT) > gap) continue;
    memory.copy(rowAt(gap), at, GROUP_SIZE);
    gap = next;
  }
  memory.fill(rowAt(gap), 0, GROUP_SIZE);
}

export function bitmapAt(number: u32): usize {
  return bitmapsAt + <usize>(number - 1) * BITMAP_SIZE;
}

export function wordAt(bitmap: usize, port: u32): usize {
  return bitmap + ((<usize>(port >> 6)) << 3);
}

/** Earliest coarse time at which one of the 64 ports of a word can be free: a lower bound. */
export function boundAt(bitmap: usize, word: u32): usize {
  return bitmap + BITMAP_BITS_SIZE + ((<usize>word) << 2);
}

export function setBit(bitmap: usize, port: u32, expiry: u32): void {
  const at = wordAt(bitmap, port);
  store<u64>(at, load<u64>(at) | bit(port & 63));
  const bound = boundAt(bitmap, port >> 6);
  if (expiry < load<u32>(bound)) store<u32>(bound, expiry);
}

export function clearBit(bitmap: usize, port: u32): void {
  const at = wordAt(bitmap, port);
  store<u64>(at, load<u64>(at) & ~bit(port & 63));
}

/** A bitmap from the free list, or one never used; 0 when all are out. All its bounds are 0: no word is true yet. */
export function newBitmap(): u32 {
  let number = load<u32>(stateAt, BITMAP_FREE_AT);
  if (number) {
    store<u32>(stateAt, load<u32>(bitmapAt(number) + BITMAP_NEXT_AT), BITMAP_FREE_AT);
  } else {
    const used = load<u32>(stateAt, BITMAPS_USED_AT);
    if (used == maxBitmaps) return 0;
    number = used + 1;
    store<u32>(stateAt, number, BITMAPS_USED_AT);
  }
  memory.fill(bitmapAt(number), 0, BITMAP_SIZE);
  return number;
}

function freeBitmap(number: u32): void {
  const at = bitmapAt(number);
  memory.fill(at, 0, BITMAP_SIZE);
  store<u32>(at + BITMAP_NEXT_AT, load<u32>(stateAt, BITMAP_FREE_AT));
  store<u32>(stateAt, number, BITMAP_FREE_AT);
}

function ourPort(networkLine: usize): u32 {
  return <u32>bswap<u16>(<u16>(load<u32>(networkLine, LINE_PORTS_AT) >> 16));
}

/** Protocol and family of a line: protocol and hook lie side by side. */
function transportOf(line: usize): u32 {
  return <u32>load<u16>(line, LINE_PROTOCOL_AT) & TRANSPORT_MASK;
}

/** The group that a network-side line belongs to, or 0. */
function groupOf(line: usize): usize {
  return findGroup(
    load<u32>(line, LINE_DST_AT),
    load<u32>(line, LINE_SRC_AT),
    load<u32>(line, LINE_PORTS_AT) & 0xffff,
    transportOf(line),
  );
}

/** Words of a bitmap that a protocol's ports lie in. */
function wordCount(protocol: u32): u32 {
  const low = lowest(protocol);
  return ((low + portCount(protocol) - 1) >> 6) - (low >> 6) + 1;
}

/** Counts a new mapping, given its network-side line and its `groupHome`. @returns true where it is time to make the group's bitmap ready (`buildAhead`) */
export function takePort(networkLine: usize, home: u32): bool {
  const protocol = transportOf(networkLine);
  const group = groupFor(
    home,
    load<u32>(networkLine, LINE_DST_AT),
    load<u32>(networkLine, LINE_SRC_AT),
    load<u32>(networkLine, LINE_PORTS_AT) & 0xffff,
    protocol,
  );
  if (!group) return false;
  const used = load<u32>(group, GROUP_USED_AT) + 1;
  store<u32>(group, used, GROUP_USED_AT);
  const stats = egressStats(load<u16>(networkLine, LINE_EGRESS_AT));
  if (used > load<u32>(stats, EGRESS_STATS_PORTS_PEAK_AT)) store<u32>(stats, used, EGRESS_STATS_PORTS_PEAK_AT);
  const number = load<u32>(group, GROUP_BITMAP_AT);
  if (number) setBit(bitmapAt(number), ourPort(networkLine), expiryOf(networkLine));
  if (used % BUILD_STEP != 0 || used < (portCount(protocol) >> 2) * 3) return false;
  return !number || load<u32>(bitmapAt(number) + BITMAP_BUILT_AT) < wordCount(protocol);
}

/** Takes note that one more word was made true. @returns its number, from the lowest port's on */
export function nextBuilt(number: u32): u32 {
  const at = bitmapAt(number) + BITMAP_BUILT_AT;
  const built = load<u32>(at);
  store<u32>(at, built + 1);
  return built;
}

/** Bitmap that a search reads at this moment: it may not go. Not part of the state. */
let heldBitmap: u32 = 0;

export function holdBitmap(number: u32): void {
  heldBitmap = number;
}

export function bitmapOf(group: usize): u32 {
  return load<u32>(group, GROUP_BITMAP_AT);
}

/** After a search: gives the bitmap to its group, or back where the group has ended. @param notBefore when a port can be free, 0 = now */
export function settleBitmap(
  egressIp: u32,
  remote: u32,
  remotePort: u32,
  protocol: u32,
  number: u32,
  notBefore: u32,
): void {
  const group = findGroup(egressIp, remote, remotePort, protocol);
  if (!group) return freeBitmap(number);
  store<u32>(group, number, GROUP_BITMAP_AT);
  store<u32>(group, notBefore, GROUP_NOT_BEFORE_AT);
}

/** True where the last search found every port taken and none can have expired since. */
export function isExhausted(egressIp: u32, remote: u32, remotePort: u32, protocol: u32, now: u32): bool {
  // Only a group with a bitmap can know.
  if (load<u32>(stateAt, BITMAPS_USED_AT) == 0) return false;
  const group = findGroup(egressIp, remote, remotePort, protocol);
  return group != 0 && now < load<u32>(group, GROUP_NOT_BEFORE_AT);
}

/** Undoes `takePort`; the line still stands. A bitmap goes back when half of the ports are free again. */
export function releasePort(networkLine: usize): void {
  const group = groupOf(networkLine);
  if (!group) return;
  const number = bitmapOf(group);
  if (number) clearBit(bitmapAt(number), ourPort(networkLine));
  store<u32>(group, 0, GROUP_NOT_BEFORE_AT);
  const used = load<u32>(group, GROUP_USED_AT);
  const left = used > 1 ? used - 1 : 0;
  store<u32>(group, left, GROUP_USED_AT);
  if (number && number != heldBitmap && left < portCount(transportOf(networkLine)) >> 1) {
    freeBitmap(number);
    store<u32>(group, 0, GROUP_BITMAP_AT);
  }
  if (!left) removeGroup(group);
}

/** A connection's lifetime may have got shorter: bounds must not lie behind its end. */
export function portExpiresSooner(networkLine: usize): void {
  if (load<u32>(stateAt, BITMAPS_USED_AT) == 0) return;
  const group = groupOf(networkLine);
  const number = group ? bitmapOf(group) : 0;
  if (!number) return;
  const bound = boundAt(bitmapAt(number), ourPort(networkLine) >> 6);
  const expiry = expiryOf(networkLine);
  if (expiry < load<u32>(bound)) store<u32>(bound, expiry);
  if (expiry < load<u32>(group, GROUP_NOT_BEFORE_AT)) store<u32>(group, expiry, GROUP_NOT_BEFORE_AT);
}

/** After the clock's base moved, or lifetimes or ports changed, bounds are unknown: 0 makes every word be looked through again. */
export function rebasePorts(): void {
  const used = load<u32>(stateAt, BITMAPS_USED_AT);
  if (used == 0) return;
  for (let number: u32 = 1; number <= used; number++) {
    memory.fill(bitmapAt(number) + BITMAP_BITS_SIZE, 0, 1024 * 4);
    store<u32>(bitmapAt(number) + BITMAP_BUILT_AT, 0);
  }
  const total = groupCount + GROUP_PROBE_LIMIT;
  for (let slot: u32 = 0; slot < total; slot++) store<u32>(rowAt(slot), 0, GROUP_NOT_BEFORE_AT);
}

/** For a restored state: every bitmap number exists, and the row behind the last one, which ends every walk, is empty. */
export function areGroupsSound(): bool {
  const used = load<u32>(stateAt, BITMAPS_USED_AT);
  const total = groupCount + GROUP_PROBE_LIMIT;
  for (let slot: u32 = 0; slot < total; slot++) {
    if (load<u32>(rowAt(slot), GROUP_BITMAP_AT) > used) return false;
  }
  for (let number: u32 = 1; number <= used; number++) {
    if (load<u32>(bitmapAt(number) + BITMAP_NEXT_AT) > used) return false;
  }
  return load<u32>(stateAt, BITMAP_FREE_AT) <= used && !load<u16>(rowAt(total), GROUP_PROTOCOL_AT);
}
