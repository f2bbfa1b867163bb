import {
  COUNTER_FRAGMENTS_EVICTED_AT,
  FRAGMENT_MS,
  HOOK_FROM_ENDPOINT,
  LINE_HOOK_ANSWER,
  LINE_HOOK_MASK,
  REASON_COUNT,
  REASON_FRAGMENT_DUPLICATE,
  REASON_FRAGMENT_OVERLAP,
  REASON_NONE,
  REASON_TABLE_FULL,
} from "../abi";
import {
  FRAGMENT_FREE_AT,
  FRAGMENT_NEWEST_AT,
  FRAGMENT_OLDEST_AT,
  FRAGMENTS_USED_AT,
  HOLD_NUMBER_AT,
  NOTE_FREE_AT,
  NOTES_HELD_AT,
  NOTES_USED_AT,
  nowMs,
} from "./clock";
import { count } from "./counters";
import { absorb, finish } from "./hash";
import {
  FRAGMENT_SIZE,
  fragmentHeadsAt,
  fragmentMask,
  fragmentsAt,
  maxFragments,
  maxReleased,
  NOTE_SIZE,
  notesAt,
  releasedAt,
  stateAt,
  tableSeed,
} from "./memory";

// Fragmented datagrams under way: which bytes of each were seen, and the ports that its first fragment showed (RFC 791 section 3.2; RFC
// 8200 section 4.5). Nothing is put together: fragments are translated one by one, and a row goes when the last one of them has passed.
// Rows are chained by a keyed hash, and by age: the oldest ends first, by time or because room is needed.

const SRC_HIGH_AT: usize = 0; // 4 × u64: addresses as policy is asked by them
const SRC_LOW_AT: usize = 8;
const DST_HIGH_AT: usize = 16;
const DST_LOW_AT: usize = 24;
const ID_AT: usize = 32; // u32, as on the wire
const KIND_AT: usize = 36; // u32, protocol (IPv4) and hook of the row's key, FROM_OVERLAY, and bits of OWNER_MASK
/** Ports of the first fragment, as on the wire. */
export const FRAGMENT_PORTS_AT: usize = 40; // u32
/** Its transport protocol as keys have it, and LINE_HOOK_ANSWER where it was an answer. */
export const FRAGMENT_PROTOCOL_AT: usize = 44; // u8
export const FRAGMENT_ANSWER_AT: usize = 45; // u8
export const FRAGMENT_STATE_AT: usize = 46; // u8, FRAGMENT_*
/** Why every further fragment is dropped. */
export const FRAGMENT_REASON_AT: usize = 47; // u8
const BORN_AT: usize = 48; // u32 ms
const NEXT_AT: usize = 52; // u32, next row of the same hash, or next free row; 0 = the last
const OLDER_AT: usize = 56; // u32
const NEWER_AT: usize = 60; // u32
const HELD_FIRST_AT: usize = 64; // u32, note of the frame that was held first; 0 = none
const HELD_LAST_AT: usize = 68; // u32
const TOTAL_AT: usize = 72; // u32, bytes of the datagram behind the IP header; 0 = not known
const RECEIVED_AT: usize = 76; // u32, bytes of it that were seen
const PENDING_AT: usize = 80; // u32, released frames that have not come back
const RANGE_COUNT_AT: usize = 84; // u32
/** What the first fragment left by, 0 = as it came; where its gateway was dead, the egress. */
export const FRAGMENT_WAY_AT: usize = 88; // u32
const OPENED_AT: usize = 92; // u32, number of the frame that had been held last by then
const RANGES_AT: usize = 96; // { u16 from, u16 to } each, in units of 8 bytes

/** Fragments of one datagram: 65,535 bytes in packets of 1,280 (RFC 8200 section 5) are 54. */
const MAX_RANGES: u32 = 56;

/** In the kind of a datagram: its fragments come from another node. */
export const FROM_OVERLAY: u32 = 0x10000;
/** Bits of the endpoint's UID hash that are there as well. */
export const OWNER_MASK: u32 = 0xfffe0000;
const PROTOCOL_AND_HOOK: u32 = 0xffff;

const FRAGMENT_WAITING: u32 = 1; // for its first fragment
export const FRAGMENT_KNOWN: u32 = 2;
export const FRAGMENT_REFUSED: u32 = 3;

const NOTE_NEXT_AT: usize = 0; // u32
const NOTE_NUMBER_AT: usize = 4; // u32
const NOTE_OWNER_AT: usize = 8; // u32, row that it is held for; 0 in free ones

function rowAt(number: u32): usize {
  return fragmentsAt + <usize>number * FRAGMENT_SIZE;
}

function numberOf(row: usize): u32 {
  return <u32>(row - fragmentsAt) / FRAGMENT_SIZE;
}

function noteAt(number: u32): usize {
  return notesAt + <usize>number * NOTE_SIZE;
}

/** Chains are by the remote: who else sends to it under the same identification lies in the same chain. */
function headOf(remoteHigh: u64, remoteLow: u64, id: u32, kind: u32): usize {
  const hash = finish(
    absorb(absorb(absorb(tableSeed, remoteHigh), remoteLow), <u64>id | ((<u64>(kind & PROTOCOL_AND_HOOK)) << 32)),
  );
  return fragmentHeadsAt + ((<usize>(<u32>(hash >> 32) & fragmentMask)) << 2);
}

function isOutbound(kind: u32): bool {
  return ((kind >> 8) & LINE_HOOK_MASK) == HOOK_FROM_ENDPOINT;
}

function headOfRow(row: usize): usize {
  const kind = load<u32>(row, KIND_AT);
  const remote = row + (isOutbound(kind) ? DST_HIGH_AT : SRC_HIGH_AT);
  return headOf(load<u64>(remote), load<u64>(remote, 8), load<u32>(row, ID_AT), kind);
}

/**
 * Row of a datagram, or 0. Addresses as two big-endian halves.
 * @param id as on the wire   @param kind protocol | hook << 8, as keys have them, and more above; the protocol of IPv6 fragments is 0
 */
export function findDatagram(srcHigh: u64, srcLow: u64, dstHigh: u64, dstLow: u64, id: u32, kind: u32): usize {
  const outbound = isOutbound(kind);
  const head = outbound ? headOf(dstHigh, dstLow, id, kind) : headOf(srcHigh, srcLow, id, kind);
  for (let number = load<u32>(head); number; number = load<u32>(rowAt(number), NEXT_AT)) {
    const row = rowAt(number);
    if (load<u32>(row, ID_AT) != id || load<u32>(row, KIND_AT) != kind) continue;
    const isSource = load<u64>(row, SRC_LOW_AT) == srcLow && load<u64>(row, SRC_HIGH_AT) == srcHigh;
    const isDestination = load<u64>(row, DST_LOW_AT) == dstLow && load<u64>(row, DST_HIGH_AT) == dstHigh;
    if (isSource && isDestination) return row;
  }
  return 0;
}

/** True where another endpoint's datagram leaves the same way to the same remote with the identification of this one. */
export function isIdTaken(row: usize, way: u32): bool {
  for (let number = load<u32>(headOfRow(row)); number; number = load<u32>(rowAt(number), NEXT_AT)) {
    const other = rowAt(number);
    if (other == row || load<u8>(other, FRAGMENT_STATE_AT) != FRAGMENT_KNOWN) continue;
    if (load<u32>(other, FRAGMENT_WAY_AT) != way || load<u32>(other, ID_AT) != load<u32>(row, ID_AT)) continue;
    if ((load<u32>(other, KIND_AT) ^ load<u32>(row, KIND_AT)) & PROTOCOL_AND_HOOK) continue;
    if (
      load<u64>(other, DST_LOW_AT) == load<u64>(row, DST_LOW_AT) &&
      load<u64>(other, DST_HIGH_AT) == load<u64>(row, DST_HIGH_AT)
    )
      return true;
  }
  return false;
}

/** A row for a datagram that `findDatagram` did not find; the oldest one makes room where all are in use. */
export function openDatagram(srcHigh: u64, srcLow: u64, dstHigh: u64, dstLow: u64, id: u32, kind: u32): usize {
  const row = rowAt(newRow());
  store<u64>(row, srcHigh, SRC_HIGH_AT);
  store<u64>(row, srcLow, SRC_LOW_AT);
  store<u64>(row, dstHigh, DST_HIGH_AT);
  store<u64>(row, dstLow, DST_LOW_AT);
  store<u32>(row, id, ID_AT);
  store<u32>(row, kind, KIND_AT);
  store<u32>(row, load<u32>(stateAt, HOLD_NUMBER_AT), OPENED_AT);
  store<u8>(row, <u8>FRAGMENT_WAITING, FRAGMENT_STATE_AT);
  const number = numberOf(row);
  const head = headOfRow(row);
  store<u32>(row, load<u32>(head), NEXT_AT);
  store<u32>(head, number);
  appendByAge(row);
  return row;
}

/** The youngest row from now on. */
function appendByAge(row: usize): void {
  const number = numberOf(row);
  const newest = load<u32>(stateAt, FRAGMENT_NEWEST_AT);
  store<u32>(row, nowMs(), BORN_AT);
  store<u32>(row, newest, OLDER_AT);
  store<u32>(row, 0, NEWER_AT);
  if (newest) store<u32>(rowAt(newest), number, NEWER_AT);
  else store<u32>(stateAt, number, FRAGMENT_OLDEST_AT);
  store<u32>(stateAt, number, FRAGMENT_NEWEST_AT);
}

function removeByAge(row: usize): void {
  const older = load<u32>(row, OLDER_AT);
  const newer = load<u32>(row, NEWER_AT);
  if (older) store<u32>(rowAt(older), newer, NEWER_AT);
  else store<u32>(stateAt, newer, FRAGMENT_OLDEST_AT);
  if (newer) store<u32>(rowAt(newer), older, OLDER_AT);
  else store<u32>(stateAt, older, FRAGMENT_NEWEST_AT);
}

/** The first fragment has left: the rest is waited for from now on, at every node that it passed. */
export function renewDatagram(row: usize): void {
  removeByAge(row);
  appendByAge(row);
}

/** True for the number of a frame that was held before the row was opened: for an older datagram with the same identification. */
export function isStale(row: usize, number: u32): bool {
  return number <= load<u32>(row, OPENED_AT);
}

/** A row that is all zero. There is at least one in the table. */
function newRow(): u32 {
  if (!load<u32>(stateAt, FRAGMENT_FREE_AT) && load<u32>(stateAt, FRAGMENTS_USED_AT) == maxFragments) {
    count(COUNTER_FRAGMENTS_EVICTED_AT);
    closeDatagram(rowAt(load<u32>(stateAt, FRAGMENT_OLDEST_AT)));
  }
  const number = pop(FRAGMENT_FREE_AT, FRAGMENTS_USED_AT, fragmentsAt + NEXT_AT, FRAGMENT_SIZE);
  memory.fill(rowAt(number), 0, FRAGMENT_SIZE);
  return number;
}

/** Number of a row from a free list, or of one never used. @param links of number 0, `size` bytes apart */
function pop(freeAt: usize, usedAt: usize, links: usize, size: u32): u32 {
  const free = load<u32>(stateAt + freeAt);
  if (free) {
    const link = links + <usize>free * size;
    store<u32>(stateAt + freeAt, load<u32>(link));
    store<u32>(link, 0);
    return free;
  }
  const used = load<u32>(stateAt + usedAt) + 1;
  store<u32>(stateAt + usedAt, used);
  return used;
}

/** A datagram ends: what is held for it is released. */
export function closeDatagram(row: usize): void {
  releaseHeld(row);
  const number = numberOf(row);
  let at = headOfRow(row);
  while (load<u32>(at) != number) at = rowAt(load<u32>(at)) + NEXT_AT;
  store<u32>(at, load<u32>(row, NEXT_AT));
  removeByAge(row);
  memory.fill(row, 0, FRAGMENT_SIZE);
  store<u32>(row, load<u32>(stateAt, FRAGMENT_FREE_AT), NEXT_AT);
  store<u32>(stateAt, number, FRAGMENT_FREE_AT);
}

/**
 * Whether bytes `from` to `end` - 1 of a datagram go with what was seen of it.
 * @param isLast no fragment lies behind it   @returns REASON_NONE, or why they do not
 */
export function misfit(row: usize, from: u32, end: u32, isLast: bool): u32 {
  const first = from >> 3;
  const last = (end + 7) >> 3;
  const total = load<u32>(row, TOTAL_AT);
  const ranges = load<u32>(row, RANGE_COUNT_AT);
  let furthest: u32 = 0;
  for (let i: u32 = 0; i < ranges; i++) {
    const range = load<u32>(row + RANGES_AT + ((<usize>i) << 2));
    const begins = range & 0xffff;
    const ends = range >> 16;
    if (ends > furthest) furthest = ends;
    if (
      begins == first &&
      ends == last &&
      isLast == (total != 0 && last == (total + 7) >> 3) &&
      (!isLast || end == total)
    )
      return REASON_FRAGMENT_DUPLICATE;
    if (first < ends && begins < last) return REASON_FRAGMENT_OVERLAP;
  }
  return (isLast ? total != 0 || furthest > last : total != 0 && end >= total) ? REASON_FRAGMENT_OVERLAP : REASON_NONE;
}

/** Takes bytes that fit into account. @returns REASON_NONE, or REASON_TABLE_FULL */
export function addRange(row: usize, from: u32, end: u32, isLast: bool): u32 {
  const ranges = load<u32>(row, RANGE_COUNT_AT);
  if (ranges == MAX_RANGES) return REASON_TABLE_FULL;
  store<u32>(row + RANGES_AT + ((<usize>ranges) << 2), (from >> 3) | (((end + 7) >> 3) << 16));
  store<u32>(row, ranges + 1, RANGE_COUNT_AT);
  store<u32>(row, load<u32>(row, RECEIVED_AT) + end - from, RECEIVED_AT);
  if (isLast) store<u32>(row, end, TOTAL_AT);
  return REASON_NONE;
}

/** Every byte was seen and no frame is out: nothing more can come. */
export function isDone(row: usize): bool {
  const total = load<u32>(row, TOTAL_AT);
  return total != 0 && load<u32>(row, RECEIVED_AT) == total && load<u32>(row, PENDING_AT) == 0;
}

/**
 * Holds a frame for a datagram. What is on the list of released ones takes no room: when the host takes that must not show.
 * @returns its number, never one that a frame had before; 0 = there is no room
 */
export function holdFrame(row: usize): u32 {
  const held = load<u32>(stateAt, NOTES_HELD_AT);
  if (held >= maxFragments) return 0;
  const note = pop(NOTE_FREE_AT, NOTES_USED_AT, notesAt + NOTE_NEXT_AT, NOTE_SIZE);
  const number = load<u32>(stateAt, HOLD_NUMBER_AT) + 1;
  store<u32>(stateAt, number, HOLD_NUMBER_AT);
  store<u32>(stateAt, held + 1, NOTES_HELD_AT);
  store<u32>(noteAt(note), 0, NOTE_NEXT_AT);
  store<u32>(noteAt(note), number, NOTE_NUMBER_AT);
  store<u32>(noteAt(note), numberOf(row), NOTE_OWNER_AT);
  const last = load<u32>(row, HELD_LAST_AT);
  if (last) store<u32>(noteAt(last), note, NOTE_NEXT_AT);
  else store<u32>(row, note, HELD_FIRST_AT);
  store<u32>(row, note, HELD_LAST_AT);
  return number;
}

/** Names of released frames that the host has not taken yet. It may have written anything there. */
function releasedCount(): u32 {
  const listed = load<u32>(releasedAt);
  return listed < maxReleased ? listed : maxReleased;
}

/** True where the host has to look at the list. */
export function hasReleased(): bool {
  return load<u32>(releasedAt) != 0;
}

/** Puts the frames that are held for a datagram on the list of released ones, in the order in which they came. */
export function releaseHeld(row: usize): void {
  let note = load<u32>(row, HELD_FIRST_AT);
  let listed = releasedCount();
  let released: u32 = 0;
  while (note) {
    const at = noteAt(note);
    const next = load<u32>(at, NOTE_NEXT_AT);
    if (listed < maxReleased) store<u32>(releasedAt + ((<usize>++listed) << 2), load<u32>(at, NOTE_NUMBER_AT));
    store<u32>(at, load<u32>(stateAt, NOTE_FREE_AT), NOTE_NEXT_AT);
    store<u64>(at, 0, NOTE_NUMBER_AT);
    store<u32>(stateAt, note, NOTE_FREE_AT);
    released++;
    note = next;
  }
  store<u32>(row, 0, HELD_FIRST_AT);
  store<u32>(row, 0, HELD_LAST_AT);
  if (!released) return;
  store<u32>(releasedAt, listed);
  store<u32>(row, load<u32>(row, PENDING_AT) + released, PENDING_AT);
  store<u32>(stateAt, load<u32>(stateAt, NOTES_HELD_AT) - released, NOTES_HELD_AT);
}

/** A released frame has come back. */
export function takeReleased(row: usize): void {
  const pending = load<u32>(row, PENDING_AT);
  if (pending) store<u32>(row, pending - 1, PENDING_AT);
}

/** Ends the datagrams whose time is over. */
export function expireDatagrams(now: u32): void {
  for (let oldest = load<u32>(stateAt, FRAGMENT_OLDEST_AT); oldest; oldest = load<u32>(stateAt, FRAGMENT_OLDEST_AT)) {
    if (now - load<u32>(rowAt(oldest), BORN_AT) < <u32>FRAGMENT_MS) return;
    closeDatagram(rowAt(oldest));
  }
}

/** Coarse times went back by `back` milliseconds: a row is older than its time by then, or goes with the clock. */
export function rebaseDatagrams(back: u64): void {
  for (let number = load<u32>(stateAt, FRAGMENT_OLDEST_AT); number; number = load<u32>(rowAt(number), NEWER_AT)) {
    const born = load<u32>(rowAt(number), BORN_AT);
    store<u32>(rowAt(number), <u64>born > back ? <u32>(<u64>born - back) : 0, BORN_AT);
  }
}

/** For a restored state: every row in use lies in the chain of its hash and in the list by age, every other one in the free list. */
export function areDatagramsSound(): bool {
  const used = load<u32>(stateAt, FRAGMENTS_USED_AT);
  const notes = load<u32>(stateAt, NOTES_USED_AT);
  if (used > maxFragments || notes > maxFragments) return false;
  let chained: u32 = 0;
  for (let head: u32 = 0; head <= fragmentMask; head++) {
    const at = fragmentHeadsAt + ((<usize>head) << 2);
    for (let number = load<u32>(at); number; number = load<u32>(rowAt(number), NEXT_AT)) {
      if (number > used || ++chained > used || headOfRow(rowAt(number)) != at) return false;
      if (!load<u8>(rowAt(number), FRAGMENT_STATE_AT)) return false;
    }
  }
  let aged: u32 = 0;
  let held: u32 = 0;
  let before: u32 = 0;
  for (let number = load<u32>(stateAt, FRAGMENT_OLDEST_AT); number; number = load<u32>(rowAt(number), NEWER_AT)) {
    if (number > used || ++aged > used || load<u32>(rowAt(number), OLDER_AT) != before) return false;
    if (!isRowSound(rowAt(number), notes)) return false;
    const more = notesOf(rowAt(number), notes - held);
    if (more == NO_END) return false;
    held += more;
    before = number;
  }
  if (load<u32>(stateAt, FRAGMENT_NEWEST_AT) != before || chained != aged) return false;
  if (held != load<u32>(stateAt, NOTES_HELD_AT)) return false;
  return (
    isFreeList(FRAGMENT_FREE_AT, fragmentsAt, FRAGMENT_SIZE, NEXT_AT, FRAGMENT_PROTOCOL_AT, used, used - aged) &&
    isFreeList(NOTE_FREE_AT, notesAt, NOTE_SIZE, NOTE_NEXT_AT, NOTE_OWNER_AT, notes, notes - held)
  );
}

const NO_END: u32 = 0xffffffff;

function isRowSound(row: usize, notes: u32): bool {
  const state = <u32>load<u8>(row, FRAGMENT_STATE_AT);
  if (state < FRAGMENT_WAITING || state > FRAGMENT_REFUSED || load<u32>(row, RANGE_COUNT_AT) > MAX_RANGES) return false;
  if (load<u32>(row, HELD_LAST_AT) > notes || !load<u32>(row, HELD_FIRST_AT) != !load<u32>(row, HELD_LAST_AT))
    return false;
  if (load<u8>(row, FRAGMENT_ANSWER_AT) & ~(<u8>LINE_HOOK_ANSWER)) return false;
  return load<u8>(row, FRAGMENT_REASON_AT) < <u32>REASON_COUNT;
}

/** Notes of a row, or NO_END where there are more than `limit` or the last one is another than the row says. */
function notesOf(row: usize, limit: u32): u32 {
  let found: u32 = 0;
  let last: u32 = 0;
  for (let note = load<u32>(row, HELD_FIRST_AT); note; note = load<u32>(noteAt(note), NOTE_NEXT_AT)) {
    if (note > load<u32>(stateAt, NOTES_USED_AT) || ++found > limit) return NO_END;
    if (load<u32>(noteAt(note), NOTE_OWNER_AT) != numberOf(row)) return NO_END;
    last = note;
  }
  return last == load<u32>(row, HELD_LAST_AT) ? found : NO_END;
}

/**
 * True for a list of exactly `expected` members up to number `last`, none of them in use.
 * @param rows of number 0, `size` bytes apart   @param nextAt link to the next one   @param usedAt u32 that is 0 in free ones only
 */
function isFreeList(
  freeAt: usize,
  rows: usize,
  size: u32,
  nextAt: usize,
  usedAt: usize,
  last: u32,
  expected: u32,
): bool {
  let found: u32 = 0;
  for (let number = load<u32>(stateAt + freeAt); number; number = load<u32>(rows + <usize>number * size + nextAt)) {
    if (number > last || ++found > expected) return false;
    if (load<u32>(rows + <usize>number * size + usedAt)) return false;
  }
  return found == expected;
}
