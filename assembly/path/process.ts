import {
  ACTION_REVERSE,
  ACTION_SNAT,
  CONFIG_FLAG_BAD_CHECKSUM_DROP,
  CONFIG_FLAG_ICMP_ERRORS,
  CONFIG_FLAG_NO_SWEEP,
  CONFIG_FLAG_TOUCH,
  COUNTER_ACTIONS_AT,
  COUNTER_LIVE_AT,
  ERROR_BAD_HOOK,
  ERROR_BAD_LINK_TYPE,
  ERROR_BATCH_TOO_LARGE,
  ERROR_FRAME_OUTSIDE_ARENA,
  ERROR_NO_POLICY_LOADED,
  ERROR_NOT_CONFIGURED,
  FRAME_CAPTURED_AT,
  FRAME_FLAGS_AT,
  FRAME_HOOK_AT,
  FRAME_LINK_AT,
  FRAME_OFFSET_AT,
  FRAME_SIZE,
  FRAME_TIME_AT,
  GENERATED_COUNT_AT,
  HOOK_FROM_ENDPOINT,
  HOOK_FROM_NETWORK,
  HOOK_FROM_OVERLAY,
  LINE_TOUCH_AT,
  LINK_COUNT,
  NO_INDEX,
  OK,
  REASON_BAD_CHECKSUM,
  REASON_BAD_HEADER,
  REASON_IPV6_UNSUPPORTED,
  REASON_LINK_LOCAL,
  REASON_NOT_IP,
  REASON_SCTP_BAD,
  REASON_UNSUPPORTED_PROTOCOL,
  VERDICT_SIZE,
} from "../abi";
import {
  bumpEpoch,
  epoch,
  moveTo,
  NEXT_CHANGE_AT,
  nextTick,
  nowMs,
  nowNs,
  SWEEP_DUE_AT,
  SWEEP_LINES,
  tickBy,
} from "../tables/clock";
import { find, keyHome4, keyHome6, rebaseLines, sweep, sweepAll, touchSwept } from "../tables/conntrack";
import { countMany } from "../tables/counters";
import { expireDatagrams, hasReleased, rebaseDatagrams } from "../tables/fragments";
import { ownNode } from "../tables/gateways";
import { forgetFormerOwners } from "../tables/loss";
import {
  addressesAt,
  arenaAt,
  arenaSize,
  BLOCK,
  configFlags,
  countersAt,
  egressStatsAt,
  framesAt,
  generatedAt,
  isConfigured,
  lineCount,
  linesAt,
  maxBatch,
  maxConnections6,
  mtu,
  PARSED_SIZE,
  scratchAt,
  stateAt,
  tagsAt,
  verdictsAt,
} from "../tables/memory";
import { changesAt, changeTotal, findMove, isPolicyLoaded, moveAt, timeoutsAt } from "../tables/policy";
import { rebasePorts } from "../tables/port-groups";
import { slotOfHome, Tags } from "../tables/tags";
import { PROTOCOL_TCP } from "../wire/ipv4";
import { IPV6_DST_AT, IPV6_SRC_AT } from "../wire/ipv6";
import {
  KIND_DISCOVERY,
  KIND_FAULT,
  KIND_FRAGMENT,
  KIND_ICMP_ERROR,
  KIND_NOT_IP,
  KIND_OVERLAY,
  KIND_PLAIN,
  KIND_PLAIN6,
  KIND_REFUSED,
  PARSED_LONG,
  PARSED_UPLINK,
  Parsed,
  parseFrame,
  refuse,
} from "../wire/parse";
import { PlainFrame } from "../wire/plain";
import { hasBadChecksum, hasBadCrc } from "../wire/recount";
import { isNonsense } from "../wire/transport";
import { forgetBlock, lookAhead, noteOpenings } from "./ahead";
import { fragment } from "./fragment";
import { fromEndpoint } from "./from-endpoint";
import { fromNetwork } from "./from-network";
import { fromOverlay } from "./from-overlay";
import { isLong, tell } from "./generate";
import { icmpError } from "./icmp-error";
import { sendHome } from "./redirect";
import { stateless } from "./stateless";
import { Straight } from "./straight";
import { lookUp } from "./tuple";
import { Verdict } from "./verdict";

// A batch goes through in blocks. Pass 1 parses and hashes every frame of a block, then stores blindly into the padding of the conntrack
// lines it will need, which is a prefetch that WebAssembly lacks: stores retire without waiting, so the cache misses overlap. Pass 2 takes
// the frames in order; whatever is not the straight line is a call out of it, so the result is that of one frame at a time.

/**
 * Processes frame records 0 … count-1, up to and with the first one by which held frames were released: the host gives these before it goes
 * on. On an error nothing was processed. @returns how many were processed, or ERROR_*
 */
export function process(count: u32): i32 {
  const error = batchFault(count);
  if (error != OK) return error;
  const touch = (configFlags & CONFIG_FLAG_TOUCH) != 0;
  const recount = (configFlags & CONFIG_FLAG_BAD_CHECKSUM_DROP) != 0;
  const tells = (configFlags & CONFIG_FLAG_ICMP_ERRORS) != 0;
  if (tells) store<u32>(generatedAt, 0, GENERATED_COUNT_AT);
  for (let first: u32 = 0; first < count; first += BLOCK) {
    const left = count - first;
    const size = left < BLOCK ? left : BLOCK;
    prepare(framesAt + <usize>first * FRAME_SIZE, size, touch);
    if (tells && mtu) markLong(framesAt + <usize>first * FRAME_SIZE, size);
    if (recount) refuseBadChecksums(framesAt + <usize>first * FRAME_SIZE, size);
    const done = settle(framesAt + <usize>first * FRAME_SIZE, verdictsAt + <usize>first * VERDICT_SIZE, size);
    if (done < size) return first + done;
  }
  return count;
}

/** Why frame records 0 … count-1 cannot be looked at: ERROR_*, or OK. */
export function batchFault(count: u32): i32 {
  if (!isConfigured) return ERROR_NOT_CONFIGURED;
  if (!isPolicyLoaded) return ERROR_NO_POLICY_LOADED;
  if (count > maxBatch) return ERROR_BATCH_TOO_LARGE;
  for (let i: u32 = 0; i < count; i++) {
    const error = recordFault(framesAt + <usize>i * FRAME_SIZE);
    if (error != OK) return error;
  }
  return OK;
}

export function recordFault(record: usize): i32 {
  if (<u64>load<u32>(record, FRAME_OFFSET_AT) + load<u32>(record, FRAME_CAPTURED_AT) > <u64>arenaSize)
    return ERROR_FRAME_OUTSIDE_ARENA;
  const hook = <u32>load<u8>(record, FRAME_HOOK_AT);
  if (hook != HOOK_FROM_ENDPOINT && hook != HOOK_FROM_NETWORK && !(hook == HOOK_FROM_OVERLAY && ownNode != NO_INDEX))
    return ERROR_BAD_HOOK;
  const link = <u32>load<u8>(record, FRAME_LINK_AT);
  return link == 0 || link >= <u32>LINK_COUNT ? ERROR_BAD_LINK_TYPE : OK;
}

/** Pass 1. */
export function prepare(record: usize, size: u32, touch: bool): void {
  forgetBlock();
  const arena = arenaAt;
  let scratch = scratchAt;
  for (let i: u32 = 0; i < size; i++) {
    const p = changetype<Parsed>(scratch);
    if (load<u8>(record, FRAME_HOOK_AT) == HOOK_FROM_OVERLAY) p.setKind(KIND_OVERLAY, 0, 0);
    else if (!PlainFrame.parse(record, arena, p) && !PlainFrame.parse6(record, arena, p)) parseFrame(record, arena, p);
    if (p.kind == KIND_PLAIN) p.home = keyHome4(p.addresses, p.key);
    else if (p.kind == KIND_PLAIN6) p.home = keyHome6(p.l3 + IPV6_SRC_AT, p.l3 + IPV6_DST_AT, p.key);
    else p.home = 0;
    record += FRAME_SIZE;
    scratch += PARSED_SIZE;
  }
  seekLines(size);
  if (!touch) return;
  touchLines(size);
  lookAhead(size);
}

/** In a loop of its own, too, so that tags that are missing overlap as far as the processor looks ahead. */
function seekLines(size: u32): void {
  const tags = tagsAt;
  const lines = linesAt;
  if (lineCount > NEAR_LINES) touchTags(size);
  let scratch = scratchAt;
  for (let i: u32 = 0; i < size; i++) {
    const p = changetype<Parsed>(scratch);
    if (p.kind == KIND_PLAIN || p.kind == KIND_PLAIN6) p.line = Tags.likely(tags, lines, p.home);
    scratch += PARSED_SIZE;
  }
}

/** Tags of so many lines stay in the second cache of most processors. */
const NEAR_LINES: u32 = 1 << 19;

/** Loads the tags of a block ahead of their use, in so few steps each that the processor looks ahead over all of them. */
function touchTags(size: u32): void {
  const tags = tagsAt;
  let scratch = scratchAt;
  let sum: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    sum += load<u8>(tags + <usize>slotOfHome(changetype<Parsed>(scratch).home));
    scratch += PARSED_SIZE;
  }
  keep(sum);
}

/** Stores what loads ahead came to behind what a slot of the scratch holds, lest they go. */
function keep(sum: u32): void {
  store<u32>(scratchAt, sum, <usize>PARSED_SIZE - 4);
}

/**
 * In a loop of its own: stores become visible in order, so a line that is missing holds up whatever is stored behind it.
 */
function touchLines(size: u32): void {
  let scratch = scratchAt;
  for (let i: u32 = 0; i < size; i++) {
    const p = changetype<Parsed>(scratch);
    if (p.kind == KIND_PLAIN || p.kind == KIND_PLAIN6) store<u16>(p.line, <u16>i, LINE_TOUCH_AT);
    scratch += PARSED_SIZE;
  }
  if (!(configFlags & CONFIG_FLAG_NO_SWEEP)) keep(touchSwept(size));
}

/** Between the passes, where ICMP errors are asked for: what may be too long leaves the straight line. */
export function markLong(record: usize, size: u32): void {
  let scratch = scratchAt;
  for (let i: u32 = 0; i < size; i++) {
    const p = changetype<Parsed>(scratch);
    const flags = load<u16>(record, FRAME_FLAGS_AT);
    if (isLong(p, flags)) p.flags |= <u8>PARSED_LONG;
    record += FRAME_SIZE;
    scratch += PARSED_SIZE;
  }
}

/** Between the passes, where it is asked for: wherever a frame comes in first, so that all topologies drop the same ones. */
export function refuseBadChecksums(record: usize, size: u32): void {
  let scratch = scratchAt;
  for (let i: u32 = 0; i < size; i++) {
    const p = changetype<Parsed>(scratch);
    const flags = <u32>load<u16>(record, FRAME_FLAGS_AT);
    if (hasBadChecksum(p, flags)) refuse(p, REASON_BAD_CHECKSUM);
    else if (hasBadCrc(p, flags)) refuse(p, REASON_SCTP_BAD);
    record += FRAME_SIZE;
    scratch += PARSED_SIZE;
  }
}

/** Frames since the last sweep where there is none: no batch is long enough to make one due. */
const NEVER_DUE: u32 = 0x80000000;

/** Pass 2. @returns how many frames were taken. What lies in globals and in the state is kept in locals: it would be loaded anew after every store. */
export function settle(record: usize, verdict: usize, size: u32): u32 {
  const timeouts = timeoutsAt;
  const stats = egressStatsAt;
  let sent: u32 = 0;
  let replied: u32 = 0;
  const addresses = addressesAt;
  // An engine with a node of its own sends frames on to others: nothing about that is straight.
  const isWhole = ownNode == NO_INDEX;
  let scratch = scratchAt;
  const sweeps = (configFlags & CONFIG_FLAG_NO_SWEEP) == 0;
  let due = sweeps ? load<u32>(stateAt, SWEEP_DUE_AT) : NEVER_DUE;
  let next = nextTick();
  let now = nowMs();
  let age = epoch();
  let taken: u32 = 0;
  let isStopped: bool = false;
  while (taken < size && !isStopped) {
    const time = load<u64>(record, FRAME_TIME_AT);
    if (time >= next) {
      tick(time);
      isStopped = hasReleased();
      next = nextTick();
      now = nowMs();
      age = epoch();
    }
    const p = changetype<Parsed>(scratch);
    const v = changetype<Verdict>(verdict);
    const captured = load<u32>(record, FRAME_CAPTURED_AT);
    if (p.kind == KIND_PLAIN) {
      const line = Straight.find(p);
      if (line != 0 && isWhole && Straight.holds(p, line, now, age, timeouts)) {
        Straight.translate(p, line, v, captured, now, stats);
        if (p.hook == HOOK_FROM_ENDPOINT) sent++;
        else replied++;
      } else plain(p, line, v, captured);
    } else if (p.kind == KIND_PLAIN6) {
      const line = isWhole ? Straight.likely6(p, addresses) : 0;
      if (line != 0 && Straight.holds6(p, line, now, age, timeouts)) {
        Straight.translate6(p, line, v, captured, now, stats);
        if (p.hook == HOOK_FROM_ENDPOINT) sent++;
        else replied++;
      } else plain6(p, v, captured);
    } else {
      v.clear(captured);
      odd(record, p, v);
      isStopped = hasReleased();
    }
    taken++;
    // By frames, not by calls, so that batch sizes do not show.
    if (++due == SWEEP_LINES) {
      due = 0;
      sweep(SWEEP_LINES, now);
    }
    record += FRAME_SIZE;
    verdict += VERDICT_SIZE;
    scratch += PARSED_SIZE;
  }
  countMany(COUNTER_ACTIONS_AT + ACTION_SNAT * 8, sent);
  countMany(COUNTER_ACTIONS_AT + ACTION_REVERSE * 8, replied);
  if (sweeps) store<u32>(stateAt, due, SWEEP_DUE_AT);
  noteOpenings();
  return taken;
}

/** What has a five-tuple, off the straight line. @param line what conntrack has for the frame's key, 0 = nothing */
export function plain(p: Parsed, line: usize, v: Verdict, captured: u32): void {
  v.clear(captured);
  takePlain(p, line, v);
  if (ownNode == NO_INDEX) v.live = load<u32>(countersAt, COUNTER_LIVE_AT) + 1;
  if (configFlags & CONFIG_FLAG_ICMP_ERRORS) tell(p, v);
}

function takePlain(p: Parsed, line: usize, v: Verdict): void {
  // Without such flags a segment changes nothing, and what it is worth is for its receiver to say.
  if (p.protocol == PROTOCOL_TCP && isNonsense(p.tcpFlags)) return stateless(p, REASON_BAD_HEADER, v);
  const isDirect = (p.flags & PARSED_UPLINK) != 0;
  p.flags &= ~(<u8>PARSED_UPLINK);
  if (p.hook == HOOK_FROM_ENDPOINT) return fromEndpoint(p, line, v);
  fromNetwork(p, line, isDirect, v);
  if (ownNode != NO_INDEX) sendHome(p, v);
}

function odd(record: usize, p: Parsed, v: Verdict): void {
  const kind = <u32>p.kind;
  if (kind == KIND_OVERLAY) {
    fromOverlay(record, p, v);
    if (configFlags & CONFIG_FLAG_ICMP_ERRORS) tell(p, v);
    return;
  }
  if (kind == KIND_FAULT) return v.drop(p.reason);
  if (kind == KIND_NOT_IP) return v.pass(REASON_NOT_IP);
  if (kind == KIND_DISCOVERY) return stateless(p, REASON_LINK_LOCAL, v);
  if (kind == KIND_REFUSED) return stateless(p, p.reason, v);
  if (kind == KIND_ICMP_ERROR) {
    icmpError(p, v);
    if (ownNode != NO_INDEX && p.hook == HOOK_FROM_NETWORK) sendHome(p, v);
    return;
  }
  if (kind == KIND_FRAGMENT) return fragment(record, p, v, load<u32>(record, FRAME_CAPTURED_AT));
  stateless(p, REASON_UNSUPPORTED_PROTOCOL, v);
}

/** The same as `plain` for IPv6. */
function plain6(p: Parsed, v: Verdict, captured: u32): void {
  if (!maxConnections6) {
    v.clear(captured);
    return stateless(p, REASON_IPV6_UNSUPPORTED, v);
  }
  lookUp(p);
  p.kind = <u8>KIND_PLAIN;
  // Anew, as a frame before it may have written over its header where a host lets them overlap.
  const home = keyHome6(p.l3 + IPV6_SRC_AT, p.l3 + IPV6_DST_AT, p.key);
  plain(p, find(home, p.addresses, p.key), v, captured);
}

/**
 * Time has come to the next millisecond or to a change of owners. Where an address has gone to another node meanwhile, what its former owner
 * left behind ends at that time and not with the frame that happens to come next.
 */
export function tick(time: u64): void {
  while (nowNs() != 0 && moveAt <= time && moveAt != u64.MAX_VALUE) step(moveAt);
  step(time);
}

function step(time: u64): void {
  const back = moveTo(time);
  if (back) {
    rebaseLines(back);
    rebasePorts();
    rebaseDatagrams(back);
  }
  expireDatagrams(nowMs());
  passChanges();
}

/** Addresses that changed their owner up to now: every connection's next frame asks again whose it is. */
function passChanges(): void {
  let next = load<u32>(stateAt, NEXT_CHANGE_AT);
  const before = next;
  while (next < changeTotal && load<u64>(changesAt + ((<usize>next) << 3)) <= nowNs()) next++;
  if (next != before) {
    store<u32>(stateAt, next, NEXT_CHANGE_AT);
    bumpEpoch();
  }
  // Where each node has an engine of its own, nobody else would tell their gateways.
  if (moveAt <= nowNs()) {
    forgetFormerOwners();
    findMove(nowNs());
  }
  if (next < changeTotal) tickBy(load<u64>(changesAt + ((<usize>next) << 3)));
}

/** Moves the virtual time on without a frame: what ends at a certain time ends, but connections that have expired stay until they are met. */
export function passTime(time: u64): i32 {
  if (!isConfigured) return ERROR_NOT_CONFIGURED;
  if (!isPolicyLoaded) return ERROR_NO_POLICY_LOADED;
  tick(time);
  return OK;
}

/** Moves the virtual time on without a frame and removes everything that has expired by then. */
export function advance(time: u64): i32 {
  if (!isConfigured) return ERROR_NOT_CONFIGURED;
  if (!isPolicyLoaded) return ERROR_NO_POLICY_LOADED;
  tick(time);
  sweepAll(nowMs());
  return OK;
}
