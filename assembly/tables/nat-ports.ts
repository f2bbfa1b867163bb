import { COUNTER_BITMAP_SEARCHES_AT, COUNTER_PORT_PROBES_AT, HOOK_FROM_NETWORK, LINE_HOOK_ANSWER } from "../abi";
import { makeKey } from "../wire/parse";
import { bit } from "./blob";
import { expire, find, keyHome, removeConnection } from "./conntrack";
import { count, countMany } from "./counters";
import { scale } from "./hash";
import { expiryOf, isExpired, isHeld } from "./lifetime";
import {
  bitmapAt,
  bitmapOf,
  boundAt,
  clearBit,
  findGroup,
  holdBitmap,
  isExhausted,
  lowest,
  newBitmap,
  nextBuilt,
  portCount,
  setBit,
  settleBitmap,
  wordAt,
} from "./port-groups";

// Choice of the NAT port. A port is taken when the network-side key (remote, remote port, egress IP, port, protocol) is in conntrack and
// alive, so one port serves many remotes (RFC 7857 section 3). The search is complete: no refusal while no live connection has a port.
//
//   1. the endpoint's own port, if in range;
//   2. up to CANDIDATES keyed ports, all distinct: a start and a stride drawn from the connection's hash (RFC 6056 section 3.3.3);
//   3. of those ports the one whose hold-down ends first (RFC 6888 REQ-8), where no live connection has it. Under 90 % of ports in use,
//      dead ones that are held down included, one search in a thousand comes here;
//   4. a bitmap of all ports of this (egress IP, remote, port, protocol), with a lower bound per 64 ports of when one expires. It is made
//      ready piece by piece while ports get scarce; which words of it are true already never shows in the result.

const CANDIDATES: u32 = 64;
const ICMP: u32 = 1;

/** Odd primes: a stride that does not divide the number of ports visits every one of them. */
const STRIDES: usize = memory.data<u32>([7919, 10007, 12289, 16411, 20011, 24989, 29989, 40009]);

export const NO_PORT: u32 = 0xffffffff;

// `protocol` is everywhere the transport's number, with FAMILY_IPV6 where addresses are numbers of IPv6 ones.

/** Network-side key of a mapping to `port` (host order): the remote's port in front, ours behind; an echo reply has no remote port. */
export function mappingKey(remotePort: u32, port: u32, protocol: u32): u64 {
  const ours = (port >> 8) | ((port & 0xff) << 8);
  const mark: u32 = (protocol & 0xff) == ICMP ? LINE_HOOK_ANSWER : 0;
  return makeKey(remotePort | (ours << 16), protocol, HOOK_FROM_NETWORK | mark);
}

/** Where probing starts for the network side of a mapping; addresses as on the wire. @param key `mappingKey` */
export function mappingHome(remote: u32, egressIp: u32, key: u64): u32 {
  return keyHome(<u64>remote | ((<u64>egressIp) << 32), key);
}

/**
 * Network-side line of a port: of a live connection, or of one that ended and is held down (`isHeld`). 0 = free; the expired are removed.
 * @param home `mappingHome`
 */
function occupantAt(home: u32, remote: u32, egressIp: u32, key: u64, now: u32): usize {
  const line = find(home, <u64>remote | ((<u64>egressIp) << 32), key);
  return line == 0 || !isExpired(line, now) ? line : expire(line, now);
}

function occupant(remote: u32, egressIp: u32, key: u64, now: u32): usize {
  return occupantAt(mappingHome(remote, egressIp, key), remote, egressIp, key, now);
}

/** @returns 0 when no live connection has a port, else when the one that has it expires */
function holderExpiry(remote: u32, egressIp: u32, key: u64, now: u32): u32 {
  const line = occupant(remote, egressIp, key, now);
  return line == 0 || isHeld(line) ? 0 : expiryOf(line);
}

/** Ends a port's hold-down, if it has one: its key goes to a new connection. @returns the port */
function takeHeld(remote: u32, egressIp: u32, remotePort: u32, protocol: u32, port: u32, now: u32): u32 {
  const line = occupant(remote, egressIp, mappingKey(remotePort, port, protocol), now);
  if (line != 0) removeConnection(line);
  return port;
}

let heldPort: u32 = NO_PORT;
let heldUntil: u32 = 0;

/** True for a port that nothing speaks against; of those held down, the one that is free first is remembered in `heldPort`. */
function isFree(remote: u32, egressIp: u32, remotePort: u32, protocol: u32, port: u32, now: u32): bool {
  const key = mappingKey(remotePort, port, protocol);
  return isFreeAt(mappingHome(remote, egressIp, key), remote, egressIp, key, port, now);
}

function isFreeAt(home: u32, remote: u32, egressIp: u32, key: u64, port: u32, now: u32): bool {
  const line = occupantAt(home, remote, egressIp, key, now);
  if (line == 0) return true;
  if (!isHeld(line)) return false;
  const until = expiryOf(line);
  if (heldPort == NO_PORT || until < heldUntil) {
    heldPort = port;
    heldUntil = until;
  }
  return false;
}

/**
 * Step 1, before `findPort`: true where a new connection can have the endpoint's own port or id. Expired holders that are met are removed:
 * pointers to lines are void. @param egressIp, remote, remotePort as on the wire   @param own host order
 * @param home `mappingHome` of the mapping that this would be
 */
export function isOwnFree(
  egressIp: u32,
  remote: u32,
  remotePort: u32,
  protocol: u32,
  own: u32,
  home: u32,
  now: u32,
): bool {
  heldPort = NO_PORT;
  const low = lowest(protocol);
  const ports = portCount(protocol);
  if (isExhausted(egressIp, remote, remotePort, protocol, now)) return false;
  if (own - low < ports && isFreeAt(home, remote, egressIp, mappingKey(remotePort, own, protocol), own, now)) {
    count(COUNTER_PORT_PROBES_AT);
    return true;
  }
  return false;
}

/**
 * Steps 2 to 4: another free port, host order, or NO_PORT. Expired holders that are met are removed: pointers to lines are void.
 * @param egressIp, remote, remotePort as on the wire   @param random the tuple's port hash
 */
export function findPort(egressIp: u32, remote: u32, remotePort: u32, protocol: u32, random: u64, now: u32): u32 {
  if (isExhausted(egressIp, remote, remotePort, protocol, now)) return NO_PORT;
  const low = lowest(protocol);
  const ports = portCount(protocol);
  let offset = scale(random, ports);
  const stride = strideFor(random, ports);
  const tries = ports < CANDIDATES ? ports : CANDIDATES;
  for (let i: u32 = 0; i < tries; i++) {
    if (isFree(remote, egressIp, remotePort, protocol, low + offset, now)) {
      countMany(COUNTER_PORT_PROBES_AT, i + 2);
      return low + offset;
    }
    offset += stride;
    if (offset >= ports) offset -= ports;
  }
  countMany(COUNTER_PORT_PROBES_AT, tries + 1);
  if (heldPort != NO_PORT) return takeHeld(remote, egressIp, remotePort, protocol, heldPort, now);
  if (ports == tries) return NO_PORT;
  const found = searchAll(egressIp, remote, remotePort, protocol, offset, now);
  return found == NO_PORT ? found : takeHeld(remote, egressIp, remotePort, protocol, found, now);
}

/** A stride below `ports` that shares no factor with it, so that stepping by it meets every port once. */
function strideFor(random: u64, ports: u32): u32 {
  for (let i: u32 = 0; i < 8; i++) {
    const prime = load<u32>(STRIDES + <usize>((<u32>random + i) & 7) * 4);
    if (prime < ports && ports % prime != 0) return prime;
  }
  return 1;
}

/**
 * Step 4: finds a port without a live connection if there is one: the lowest of the first 64 ports, from offset `from` on and around, that
 * have one. Whether a bitmap stood already, or none is to be had, does not show in the result.
 */
function searchAll(egressIp: u32, remote: u32, remotePort: u32, protocol: u32, from: u32, now: u32): u32 {
  count(COUNTER_BITMAP_SEARCHES_AT);
  const number = bitmapFor(egressIp, remote, remotePort, protocol);
  if (!number) return search(0, egressIp, remote, remotePort, protocol, from, now);
  holdBitmap(number);
  const free = search(bitmapAt(number), egressIp, remote, remotePort, protocol, from, now);
  holdBitmap(0);
  // Removing expired holders may have moved the group's row or ended it.
  settleBitmap(egressIp, remote, remotePort, protocol, number, free == NO_PORT ? earliest(number, protocol) : 0);
  return free;
}

/** The bitmap of a group, or a new one that it does not have yet; 0 where none is to be had. */
function bitmapFor(egressIp: u32, remote: u32, remotePort: u32, protocol: u32): u32 {
  const group = findGroup(egressIp, remote, remotePort, protocol);
  if (!group) return 0;
  const number = bitmapOf(group);
  return number ? number : newBitmap();
}

/**
 * Makes the next 64 ports of a group's bitmap true, ahead of the search that will need it. Pointers to lines are void afterwards.
 * @param egressIp, remote, remotePort as on the wire
 */
export function buildAhead(egressIp: u32, remote: u32, remotePort: u32, protocol: u32, now: u32): void {
  if (portCount(protocol) <= CANDIDATES) return;
  const number = bitmapFor(egressIp, remote, remotePort, protocol);
  if (!number) return;
  holdBitmap(number);
  const low = lowest(protocol);
  const word = (low >> 6) + nextBuilt(number);
  const inside = ~outsideMask(word, low, low + portCount(protocol) - 1);
  renewWord(bitmapAt(number), word, inside, egressIp, remote, remotePort, protocol, now);
  holdBitmap(0);
  settleBitmap(egressIp, remote, remotePort, protocol, number, 0);
}

/** Earliest coarse time at which a port of a full bitmap can be free. */
function earliest(number: u32, protocol: u32): u32 {
  const bitmap = bitmapAt(number);
  const low = lowest(protocol);
  const last = (low + portCount(protocol) - 1) >> 6;
  let time: u32 = 0xffffffff;
  for (let word = low >> 6; word <= last; word++) {
    const bound = load<u32>(boundAt(bitmap, word));
    if (bound < time) time = bound;
  }
  return time;
}

/** @param bitmap 0 = none to be had: every port is looked up in conntrack */
function search(bitmap: usize, egressIp: u32, remote: u32, remotePort: u32, protocol: u32, from: u32, now: u32): u32 {
  const low = lowest(protocol);
  const high = low + portCount(protocol) - 1;
  const firstWord = low >> 6;
  const words = (high >> 6) - firstWord + 1;
  const start = ((low + from) >> 6) - firstWord;
  for (let i: u32 = 0; i < words; i++) {
    const word = firstWord + (start + i < words ? start + i : start + i - words);
    const inside = ~outsideMask(word, low, high);
    let free: u64 = 0;
    count(COUNTER_PORT_PROBES_AT);
    if (bitmap) {
      // Also where the word has a free bit: an expired port that nobody has swept yet may be the lowest.
      if (load<u32>(boundAt(bitmap, word)) <= now)
        renewWord(bitmap, word, inside, egressIp, remote, remotePort, protocol, now);
      free = ~load<u64>(wordAt(bitmap, word << 6)) & inside;
    } else {
      free = freeInWord(word, inside, egressIp, remote, remotePort, protocol, now);
    }
    if (free) return (word << 6) + <u32>ctz<u64>(free);
  }
  return NO_PORT;
}

/** Free ports of a word by conntrack alone. */
function freeInWord(word: u32, inside: u64, egressIp: u32, remote: u32, remotePort: u32, protocol: u32, now: u32): u64 {
  let free: u64 = 0;
  countMany(COUNTER_PORT_PROBES_AT, popcnt<u64>(inside));
  for (let left = inside; left; left &= left - 1) {
    const offset = <u32>ctz<u64>(left);
    if (!holderExpiry(remote, egressIp, mappingKey(remotePort, (word << 6) + offset, protocol), now))
      free |= bit(offset);
  }
  return free;
}

/** Bits of a word that stand for ports outside low … high. */
function outsideMask(word: u32, low: u32, high: u32): u64 {
  const first = word << 6;
  let mask: u64 = 0;
  if (low > first) mask |= bit(low - first) - 1;
  if (high < first + 63) mask |= ~(bit(high - first) * 2 - 1);
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
  countMany(COUNTER_PORT_PROBES_AT, popcnt<u64>(inside));
  let bound: u32 = 0xffffffff;
  let left = inside;
  while (left) {
    const offset = <u32>ctz<u64>(left);
    left &= left - 1;
    const port = (word << 6) + offset;
    const expiry = holderExpiry(remote, egressIp, mappingKey(remotePort, port, protocol), now);
    if (!expiry) {
      clearBit(bitmap, port);
    } else {
      // The range may have been narrower when the bitmap was made.
      setBit(bitmap, port, expiry);
      if (expiry < bound) bound = expiry;
    }
  }
  store<u32>(boundAt(bitmap, word), bound);
}
