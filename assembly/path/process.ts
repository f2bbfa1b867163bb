import {
  CONFIG_FLAG_TOUCH,
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
  HOOK_FROM_ENDPOINT,
  HOOK_FROM_NETWORK,
  LINE_CLASS_AT,
  LINE_EPOCH_AT,
  LINE_FLAG_HOP,
  LINE_FLAG_STEADY,
  LINE_FLAG_TRANSLATED,
  LINE_FLAGS_AT,
  LINE_SEEN_AT,
  LINE_TIMEOUT_ROW_AT,
  LINE_TOUCH_AT,
  LINK_COUNT,
  OK,
  REASON_FRAGMENT_UNSUPPORTED,
  REASON_IPV6_UNSUPPORTED,
  REASON_NOT_IP,
  REASON_UNSUPPORTED_PROTOCOL,
  TIMEOUT_ROW_SIZE,
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
import { find, homeLine, rebaseLines, sweep, sweepAll } from "../tables/conntrack";
import { TCP_CONTROL } from "../tables/lifetime";
import {
  arenaAt,
  arenaSize,
  BLOCK,
  configFlags,
  framesAt,
  isConfigured,
  maxBatch,
  PARSED_SIZE,
  scratchAt,
  stateAt,
  verdictsAt,
} from "../tables/memory";
import { changesAt, changeTotal, isPolicyLoaded, timeoutsAt } from "../tables/policy";
import { rebasePorts } from "../tables/port-groups";
import { IPV4_TTL_AT } from "../wire/ipv4";
import {
  KIND_FAULT,
  KIND_FRAGMENT,
  KIND_ICMP_ERROR,
  KIND_IPV6,
  KIND_NOT_IP,
  KIND_PLAIN,
  Parsed,
  parseFrame,
} from "../wire/parse";
import { translate } from "./connection";
import { fromEndpoint } from "./from-endpoint";
import { fromNetwork } from "./from-network";
import { icmpError } from "./icmp-error";
import { stateless } from "./stateless";
import { Verdict } from "./verdict";

// A batch goes through in blocks. Pass 1 parses and hashes every frame of a block and stores blindly into the padding of the conntrack
// line it will need, which is a prefetch that WebAssembly lacks: stores retire without waiting, so the cache misses overlap. Pass 2 takes
// the frames in order; whatever is not the straight line is a call out of it, so the result is that of one frame at a time.

/** Processes frame records 0 … count-1. On an error nothing was processed. @returns `count`, or ERROR_* */
export function process(count: u32): i32 {
  if (!isConfigured) return ERROR_NOT_CONFIGURED;
  if (!isPolicyLoaded) return ERROR_NO_POLICY_LOADED;
  if (count > maxBatch) return ERROR_BATCH_TOO_LARGE;
  for (let i: u32 = 0; i < count; i++) {
    const error = recordFault(framesAt + <usize>i * FRAME_SIZE);
    if (error != OK) return error;
  }
  const touch = (configFlags & CONFIG_FLAG_TOUCH) != 0;
  for (let first: u32 = 0; first < count; first += BLOCK) {
    const left = count - first;
    const size = left < BLOCK ? left : BLOCK;
    prepare(framesAt + <usize>first * FRAME_SIZE, size, touch);
    settle(framesAt + <usize>first * FRAME_SIZE, verdictsAt + <usize>first * VERDICT_SIZE, size);
  }
  return count;
}

function recordFault(record: usize): i32 {
  if (<u64>load<u32>(record, FRAME_OFFSET_AT) + load<u32>(record, FRAME_CAPTURED_AT) > <u64>arenaSize)
    return ERROR_FRAME_OUTSIDE_ARENA;
  const hook = <u32>load<u8>(record, FRAME_HOOK_AT);
  if (hook != HOOK_FROM_ENDPOINT && hook != HOOK_FROM_NETWORK) return ERROR_BAD_HOOK;
  const link = <u32>load<u8>(record, FRAME_LINK_AT);
  return link == 0 || link >= <u32>LINK_COUNT ? ERROR_BAD_LINK_TYPE : OK;
}

/** Pass 1. */
function prepare(record: usize, size: u32, touch: bool): void {
  const arena = arenaAt;
  let scratch = scratchAt;
  for (let i: u32 = 0; i < size; i++) {
    const p = changetype<Parsed>(scratch);
    parseFrame(record, arena, p);
    if (p.kind == KIND_PLAIN) {
      const line = homeLine(p.addresses, p.key);
      p.line = line;
      if (touch) store<u16>(line, <u16>i, LINE_TOUCH_AT);
    }
    record += FRAME_SIZE;
    scratch += PARSED_SIZE;
  }
}

/** Pass 2. */
function settle(record: usize, verdict: usize, size: u32): void {
  let scratch = scratchAt;
  let due = load<u32>(stateAt, SWEEP_DUE_AT);
  for (let i: u32 = 0; i < size; i++) {
    const time = load<u64>(record, FRAME_TIME_AT);
    if (time >= nextTick()) tick(time);
    const p = changetype<Parsed>(scratch);
    const v = changetype<Verdict>(verdict);
    v.clear(load<u32>(record, FRAME_CAPTURED_AT));
    if (p.kind == KIND_PLAIN) plain(p, v);
    else odd(p, v);
    // By frames, not by calls, so that batch sizes do not show.
    if (++due == SWEEP_LINES) {
      due = 0;
      sweep(SWEEP_LINES, nowMs());
    }
    record += FRAME_SIZE;
    verdict += VERDICT_SIZE;
    scratch += PARSED_SIZE;
  }
  store<u32>(stateAt, due, SWEEP_DUE_AT);
}

/** TCP, UDP and echoes. The straight line is a live translated connection that this frame changes nothing about but its age. */
function plain(p: Parsed, v: Verdict): void {
  const line = find(p.line, p.addresses, p.key);
  if (line != 0) {
    const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
    const straight = LINE_FLAG_STEADY | LINE_FLAG_TRANSLATED;
    const now = nowMs();
    const lifetime = load<u32>(
      timeoutsAt +
        <usize>load<u8>(line, LINE_TIMEOUT_ROW_AT) * TIMEOUT_ROW_SIZE +
        ((<usize>load<u8>(line, LINE_CLASS_AT)) << 2),
    );
    if (
      (flags & straight) == straight &&
      !(p.tcpFlags & TCP_CONTROL) &&
      now - load<u32>(line, LINE_SEEN_AT) < lifetime &&
      load<u32>(line, LINE_EPOCH_AT) == epoch() &&
      (!(flags & LINE_FLAG_HOP) || load<u8>(p.l3, IPV4_TTL_AT) > 1)
    ) {
      store<u32>(line, now, LINE_SEEN_AT);
      return translate(p, line, v);
    }
  }
  if (p.hook == HOOK_FROM_ENDPOINT) fromEndpoint(p, line, v);
  else fromNetwork(p, line, v);
}

function odd(p: Parsed, v: Verdict): void {
  const kind = <u32>p.kind;
  if (kind == KIND_FAULT) return v.drop(p.reason);
  if (kind == KIND_NOT_IP) return v.pass(REASON_NOT_IP);
  if (kind == KIND_ICMP_ERROR) return icmpError(p, v);
  stateless(
    p,
    kind == KIND_FRAGMENT
      ? REASON_FRAGMENT_UNSUPPORTED
      : kind == KIND_IPV6
        ? REASON_IPV6_UNSUPPORTED
        : REASON_UNSUPPORTED_PROTOCOL,
    v,
  );
}

/** Time has come to the next millisecond or to a change of owners. */
function tick(time: u64): void {
  const back = moveTo(time);
  if (back) {
    rebaseLines(back);
    rebasePorts();
  }
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
  if (next < changeTotal) tickBy(load<u64>(changesAt + ((<usize>next) << 3)));
}

/** Moves the virtual time on without a frame and removes everything that has expired by then. */
export function advance(time: u64): i32 {
  if (!isConfigured) return ERROR_NOT_CONFIGURED;
  if (!isPolicyLoaded) return ERROR_NO_POLICY_LOADED;
  tick(time);
  sweepAll(nowMs());
  return OK;
}
