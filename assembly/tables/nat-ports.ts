import {
  COUNTER_BITMAP_SEARCHES_AT,
  COUNTER_PORT_PROBES_AT,
  EGRESS_STATS_PORTS_PEAK_AT,
  HOOK_FROM_NETWORK,
  LINE_DST_AT,
  LINE_EGRESS_AT,
  LINE_PORTS_AT,
  LINE_PROTOCOL_AT,
  LINE_SRC_AT,
} from "../abi";
import { makeKey } from "../wire/parse";
import { BITMAP_FREE_AT, BITMAPS_USED_AT } from "./clock";
import { find, homeLine, removeConnection } from "./conntrack";
import { count, countMany, egressStats } from "./counters";
import { keyHash, scale } from "./hash";
import { expiryOf, isExpired } from "./lifetime";
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

// Choice of the NAT port. A port is taken when the network-side key (remote, remote port, egress IP, port, protocol) is in conntrack and
// alive, so one port serves many remotes (RFC 7857 section 3). The search is complete: no refusal while a port is free.
//
//   1. the endpoint's own port, if in range;
//   2. up to CANDIDATES keyed ports, all distinct: a start and a stride drawn from the connection's hash (RFC 6056 section 3.3.3);
//   3. a bitmap of all ports of this (egress IP, remote, port, protocol), made now, with a lower bound per 64 ports of when one expires.
//
// A group row counts the ports in use per (egress IP, remote, remote port, protocol):
const GROUP_EGRESS_IP_AT: usize = 0; // u32, network order bytes
const GROUP_REMOTE_AT: usize = 4; // u32
const GROUP_PORT_AT: usize = 8; // u16 remote port, network order bytes
const GROUP_PROTOCOL_AT: usize = 10; // u8; 0 = empty row
const GROUP_USED_AT: usize = 12; // u32, connections that hold a port
const GROUP_BITMAP_AT: usize = 16; // u32, bitmap number + 1; 0 = none
const GROUP_HASH_AT: usize = 20; // u32, home of the row

/** Where a bitmap that nobody uses keeps the number of the next one. */
const BITMAP_NEXT_AT: usize = BITMAP_BITS_SIZE + 1024 * 4;

const CANDIDATES: u32 = 256;
const ICMP: u32 = 1;

/** Odd primes: a stride that does not divide the number of ports visits every one of them. */
const STRIDES: usize = memory.data<u32>([7919, 10007, 12289, 16411, 20011, 24989, 29989, 40009]);

export const NO_PORT: u32 = 0xffffffff;

/** Lowest and highest port for a protocol; ICMP ids have the whole range (cilium-semantics 4.1). */
function lowest(protocol: u32): u32 {
  return protocol == ICMP ? 0 : snatLow;
}

export function portCount(protocol: u32): u32 {
  return protocol == ICMP ? 65536 : snatHigh - snatLow + 1;
}

/** Network-side key of a mapping: the remote's port in front, ours behind; an echo reply has no remote port. */
function replyKey(remotePort: u32, port: u32, protocol: u32): u64 {
  const ours = (port >> 8) | ((port & 0xff) << 8);
  return makeKey(remotePort | (ours << 16), protocol, HOOK_FROM_NETWORK);
}

function groupHash(egressIp: u32, remote: u32, remotePort: u32, protocol: u32): u32 {
  return scale(keyHash(((<u64>egressIp) << 32) | remote, ((<u64>remotePort) << 8) | protocol, tableSeed), groupCount);
}

function rowAt(slot: u32): usize {
  return groupsAt + <usize>slot * GROUP_SIZE;
}

function isRow(row: usize, egressIp: u32, remote: u32, remotePort: u32, protocol: u32): bool {
  return (
    load<u32>(row, GROUP_EGRESS_IP_AT) == egressIp &&
    load<u32>(row, GROUP_REMOTE_AT) == remote &&
    <u32>load<u16>(row, GROUP_PORT_AT) == remotePort &&
    <u32>load<u8>(row, GROUP_PROTOCOL_AT) == protocol
  );
}

/** Row of a group, or 0. */
function findGroup(egressIp: u32, remote: u32, remotePort: u32, protocol: u32): usize {
  const home = groupHash(egressIp, remote, remotePort, protocol);
  for (let slot = home; slot < home + GROUP_PROBE_LIMIT; slot++) {
    const row = rowAt(slot);
    if (isRow(row, egressIp, remote, remotePort, protocol)) return row;
    if (!load<u8>(row, GROUP_PROTOCOL_AT)) return 0;
  }
  return 0;
}

/** Row of a group, made where there is none; 0 where its surroundings are full. */
function groupFor(egressIp: u32, remote: u32, remotePort: u32, protocol: u32): usize {
  const home = groupHash(egressIp, remote, remotePort, protocol);
  for (let slot = home; slot < home + GROUP_PROBE_LIMIT; slot++) {
    const row = rowAt(slot);
    if (isRow(row, egressIp, remote, remotePort, protocol)) return row;
    if (load<u8>(row, GROUP_PROTOCOL_AT)) continue;
    store<u32>(row, egressIp, GROUP_EGRESS_IP_AT);
    store<u32>(row, remote, GROUP_REMOTE_AT);
    store<u16>(row, <u16>remotePort, GROUP_PORT_AT);
    store<u8>(row, <u8>protocol, GROUP_PROTOCOL_AT);
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
    if (!load<u8>(at, GROUP_PROTOCOL_AT)) break;
    if (load<u32>(at, GROUP_HASH_AT) > gap) continue;
    memory.copy(rowAt(gap), at, GROUP_SIZE);
    gap = next;
  }
  memory.fill(rowAt(gap), 0, GROUP_SIZE);
}

// ---- Bitmaps ----------------------------------------------------------------------------------------------------------------------------

function bitmapAt(number: u32): usize {
  return bitmapsAt + <usize>(number - 1) * BITMAP_SIZE;
}

function wordAt(bitmap: usize, port: u32): usize {
  return bitmap + ((<usize>(port >> 6)) << 3);
}

/** Earliest coarse time at which one of the 64 ports of a word can be free: a lower bound. */
function boundAt(bitmap: usize, word: u32): usize {
  return bitmap + BITMAP_BITS_SIZE + ((<usize>word) << 2);
}

function setBit(bitmap: usize, port: u32, expiry: u32): void {
  const at = wordAt(bitmap, port);
  store<u64>(at, load<u64>(at) | ((<u64>1) << (<u64>(port & 63))));
  const bound = boundAt(bitmap, port >> 6);
  if (expiry < load<u32>(bound)) store<u32>(bound, expiry);
}

function clearBit(bitmap: usize, port: u32): void {
  const at = wordAt(bitmap, port);
  store<u64>(at, load<u64>(at) & ~((<u64>1) << (<u64>(port & 63))));
}

/** A bitmap from the free list, or one never used; 0 when all are out. */
function newBitmap(): u32 {
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

// ---- Search -----------------------------------------------------------------------------------------------------------------------------

/** Removes the connection that holds a port if it has expired. @returns 0 when the port is free now, else when its holder expires */
function holderExpiry(remote: u32, egressIp: u32, key: u64, now: u32): u32 {
  const addresses = <u64>remote | ((<u64>egressIp) << 32);
  const line = find(homeLine(addresses, key), addresses, key);
  if (line == 0) return 0;
  if (!isExpired(line, now)) return expiryOf(line);
  removeConnection(line);
  return 0;
}

/**
 * A free port for a new connection, host order, or NO_PORT. Expired holders that are met are removed: pointers to lines are void.
 * @param egressIp, remote, remotePort as on the wire   @param own the endpoint's port or id, host order   @param random the tuple's port hash
 */
export function findPort(
  egressIp: u32,
  remote: u32,
  remotePort: u32,
  protocol: u32,
  own: u32,
  random: u64,
  now: u32,
): u32 {
  const low = lowest(protocol);
  const ports = portCount(protocol);
  let probes: u64 = 1;
  if (own - low < ports && !holderExpiry(remote, egressIp, replyKey(remotePort, own, protocol), now)) {
    countMany(COUNTER_PORT_PROBES_AT, probes);
    return own;
  }
  let offset = scale(random, ports);
  const stride = strideFor(random, ports);
  const tries = ports < CANDIDATES ? ports : CANDIDATES;
  for (let i: u32 = 0; i < tries; i++) {
    probes++;
    if (!holderExpiry(remote, egressIp, replyKey(remotePort, low + offset, protocol), now)) {
      countMany(COUNTER_PORT_PROBES_AT, probes);
      return low + offset;
    }
    offset += stride;
    if (offset >= ports) offset -= ports;
  }
  countMany(COUNTER_PORT_PROBES_AT, probes);
  return ports == tries ? NO_PORT : searchAll(egressIp, remote, remotePort, protocol, offset, now);
}

/** A stride below `ports` that shares no factor with it, so that stepping by it meets every port once. */
function strideFor(random: u64, ports: u32): u32 {
  for (let i: u32 = 0; i < 8; i++) {
    const prime = load<u32>(STRIDES + <usize>((<u32>random + i) & 7) * 4);
    if (prime < ports && ports % prime != 0) return prime;
  }
  return 1;
}

/** Step 3: finds a free port if there is one. */
function searchAll(egressIp: u32, remote: u32, remotePort: u32, protocol: u32, from: u32, now: u32): u32 {
  count(COUNTER_BITMAP_SEARCHES_AT);
  const group = findGroup(egressIp, remote, remotePort, protocol);
  let number = group ? load<u32>(group, GROUP_BITMAP_AT) : 0;
  if (group && !number) {
    number = newBitmap();
    if (number) return fillBitmap(number, egressIp, remote, remotePort, protocol, now);
  }
  if (!number) return searchLines(egressIp, remote, remotePort, protocol, from, now);
  return searchBitmap(number, egressIp, remote, remotePort, protocol, from, now);
}

/** No bitmap to be had: every port is looked up. */
function searchLines(egressIp: u32, remote: u32, remotePort: u32, protocol: u32, from: u32, now: u32): u32 {
  const low = lowest(protocol);
  const ports = portCount(protocol);
  for (let i: u32 = 0; i < ports; i++) {
    const offset = from + i < ports ? from + i : from + i - ports;
    if (!holderExpiry(remote, egressIp, replyKey(remotePort, low + offset, protocol), now)) return low + offset;
  }
  return NO_PORT;
}

/** Makes a group's bitmap true to conntrack. @returns the last free port met, or NO_PORT */
function fillBitmap(number: u32, egressIp: u32, remote: u32, remotePort: u32, protocol: u32, now: u32): u32 {
  const bitmap = bitmapAt(number);
  memory.fill(bitmap + BITMAP_BITS_SIZE, 0xff, 1024 * 4);
  const low = lowest(protocol);
  const ports = portCount(protocol);
  let free = NO_PORT;
  for (let i: u32 = 0; i < ports; i++) {
    const expiry = holderExpiry(remote, egressIp, replyKey(remotePort, low + i, protocol), now);
    if (expiry) setBit(bitmap, low + i, expiry);
    else free = low + i;
  }
  // Set only now: removing expired holders must not clear bits of a bitmap in the making. The row may have moved or gone meanwhile.
  const group = findGroup(egressIp, remote, remotePort, protocol);
  if (group) store<u32>(group, number, GROUP_BITMAP_AT);
  else freeBitmap(number);
  return free;
}

/** First free port of the group's bitmap from offset `from` on; words whose ports may have expired are looked through again. */
function searchBitmap(
  number: u32,
  egressIp: u32,
  remote: u32,
  remotePort: u32,
  protocol: u32,
  from: u32,
  now: u32,
): u32 {
  const bitmap = bitmapAt(number);
  const low = lowest(protocol);
  const high = low + portCount(protocol) - 1;
  const firstWord = low >> 6;
  const words = (high >> 6) - firstWord + 1;
  const start = ((low + from) >> 6) - firstWord;
  for (let i: u32 = 0; i < words; i++) {
    const word = firstWord + (start + i < words ? start + i : start + i - words);
    const outside = outsideMask(word, low, high);
    let free = ~(load<u64>(wordAt(bitmap, word << 6)) | outside);
    if (!free && load<u32>(boundAt(bitmap, word)) <= now) {
      renewWord(bitmap, word, ~outside, egressIp, remote, remotePort, protocol, now);
      free = ~(load<u64>(wordAt(bitmap, word << 6)) | outside);
    }
    if (free) return (word << 6) + <u32>ctz<u64>(free);
  }
  return NO_PORT;
}

/** Bits of a word that stand for ports outside low … high. */
function outsideMask(word: u32, low: u32, high: u32): u64 {
  const first = word << 6;
  let mask: u64 = 0;
  if (low > first) mask |= ((<u64>1) << (<u64>(low - first))) - 1;
  if (high < first + 63) mask |= ~(((<u64>2) << (<u64>(high - first))) - 1);
  return mask;
}

/** Removes the expired holders of a word's ports and sets its bound anew. */
function renewWord(
  bitmap: usize,
  word: u32,
  inside: u64,
  egressIp: u32,
  remote: u32,
  remotePort: u32,
  protocol: u32,
  now: u32,
): void {
  let bound: u32 = 0xffffffff;
  let left = inside;
  while (left) {
    const bit = <u32>ctz<u64>(left);
    left &= left - 1;
    const port = (word << 6) + bit;
    const expiry = holderExpiry(remote, egressIp, replyKey(remotePort, port, protocol), now);
    if (!expiry) clearBit(bitmap, port);
    else if (expiry < bound) bound = expiry;
  }
  store<u32>(boundAt(bitmap, word), bound);
}

// ---- Bookkeeping when a mapping comes and goes ---------------------------------------------------------------------------------------------

function ourPort(networkLine: usize): u32 {
  return <u32>bswap<u16>(<u16>(load<u32>(networkLine, LINE_PORTS_AT) >> 16));
}

/** The group that a network-side line belongs to, or 0. */
function groupOf(line: usize): usize {
  return findGroup(
    load<u32>(line, LINE_DST_AT),
    load<u32>(line, LINE_SRC_AT),
    load<u32>(line, LINE_PORTS_AT) & 0xffff,
    load<u8>(line, LINE_PROTOCOL_AT),
  );
}

/** Counts a new mapping, given its network-side line. */
export function takePort(networkLine: usize): void {
  const protocol = <u32>load<u8>(networkLine, LINE_PROTOCOL_AT);
  const group = groupFor(
    load<u32>(networkLine, LINE_DST_AT),
    load<u32>(networkLine, LINE_SRC_AT),
    load<u32>(networkLine, LINE_PORTS_AT) & 0xffff,
    protocol,
  );
  if (!group) return;
  const used = load<u32>(group, GROUP_USED_AT) + 1;
  store<u32>(group, used, GROUP_USED_AT);
  const stats = egressStats(load<u16>(networkLine, LINE_EGRESS_AT));
  if (used > load<u32>(stats, EGRESS_STATS_PORTS_PEAK_AT)) store<u32>(stats, used, EGRESS_STATS_PORTS_PEAK_AT);
  const number = load<u32>(group, GROUP_BITMAP_AT);
  if (number) setBit(bitmapAt(number), ourPort(networkLine), expiryOf(networkLine));
}

/** Undoes `takePort`; the line still stands. */
export function releasePort(networkLine: usize): void {
  const group = groupOf(networkLine);
  if (!group) return;
  const number = load<u32>(group, GROUP_BITMAP_AT);
  if (number) clearBit(bitmapAt(number), ourPort(networkLine));
  const used = load<u32>(group, GROUP_USED_AT);
  if (used > 1) {
    store<u32>(group, used - 1, GROUP_USED_AT);
    return;
  }
  if (number) freeBitmap(number);
  removeGroup(group);
}

/** A connection's lifetime got shorter: the bound of its port's word must not lie behind it. */
export function portExpiresSooner(networkLine: usize): void {
  const group = groupOf(networkLine);
  const number = group ? load<u32>(group, GROUP_BITMAP_AT) : 0;
  if (!number) return;
  const bound = boundAt(bitmapAt(number), ourPort(networkLine) >> 6);
  const expiry = expiryOf(networkLine);
  if (expiry < load<u32>(bound)) store<u32>(bound, expiry);
}

/** After the clock's base moved, bounds are unknown: 0 makes every word be looked through again. */
export function rebasePorts(): void {
  const used = load<u32>(stateAt, BITMAPS_USED_AT);
  for (let number: u32 = 1; number <= used; number++) memory.fill(bitmapAt(number) + BITMAP_BITS_SIZE, 0, 1024 * 4);
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
  return load<u32>(stateAt, BITMAP_FREE_AT) <= used && !load<u8>(rowAt(total), GROUP_PROTOCOL_AT);
}
