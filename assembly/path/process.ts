import {
  CONFIG_FLAG_BAD_CHECKSUM_DROP,
  CONFIG_FLAG_ICMP_ERRORS,
  CONFIG_FLAG_NO_SWEEP,
  CONFIG_FLAG_TOUCH,
  COUNTER_LIVE_AT,
  ERROR_BAD_HOOK,
  ERROR_BAD_LINK_TYPE,
  ERROR_BATCH_TOO_LARGE,
  ERROR_FRAME_OUTSIDE_ARENA,
  ERROR_NO_POLICY_LOADED,
  ERROR_NOT_CONFIGURED,
  FRAME_CAPTURED_AT,
  FRAME_HOOK_AT,
  FRAME_LINK_AT,
  FRAME_OFFSET_AT,
  FRAME_SIZE,
  FRAME_TIME_AT,
  GENERATED_COUNT_AT,
  HOOK_FROM_ENDPOINT,
  HOOK_FROM_NETWORK,
  HOOK_FROM_OVERLAY,
  LINK_COUNT,
  LINK_ETHERNET,
  NO_INDEX,
  OK,
  REASON_BAD_HEADER,
  REASON_IPV6_UNSUPPORTED,
  REASON_LINK_LOCAL,
  REASON_NOT_IP,
  REASON_UNSUPPORTED_PROTOCOL,
  VERDICT_SIZE,
} from "../abi";
import {
  bumpEpoch,
  moveTo,
  NEXT_CHANGE_AT,
  nextTick,
  nowMs,
  nowNs,
  SWEEP_DUE_AT,
  SWEEP_LINES,
  tickBy,
} from "../tables/clock";
import { find, keyHome6, rebaseLines, sweep, sweepAll } from "../tables/conntrack";
import { expireDatagrams, hasReleased, rebaseDatagrams } from "../tables/fragments";
import { ownNode } from "../tables/gateways";
import { forgetFormerOwners } from "../tables/loss";
import {
  arenaSize,
  BLOCK,
  configFlags,
  countersAt,
  framesAt,
  generatedAt,
  isConfigured,
  maxBatch,
  maxConnections6,
  mtu,
  stateAt,
  verdictsAt,
} from "../tables/memory";
import { changesAt, changeTotal, findMove, isPolicyLoaded, moveAt } from "../tables/policy";
import { rebasePorts } from "../tables/port-groups";
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
  PARSED_UPLINK,
  Parsed,
} from "../wire/parse";
import { isNonsense } from "../wire/transport";
import { noteOpenings } from "./ahead";
import { fragment } from "./fragment";
import { fromEndpoint } from "./from-endpoint";
import { fromNetwork } from "./from-network";
import { fromOverlay } from "./from-overlay";
import { tell } from "./generate";
import { icmpError } from "./icmp-error";
import { markLong, prepare, refuseBadChecksums, slotsOf } from "./prepare";
import { sendHome } from "./redirect";
import { stateless } from "./stateless";
import { passStraight, passStraight6, Straight } from "./straight";
import { lookUp } from "./tuple";
import { Verdict } from "./verdict";

// A batch goes through in blocks. Pass 1 (path/prepare.ts) parses and hashes every frame of a block and touches the lines that it will need. Pass 2
// takes the frames in order: runs of straight ones in loops of their own (path/straight.ts), others one by one; the result is that of one
// frame at a time.

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
    if (isCut) return first + done;
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

/** An Ethernet frame from an endpoint; one from the network is HOOK_FROM_NETWORK. */
const PLAIN_FRAME: u32 = HOOK_FROM_ENDPOINT | (LINK_ETHERNET << 8);

export function recordFault(record: usize): i32 {
  if (<u64>load<u32>(record, FRAME_OFFSET_AT) + load<u32>(record, FRAME_CAPTURED_AT) > <u64>arenaSize)
    return ERROR_FRAME_OUTSIDE_ARENA;
  // Hook and link type at once, as most frames have them.
  if (<u32>load<u16>(record, FRAME_HOOK_AT) - PLAIN_FRAME <= <u32>(HOOK_FROM_NETWORK - HOOK_FROM_ENDPOINT)) return OK;
  const hook = <u32>load<u8>(record, FRAME_HOOK_AT);
  if (hook != HOOK_FROM_ENDPOINT && hook != HOOK_FROM_NETWORK && !(hook == HOOK_FROM_OVERLAY && ownNode != NO_INDEX))
    return ERROR_BAD_HOOK;
  const link = <u32>load<u8>(record, FRAME_LINK_AT);
  return link == 0 || link >= <u32>LINK_COUNT ? ERROR_BAD_LINK_TYPE : OK;
}

/** Frames since the last sweep where there is none: no batch is long enough to make one due, and what is left to it wraps around. */
const NEVER_DUE: u32 = 0x80000000;

/** The last call of `settle` ended with the frame by which held ones were released, be it the last one of its block. */
export let isCut: bool = false;

/** Pass 2. @returns how many frames were taken */
export function settle(record: usize, verdict: usize, size: u32): u32 {
  // An engine with a node of its own sends frames on to others: nothing about that is straight.
  const isWhole = ownNode == NO_INDEX;
  const sweeps = (configFlags & CONFIG_FLAG_NO_SWEEP) == 0;
  let due = sweeps ? load<u32>(stateAt, SWEEP_DUE_AT) : NEVER_DUE;
  const slots = slotsOf(record);
  let next = nextTick();
  let taken: u32 = 0;
  let cut: bool = false;
  while (taken < size) {
    const time = load<u64>(record, FRAME_TIME_AT);
    if (time >= next) {
      tick(time);
      next = nextTick();
      if (hasReleased()) {
        size = taken + 1;
        cut = true;
      }
    }
    const p = Parsed.at(slots, record);
    let run: u32 = 0;
    // Of most frames that do not pass straight their line says so.
    if (isWhole && Straight.isSteady(p.line)) {
      const left = size - taken;
      const room = left < SWEEP_LINES - due ? left : SWEEP_LINES - due;
      if (Straight.mayPass(p)) run = passStraight(record, slots, verdict, room);
      else if (Straight.mayPass6(p)) run = passStraight6(record, slots, verdict, room);
    }
    if (run == 0) {
      const outcome = one(record, p, changetype<Verdict>(verdict), isWhole);
      if (outcome == FOUND) continue;
      if (outcome == ODD && hasReleased()) {
        size = taken + 1;
        cut = true;
      }
      run = 1;
    }
    taken += run;
    due += run;
    // By frames, not by calls, so that batch sizes do not show.
    if (due == SWEEP_LINES) {
      due = 0;
      sweep(SWEEP_LINES, nowMs());
    }
    record += run * FRAME_SIZE;
    verdict += run * VERDICT_SIZE;
  }
  if (sweeps) store<u32>(stateAt, due, SWEEP_DUE_AT);
  noteOpenings();
  isCut = cut;
  return taken;
}

/** What became of a frame that did not pass straight: its line is now the likely one, it had a five-tuple, it had none. */
const FOUND: u32 = 0;
const PLAIN: u32 = 1;
const ODD: u32 = 2;

/** @param seeks false where nothing passes straight   @returns FOUND where the frame is still to be taken */
function one(record: usize, p: Parsed, v: Verdict, seeks: bool): u32 {
  const captured = load<u32>(record, FRAME_CAPTURED_AT);
  if (p.kind == KIND_PLAIN) {
    const line = Straight.isOf(p.line, p) ? p.line : find(p.home, p.addresses, p.key);
    if (seeks && line != 0 && line != p.line) {
      p.line = line;
      return FOUND;
    }
    plain(p, line, v, captured);
    return PLAIN;
  }
  if (p.kind == KIND_PLAIN6) {
    plain6(p, v, captured);
    return PLAIN;
  }
  v.clear(captured);
  odd(record, p, v);
  return ODD;
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
