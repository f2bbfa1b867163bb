import { stateAt } from "./memory";

// Virtual time. Nanoseconds come in with frames; tables use coarse milliseconds since a movable base in 32 bits. The clock lies in the
// state region, so that a saved state resumes in mid-millisecond.

const NOW_NS_AT: usize = 0; // u64, latest time seen
const BASE_NS_AT: usize = 8; // u64, time that coarse 0 stands for
const NEXT_TICK_AT: usize = 16; // u64, when something must be done: the next millisecond or an owner change
const NOW_MS_AT: usize = 24; // u32
const EPOCH_AT: usize = 28; // u32, policy epoch
export const SWEEP_AT: usize = 32; // u32, next line of the sweep
export const NEXT_CHANGE_AT: usize = 36; // u32, next of the policy's owner changes
const STARTED_AT: usize = 40; // u32, 0 until the first frame
export const BITMAPS_USED_AT: usize = 44; // u32, bitmaps handed out so far
export const BITMAP_FREE_AT: usize = 48; // u32, head of the list of free bitmaps + 1
export const SWEEP_DUE_AT: usize = 52; // u32, frames since the last sweep
export const HELD_AT: usize = 56; // u32, ports held down in the conntrack table
export const ADDRESSES_USED_AT: usize = 60; // u32, address rows handed out so far
export const ADDRESS_FREE_AT: usize = 64; // u32, head of the list of free address rows
export const FRAGMENTS_USED_AT: usize = 68; // u32, rows of fragmented datagrams handed out so far
export const FRAGMENT_FREE_AT: usize = 72; // u32, head of the list of free ones
export const FRAGMENT_OLDEST_AT: usize = 76; // u32, row that was opened first, and
export const FRAGMENT_NEWEST_AT: usize = 80; // u32, last
export const NOTES_USED_AT: usize = 84; // u32, notes of held frames handed out so far
export const NOTE_FREE_AT: usize = 88; // u32, head of the list of free ones
export const NOTES_HELD_AT: usize = 92; // u32, frames held
export const HOLD_NUMBER_AT: usize = 96; // u32, of the frame that was held last

/** So many lines are looked through for expired connections every so many frames. */
export const SWEEP_LINES: u32 = 16;

const NS_PER_MS: u64 = 1_000_000;

/** Coarse time may reach this before the base must move. */
const REBASE_AT_MS: u64 = 0xc0000000;
/** Coarse time after the base moved: longer ago than any lifetime (TIMEOUT_MAX_MS) can still be told from "now". */
const REBASED_MS: u32 = 0x40000000;

export function nowMs(): u32 {
  return load<u32>(stateAt, NOW_MS_AT);
}

export function nowNs(): u64 {
  return load<u64>(stateAt, NOW_NS_AT);
}

/** Nanoseconds at which a coarse time begins. */
export function timeOf(ms: u32): u64 {
  return load<u64>(stateAt, BASE_NS_AT) + <u64>ms * NS_PER_MS;
}

export function nextTick(): u64 {
  return load<u64>(stateAt, NEXT_TICK_AT);
}

/** Moves the virtual time to max(now, time). @returns milliseconds by which coarse times must be set back, or 0 */
export function moveTo(time: u64): u64 {
  const at = stateAt;
  if (!load<u32>(at, STARTED_AT)) {
    store<u32>(at, 1, STARTED_AT);
    // Whole milliseconds, so that all engines of a cluster agree on when something expires, whatever they saw first.
    const base = time - (time % NS_PER_MS);
    store<u64>(at, time, NOW_NS_AT);
    store<u64>(at, base, BASE_NS_AT);
    store<u64>(at, base + NS_PER_MS, NEXT_TICK_AT);
    // Coarse 0 is kept for "long ago".
    store<u32>(at, 1, NOW_MS_AT);
    return 0;
  }
  if (time <= load<u64>(at, NOW_NS_AT)) return 0;
  store<u64>(at, time, NOW_NS_AT);
  const base = load<u64>(at, BASE_NS_AT);
  const elapsed = (time - base) / NS_PER_MS + 1;
  if (elapsed < REBASE_AT_MS) {
    store<u32>(at, <u32>elapsed, NOW_MS_AT);
    store<u64>(at, base + elapsed * NS_PER_MS, NEXT_TICK_AT);
    return 0;
  }
  const back = elapsed - <u64>REBASED_MS;
  store<u64>(at, base + back * NS_PER_MS, BASE_NS_AT);
  store<u32>(at, REBASED_MS, NOW_MS_AT);
  store<u64>(at, base + elapsed * NS_PER_MS, NEXT_TICK_AT);
  return back;
}

/** Makes the next tick come no later than `time`. */
export function tickBy(time: u64): void {
  if (time < load<u64>(stateAt, NEXT_TICK_AT)) store<u64>(stateAt, time, NEXT_TICK_AT);
}

export function epoch(): u32 {
  return load<u32>(stateAt, EPOCH_AT);
}

/** From now on every connection's decision is taken anew with its next frame. */
export function bumpEpoch(): void {
  store<u32>(stateAt, epoch() + 1, EPOCH_AT);
}
