import {
  CONFIG_FLAG_RFC_PROFILE,
  COUNTER_CLOSED_AT,
  COUNTER_ENTRIES_AT,
  COUNTER_EVICTED_CLOSING_AT,
  COUNTER_EVICTED_ESTABLISHED_AT,
  COUNTER_EVICTED_EXPIRED_AT,
  COUNTER_EVICTED_UNREPLIED_AT,
  COUNTER_EXPIRED_AT,
  COUNTER_LIVE_AT,
  COUNTER_OPENED_AT,
  COUNTER_PEAK_AT,
  EGRESS_STATS_LAST_END_AT,
  EGRESS_STATS_LIVE_AT,
  LINE_ADDRESS_AT,
  LINE_CLASS_AT,
  LINE_EGRESS_AT,
  LINE_FLAG_LOST,
  LINE_FLAG_PRIMARY,
  LINE_FLAG_TRANSLATED,
  LINE_FLAG_UNPINNED,
  LINE_FLAGS_AT,
  LINE_HOOK_AT,
  LINE_HOOK_IPV6,
  LINE_OWNER_AT,
  LINE_PAIR_AT,
  LINE_PORT_AT,
  LINE_PORTS_AT,
  LINE_SEEN_AT,
  LINE_SIZE,
  LINE_SRC_AT,
  LINE_TIMEOUT_ROW_AT,
  TIMEOUT_HOLD,
} from "../abi";
import { FAMILY_IPV6, KEY_MASK } from "../wire/parse";
import { addressRow, holdAddress, isIpv6Line, releaseAddress, releaseLine } from "./addresses";
import { HELD_AT, nowMs, SWEEP_AT, timeOf } from "./clock";
import { count, egressStats, uncount } from "./counters";
import { keyHash, keyHash6 } from "./hash";
import { expiryOf, holdOf, isClosing, isExpired, isHeld, isReplied, lifetimeOf, otherLine, setLost } from "./lifetime";
import {
  configFlags,
  countersAt,
  lineCount,
  linesAt,
  maxConnections,
  PROBE_LIMIT,
  stateAt,
  tableSeed,
  tagsAt,
} from "./memory";
import { egressTotal, hasMoved } from "./policy";
import { releasePort } from "./port-groups";
import { clearTag, clearTags, freeSlot, homeOf, moveTag, NONE, putTag, slotOfHome, Tags, WINDOW } from "./tags";

// Conntrack as one open-addressed table of 64-byte lines with linear probing by tags (tables/tags.ts). A connection has two lines, one for the key that its frames
// show at each hook, so a lookup in either direction touches one cache line. Removal shifts the following lines back: no tombstones.
// A connection whose gateway lost its mapping has one line, which is its own pair; so does a port that is held down after its connection.
// Addresses are 32 bits wide: those of IPv6 go by number (tables/addresses.ts).
//
//   0         8        12     13   14    15    16    20    24     28       32     34      36      38      40     44     52      56   60  61   62
//   +---------+--------+------+----+-----+-----+-----+-----+------+--------+------+-------+-------+-------+------+------+-------+----+---+----+-----+
//   | src dst | ports  | prot |hook|state|class| pair|seen |epoch |address | port | l4 d. | ip d. |egress |owner |bytes |packets| ack|row|flags|touch|
//   +---------+--------+------+----+-----+-----+-----+-----+------+--------+------+-------+-------+-------+------+------+-------+----+---+----+-----+

/** Lines swept for each new connection in a table that is getting full: faster than new ones can fill it. */
const SWEEP_PER_INSERTION: u32 = 24;

/** Ports held down take no room from connections: a line each, for a quarter of what the table is sized for and no more. */
const HELD_SHIFT: u32 = 2;

/** Lines behind a new connection's home among which a full table looks for one to give up. */
const EVICTION_WINDOW: u32 = 32;

export function lineAt(slot: u32): usize {
  return linesAt + ((<usize>slot) << 6);
}

export function slotOf(line: usize): u32 {
  return <u32>((line - linesAt) >> 6);
}

/** Where probing for a key starts (tables/tags.ts). IPv6 addresses by number: all of them have to be in use. */
export function keyHome(addresses: u64, key: u64): u32 {
  return <u32>(key >> 32) & FAMILY_IPV6
    ? keyHome6(addressRow(<u32>addresses), addressRow(<u32>(addresses >> 32)), key)
    : keyHome4(addresses, key);
}

/** The same of an IPv4 key. */
export function keyHome4(addresses: u64, key: u64): u32 {
  return homeOf(keyHash(addresses, key, tableSeed), lineCount);
}

/** The same of an IPv6 key, which is looked for by its addresses and not by their numbers. @param src, dst where they lie */
export function keyHome6(src: usize, dst: usize, key: u64): u32 {
  return homeOf(keyHash6(src, dst, key, tableSeed), lineCount);
}

/** The home of the key that a line bears. */
function lineHome(line: usize): u32 {
  return keyHome(load<u64>(line, LINE_SRC_AT), load<u64>(line, LINE_PORTS_AT) & KEY_MASK);
}

function isUsed(line: usize): bool {
  return load<u8>(line, LINE_HOOK_AT) != 0;
}

/** Line of a key, or 0. `home` is `keyHome` of the same key. Never looks at more than PROBE_LIMIT lines. */
export function find(home: u32, addresses: u64, key: u64): usize {
  const first = slotOfHome(home);
  for (let slot = first; slot < first + PROBE_LIMIT; slot += WINDOW) {
    const tags = Tags.load(tagsAt, slot);
    for (let matches = Tags.matches(tags, home); matches != 0; matches &= matches - 1) {
      const line = lineAt(slot + Tags.first(matches));
      if (isOf(line, addresses, key)) return line;
    }
    if (Tags.free(tags) != 0) return 0;
  }
  return 0;
}

/** True for a line that bears the key. */
function isOf(line: usize, addresses: u64, key: u64): bool {
  return load<u64>(line, LINE_SRC_AT) == addresses && (load<u64>(line, LINE_PORTS_AT) & KEY_MASK) == key;
}

/** Makes the tags anew, by the lines. */
export function retag(): void {
  clearTags();
  const total = lineCount + PROBE_LIMIT;
  for (let slot: u32 = 0; slot < total; slot++) if (isUsed(lineAt(slot))) putTag(slot, lineHome(lineAt(slot)));
}

/** Eight stores: `memory.fill` and `memory.copy` of so few bytes are calls out of the module in V8. */
function clearLine(line: usize): void {
  store<u64>(line, 0);
  store<u64>(line, 0, 8);
  store<u64>(line, 0, 16);
  store<u64>(line, 0, 24);
  store<u64>(line, 0, 32);
  store<u64>(line, 0, 40);
  store<u64>(line, 0, 48);
  store<u64>(line, 0, 56);
}

function copyLine(to: usize, from: usize): void {
  for (let at: u32 = 0; at < <u32>LINE_SIZE; at += 16) {
    store<u64>(to + at, load<u64>(from + at));
    store<u64>(to + at, load<u64>(from + at, 8), 8);
  }
}

/** Writes a key into a slot and clears the rest of the line. */
function claim(slot: u32, addresses: u64, key: u64): usize {
  const line = lineAt(slot);
  clearLine(line);
  store<u64>(line, addresses, LINE_SRC_AT);
  store<u64>(line, key, LINE_PORTS_AT);
  if (<u32>(key >> 32) & FAMILY_IPV6) {
    holdAddress(<u32>addresses);
    holdAddress(<u32>(addresses >> 32));
  }
  return line;
}

/** Sets the address that a translated line writes. */
export function setAddress(line: usize, address: u32): void {
  store<u32>(line, address, LINE_ADDRESS_AT);
  if (load<u8>(line, LINE_HOOK_AT) & LINE_HOOK_IPV6) holdAddress(address);
}

/**
 * Two linked lines for a new connection; neither key may be in the table. Makes room where the table is full.
 * @param homeA, homeB `keyHome` of each   @returns the line of the first key, or 0 where nothing could be given up (table-full)
 */
export function insertPair(
  addressesA: u64,
  keyA: u64,
  homeA: u32,
  addressesB: u64,
  keyB: u64,
  homeB: u32,
  now: u32,
): usize {
  // From three quarters on the sweep runs ahead of new connections, so that no live one is given up while dead ones take the room.
  if (load<u64>(countersAt + COUNTER_ENTRIES_AT) * 4 >= <u64>maxConnections * 3) sweep(SWEEP_PER_INSERTION, now);
  if (
    load<u64>(countersAt + COUNTER_ENTRIES_AT) >= <u64>maxConnections &&
    !evict(evictionStart(slotOfHome(homeA)), EVICTION_WINDOW, now)
  )
    return 0;
  let slotA = freeSlot(homeA);
  let slotB = freeSlot(homeB);
  if (slotA == NONE || slotB == NONE) {
    while (freeSlot(homeA) == NONE) if (!makeSlot(slotOfHome(homeA), now)) return 0;
    while (freeSlot(homeB) == NONE) if (!makeSlot(slotOfHome(homeB), now)) return 0;
    slotA = freeSlot(homeA);
    if (slotA == NONE) return 0;
    slotB = slotA;
  }
  const lineA = claim(slotA, addressesA, keyA);
  putTag(slotA, homeA);
  if (slotB == slotA) slotB = freeSlot(homeB);
  if (slotB == NONE) {
    removeLine(slotA, NONE);
    return 0;
  }
  const lineB = claim(slotB, addressesB, keyB);
  putTag(slotB, homeB);
  store<u32>(lineA, slotB, LINE_PAIR_AT);
  store<u32>(lineB, slotA, LINE_PAIR_AT);
  store<u32>(lineA, now, LINE_SEEN_AT);
  store<u32>(lineB, now, LINE_SEEN_AT);
  count(COUNTER_ENTRIES_AT);
  return lineA;
}

/** Where to look for a connection to give up: at a new one's home, but not at the very end of the table, where few lines lie. */
function evictionStart(home: u32): u32 {
  const last = lineCount > EVICTION_WINDOW ? lineCount - EVICTION_WINDOW : 0;
  return home < last ? home : last;
}

const ESTABLISHED: i32 = 3;

/** How bad it is to lose this connection: expired 0, closing 1, unreplied 2, established 3; -1 for a line without one. */
function worth(line: usize, now: u32): i32 {
  if (!isUsed(line) || isHeld(line)) return -1;
  if (isExpired(line, now)) return 0;
  if (isClosing(line)) return 1;
  return isReplied(line) ? ESTABLISHED : 2;
}

function evictionCounter(worth: i32): usize {
  if (worth == 0) return COUNTER_EVICTED_EXPIRED_AT;
  if (worth == 1) return COUNTER_EVICTED_CLOSING_AT;
  return worth == 2 ? COUNTER_EVICTED_UNREPLIED_AT : COUNTER_EVICTED_ESTABLISHED_AT;
}

function lastSeen(line: usize): u32 {
  const mine = load<u32>(line, LINE_SEEN_AT);
  const other = load<u32>(otherLine(line), LINE_SEEN_AT);
  return mine > other ? mine : other;
}

/**
 * Gives up the least worthy, then longest silent, connection that has a line in the window; a window of nothing but established ones is
 * widened up to the probe limit. Profile rfc never gives up an established one (RFC 6888 section 4, REQ-11); profile cilium does so
 * last, as the original's LRU maps do.
 */
function evict(from: u32, window: u32, now: u32): bool {
  const limit = configFlags & CONFIG_FLAG_RFC_PROFILE ? ESTABLISHED : ESTABLISHED + 1;
  let victim: usize = 0;
  let least = ESTABLISHED;
  let oldest: u32 = 0;
  for (let slot = from; slot < from + PROBE_LIMIT; slot++) {
    if (slot >= from + window && least < ESTABLISHED) break;
    const line = lineAt(slot);
    const value = worth(line, now);
    if (value < 0 || value > least || value >= limit) continue;
    const seen = lastSeen(line);
    if (value < least || victim == 0 || seen < oldest) {
      victim = line;
      least = value;
      oldest = seen;
    }
  }
  if (victim == 0) return false;
  count(evictionCounter(least));
  removeConnection(victim);
  return true;
}

/** Empties a line among those that a key may lie in: a port's hold-down ends, else a connection is given up. */
function makeSlot(home: u32, now: u32): bool {
  for (let slot = home; slot < home + PROBE_LIMIT; slot++) {
    if (!isHeld(lineAt(slot))) continue;
    count(COUNTER_EVICTED_CLOSING_AT);
    drop(lineAt(slot));
    return true;
  }
  return evict(home, PROBE_LIMIT, now);
}

/** Takes the connection of `line` out of the table, with everything that it holds. All pointers to lines are void afterwards. */
export function removeConnection(line: usize): void {
  if (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_TRANSLATED) {
    count(isClosing(line) ? COUNTER_CLOSED_AT : COUNTER_EXPIRED_AT);
    forget(line);
  }
  drop(line);
}

/**
 * Takes the expired connection of `line` out of the table. For a while its network-side line stays where its NAT port is held down. All
 * other pointers to lines are void afterwards. @returns that line, or 0
 */
export function expire(line: usize, now: u32): usize {
  const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
  const end = expiryOf(line);
  const hold =
    (flags & (LINE_FLAG_TRANSLATED | LINE_FLAG_LOST)) == LINE_FLAG_TRANSLATED && hasStayed(line) ? holdOf(line) : 0;
  const isOver = now - end >= hold;
  if (isOver || load<u32>(stateAt, HELD_AT) >= maxConnections >> HELD_SHIFT) {
    if (!isOver) count(COUNTER_EVICTED_CLOSING_AT);
    removeConnection(line);
    return 0;
  }
  count(isClosing(line) ? COUNTER_CLOSED_AT : COUNTER_EXPIRED_AT);
  forget(line);
  const network = flags & LINE_FLAG_PRIMARY ? otherLine(line) : line;
  return holdPort(removeLine(slotOf(otherLine(network)), slotOf(network)), end);
}

/** True while the egress IP of a line is where it was: another gateway knows nothing of the ports that this one has freed. */
export function hasStayed(line: usize): bool {
  const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
  return egress < egressTotal && !hasMoved(egress, isIpv6Line(line));
}

/** Makes a network-side line without a partner one that keeps its port from new connections. @param end of its own, coarse milliseconds */
function holdPort(slot: u32, end: u32): usize {
  const was = lineAt(slot);
  const row = load<u8>(was, LINE_TIMEOUT_ROW_AT);
  const egress = load<u16>(was, LINE_EGRESS_AT);
  const addresses = load<u64>(was, LINE_SRC_AT);
  const written = isIpv6Line(was) ? load<u32>(was, LINE_ADDRESS_AT) : 0;
  const line = claim(slot, addresses, load<u64>(was, LINE_PORTS_AT) & KEY_MASK);
  if (isIpv6Line(line)) {
    // Its key was held once before.
    releaseAddress(<u32>addresses);
    releaseAddress(<u32>(addresses >> 32));
    if (written) releaseAddress(written);
  }
  store<u32>(line, slot, LINE_PAIR_AT);
  store<u32>(line, end, LINE_SEEN_AT);
  store<u8>(line, row, LINE_TIMEOUT_ROW_AT);
  store<u16>(line, egress, LINE_EGRESS_AT);
  store<u8>(line, <u8>TIMEOUT_HOLD, LINE_CLASS_AT);
  uncount(COUNTER_ENTRIES_AT);
  store<u32>(stateAt, load<u32>(stateAt, HELD_AT) + 1, HELD_AT);
  return line;
}

/** Takes a translated connection out whose mapping ends for another reason than closing or silence; the caller counts it. */
export function removeCounted(line: usize, counter: usize): void {
  if (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_TRANSLATED) {
    count(counter);
    forget(line);
  }
  drop(line);
}

function forget(line: usize): void {
  uncount(COUNTER_LIVE_AT);
  const stats = egressStats(load<u16>(line, LINE_EGRESS_AT));
  store<u32>(stats, load<u32>(stats, EGRESS_STATS_LIVE_AT) - 1, EGRESS_STATS_LIVE_AT);
  noteEnd(line, stats);
  const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
  if (!(flags & LINE_FLAG_LOST)) releasePort(flags & LINE_FLAG_PRIMARY ? otherLine(line) : line);
}

/** A connection that goes ended when its lifetime did, or now. */
function noteEnd(line: usize, stats: usize): void {
  const expiry = expiryOf(line);
  const now = nowMs();
  const end = timeOf(expiry < now ? expiry : now);
  if (end > load<u64>(stats, EGRESS_STATS_LAST_END_AT)) store<u64>(stats, end, EGRESS_STATS_LAST_END_AT);
}

/**
 * The gateway of a translated connection lost its mapping: the port is free, the endpoint's line stays as a pin that remembers the old
 * tuple. All other pointers to lines are void afterwards. @param line of the endpoint's side @returns where that line is now
 */
export function loseMapping(line: usize): usize {
  releasePort(otherLine(line));
  return leavePin(line);
}

/**
 * A connection whose gateway was on another node is now pinned to `egress` of this one, which has no mapping for it yet. No old tuple is
 * known here. All other pointers to lines are void afterwards. @param line of the endpoint's side @returns where that line is now
 */
export function takePin(line: usize, egress: u32): usize {
  store<u8>(line, <u8>(LINE_FLAG_PRIMARY | LINE_FLAG_TRANSLATED), LINE_FLAGS_AT);
  store<u16>(line, <u16>egress, LINE_EGRESS_AT);
  store<u32>(line, 0, LINE_ADDRESS_AT);
  store<u16>(line, 0, LINE_PORT_AT);
  const stats = egressStats(egress);
  store<u32>(stats, load<u32>(stats, EGRESS_STATS_LIVE_AT) + 1, EGRESS_STATS_LIVE_AT);
  countOpened();
  return leavePin(line);
}

/** Takes the other line of a connection out; the endpoint's becomes its own pair and keeps what the other knew. */
function leavePin(line: usize): usize {
  const other = otherLine(line);
  const seen = lastSeen(line);
  const owner = load<u32>(other, LINE_OWNER_AT);
  const slot = removeLine(slotOf(other), slotOf(line));
  const pin = lineAt(slot);
  store<u32>(pin, slot, LINE_PAIR_AT);
  store<u32>(pin, seen, LINE_SEEN_AT);
  store<u32>(pin, owner, LINE_OWNER_AT);
  setLost(pin);
  return pin;
}

/** Pins a connection without a mapping to another egress. */
export function movePin(pin: usize, egress: u32): void {
  const before = egressStats(load<u16>(pin, LINE_EGRESS_AT));
  store<u32>(before, load<u32>(before, EGRESS_STATS_LIVE_AT) - 1, EGRESS_STATS_LIVE_AT);
  const after = egressStats(egress);
  store<u32>(after, load<u32>(after, EGRESS_STATS_LIVE_AT) + 1, EGRESS_STATS_LIVE_AT);
  store<u16>(pin, <u16>egress, LINE_EGRESS_AT);
  store<u8>(pin, load<u8>(pin, LINE_FLAGS_AT) & ~LINE_FLAG_UNPINNED, LINE_FLAGS_AT);
}

function drop(line: usize): void {
  const slot = slotOf(line);
  const partner = load<u32>(line, LINE_PAIR_AT);
  const held = isHeld(line);
  const pair = removeLine(slot, partner);
  if (partner != slot) removeLine(pair, NONE);
  if (held) store<u32>(stateAt, load<u32>(stateAt, HELD_AT) - 1, HELD_AT);
  else uncount(COUNTER_ENTRIES_AT);
}

/** Counts a connection that was just given a translation. */
export function countOpened(): void {
  count(COUNTER_OPENED_AT);
  count(COUNTER_LIVE_AT);
  const live = load<u64>(countersAt + COUNTER_LIVE_AT);
  if (live > load<u64>(countersAt + COUNTER_PEAK_AT)) store<u64>(countersAt + COUNTER_PEAK_AT, live);
}

/**
 * Empties a slot and closes the gap (Knuth, TAOCP vol. 3, 6.4, algorithm R): lines behind it move up unless that would put them before
 * their home. @param partner slot to keep track of @returns where `partner` is now
 */
function removeLine(slot: u32, partner: u32): u32 {
  releaseLine(lineAt(slot));
  let gap = slot;
  for (let next = gap + 1; ; next++) {
    const line = lineAt(next);
    if (!isUsed(line)) break;
    if (slotOfHome(lineHome(line)) > gap) continue;
    copyLine(lineAt(gap), line);
    moveTag(gap, next);
    const pair = load<u32>(line, LINE_PAIR_AT);
    if (next == partner) partner = gap;
    else store<u32>(lineAt(pair == next ? gap : pair), gap, LINE_PAIR_AT);
    gap = next;
  }
  clearLine(lineAt(gap));
  clearTag(gap);
  return partner;
}

/** Looks at the next `lines` lines and removes what has expired: in time every dead connection goes, whether or not it is met again. */
export function sweep(lines: u32, now: u32): void {
  let slot = load<u32>(stateAt, SWEEP_AT);
  const total = lineCount + PROBE_LIMIT;
  for (let i: u32 = 0; i < lines; i++) {
    const line = lineAt(slot);
    // One condition, as whether a line is in use is random: an empty one reads as seen at 0, row 0, class 0.
    const isSilent = now - load<u32>(line, LINE_SEEN_AT) >= lifetimeOf(line);
    if (u32(isSilent) & u32(isUsed(line)) && isExpired(line, now)) expire(line, now);
    else slot++;
    if (slot >= total) slot = 0;
  }
  store<u32>(stateAt, slot, SWEEP_AT);
}

/**
 * Loads the lines that the sweep comes to next. Nothing waits for them, so their misses overlap with each other and with what follows.
 * @returns a number without meaning, which has to be stored somewhere lest the loads go
 */
export function touchSwept(lines: u32): u32 {
  const slot = load<u32>(stateAt, SWEEP_AT);
  const left = lineCount + PROBE_LIMIT - slot;
  const end = lineAt(slot + (lines < left ? lines : left));
  let sum: u32 = 0;
  for (let line = lineAt(slot); line < end; line += LINE_SIZE) sum += load<u32>(line, LINE_SEEN_AT);
  return sum;
}

/** Removes everything that has expired. */
export function sweepAll(now: u32): void {
  const total = lineCount + PROBE_LIMIT;
  for (let slot: u32 = 0; slot < total; ) {
    const line = lineAt(slot);
    if (isUsed(line) && isExpired(line, now)) expire(line, now);
    else slot++;
  }
}

/** Sets all coarse times back by `back` milliseconds; what lies before the new base becomes "long ago". */
export function rebaseLines(back: u64): void {
  const total = lineCount + PROBE_LIMIT;
  for (let slot: u32 = 0; slot < total; slot++) {
    const line = lineAt(slot);
    if (!isUsed(line)) continue;
    const seen = <u64>load<u32>(line, LINE_SEEN_AT);
    store<u32>(line, seen > back ? <u32>(seen - back) : 0, LINE_SEEN_AT);
  }
}
