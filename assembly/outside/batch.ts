import {
  COUNTER_ENTRIES_AT,
  FRAME_CAPTURED_AT,
  FRAME_FLAG_RELEASED,
  FRAME_FLAGS_AT,
  FRAME_HOOK_AT,
  FRAME_LINK_AT,
  FRAME_OFFSET_AT,
  FRAME_SIZE,
  FRAME_TAG_AT,
  FRAME_TIME_AT,
  FRAME_WIRE_AT,
  HOOK_FROM_ENDPOINT,
  VERDICT_SIZE,
} from "../abi";
import { hasHandshake, PROTOCOL_ICMP } from "../wire/ipv4";
import { IPV6_DST_AT, IPV6_SRC_AT } from "../wire/ipv6";
import { KIND_ICMP_ERROR, KIND_PLAIN, KIND_PLAIN6, PARSED_LATER, Parsed, parseFrame } from "../wire/parse";
import { isNonsense, TCP_ACK, TCP_SYN } from "../wire/transport";
import { buildError, buildPlain, innerAddresses, innerConnection, innerPorts, innerProtocol } from "./build";
import { buildError6, buildPlain6, inner6Addresses, inner6Ports, inner6Protocol, innerConnection6 } from "./build6";
import { skip } from "./classify";
import {
  arenaAt,
  batchSize,
  captureds,
  control,
  counters,
  engineFrames,
  engineVerdicts,
  field,
  frameTime,
  givenAt,
  hashes,
  hooks,
  links,
  mappingMask,
  mappingsAt,
  offsets,
  parsedAt,
  pendingAt,
  putField,
  releasedAt,
  slotFlags,
  stampsAt,
  wires,
} from "./control";
import { process } from "./engine";
import { findReply, isFirst, isLater, noteReply, openFragment, repliedPorts, repliedProtocol } from "./fragments";
import {
  CONTROL_BATCHES_AT,
  CONTROL_BROKEN_AT,
  CONTROL_CHANGE_COUNT_AT,
  CONTROL_CHANGES_AT,
  CONTROL_CLOCK_AT,
  CONTROL_CONNECTIONS_AT,
  CONTROL_EVENT_COUNT_AT,
  CONTROL_FLAG_UNSETTLED,
  CONTROL_FLAGS_AT,
  CONTROL_GIVEN_COUNT_AT,
  CONTROL_NEXT_CHANGE_AT,
  CONTROL_UNREACHABLE_AT,
  CONTROL_UNTIL_AT,
  EVENT_COUNT,
  MAPPING_FLAG_BROKEN,
  MAPPING_FLAG_DROPPED,
  MAPPING_FLAGS_AT,
  MAPPING_SIZE,
  MAPPING_TOUCH_AT,
  NO_EGRESS,
  PENDING_ADDRESSES_AT,
  PENDING_KIND_AT,
  PENDING_KIND_CONNECTION,
  PENDING_KIND_OPENING,
  PENDING_KIND_OTHER,
  PENDING_PORTS_AT,
  PENDING_PROTOCOL_AT,
  PENDING_SIZE,
  PENDING_SLOT_AT,
  SKIP_AFTER_BREAK,
  SKIP_UNASKED,
  SLOT_BUILT,
  SLOT_REPLY,
  STAMP_COUNT,
  WIDE_PROTOCOL,
} from "./layout";
import { evicted, learn, note, noteUnsent } from "./learn";
import { losesFrame, losesReply } from "./lost";
import { clearBroken, connectionHash, findMapping, removeWide, touchMapping } from "./mappings";
import { findWide, isCrowded, takeWide } from "./wide";

// Takes the frames of a piece through the engine in batches. A reply is built from what is known of its connection, so a batch ends
// before a frame whose connection has a frame in it already that may change this: the result is that of one frame at a time.

/** What the frame at hand needs before it can be taken. */
const TAKEN: u32 = 0;
const CUT: u32 = 1;
const SKIPPED: u32 = 2;

/** Frames whose mappings are fetched at once. */
const AHEAD: u32 = 64;

/** Number of the running batch; a stamp that equals it marks a connection with a frame in the batch. */
let batch: u32 = 0;
/** Frames in the running batch, and how many it may hold. */
let size: u32 = 0;
let limit: u32 = 0;
/** The frame at hand may release held ones, which come before all others. */
let endsBatch: bool = false;

/**
 * Takes frames `first` to `end` - 1 of the piece through the engine and fills their result columns.
 * @returns the frame to go on with: `end`, or less where the host has to read the events first or where the virtual time that it asked
 *   to be stopped at has come; or an ERROR_* of the engine
 */
export function run(first: u32, end: u32): i32 {
  putField(CONTROL_EVENT_COUNT_AT, 0);
  putField(CONTROL_GIVEN_COUNT_AT, 0);
  putField(CONTROL_BATCHES_AT, 0);
  size = 0;
  batch++;
  limit = nextLimit();
  const until = load<u64>(control, CONTROL_UNTIL_AT);
  let clock = load<u64>(control, CONTROL_CLOCK_AT);
  let i = first;
  let touched = first;
  while (i < end) {
    if (i == touched) touched = touchAhead(i, end);
    const time = frameTime(i);
    const now = time > clock ? time : clock;
    if (now >= until && until != u64.MAX_VALUE) break;
    clock = now;
    store<u64>(control, clock, CONTROL_CLOCK_AT);
    endsBatch = false;
    const outcome = load<u8>(hooks + i) ? takeFrame(i, clock) : SKIPPED;
    if (outcome != CUT) i++;
    if (outcome != CUT && size < limit && !endsBatch) continue;
    const error = flush();
    if (error < 0) return error;
    if (load<u32>(releasedAt)) return i;
    if (field(CONTROL_EVENT_COUNT_AT) + batchSize > <u32>EVENT_COUNT) return i;
  }
  const error = flush();
  return error < 0 ? error : i;
}

/**
 * Writes blindly into the mappings that the next frames will look up: stores retire without waiting, so that the cache misses overlap.
 * @returns the first frame that was not looked at
 */
function touchAhead(first: u32, end: u32): u32 {
  const last = end - first < AHEAD ? end : first + AHEAD;
  for (let i = first; i < last; i++) {
    const hash = load<u32>(hashes + ((<usize>i) << 2));
    if (hash) store<u8>(mappingsAt + <usize>(hash & mappingMask) * MAPPING_SIZE, 1, MAPPING_TOUCH_AT);
  }
  return last;
}

/**
 * Frames of the next batch. The verifier has to know before which frame a live connection was evicted, so where that can happen, and
 * somebody wants to know, frames are taken one at a time.
 */
function nextLimit(): u32 {
  if (!givenAt) return batchSize;
  const entries = load<u64>(counters, COUNTER_ENTRIES_AT) + batchSize;
  return evicted() > 0 || entries > <u64>field(CONTROL_CONNECTIONS_AT) ? 1 : batchSize;
}

/** Puts frame `i` into the batch, as what the engine is to see. */
function takeFrame(i: u32, clock: u64): u32 {
  if (!size && isCrowded()) removeWide();
  const record = engineFrames + <usize>size * FRAME_SIZE;
  describe(i, record, clock);
  const p = changetype<Parsed>(parsedAt);
  parseFrame(record, arenaAt, p);
  openFragment(p);
  endsBatch = isFirst;
  const hook = <u32>load<u8>(hooks + i);
  passChanges(clock);
  // A held frame is on its way no longer: whoever holds it has said what comes of it.
  const isBack = (load<u16>(record, FRAME_FLAGS_AT) & FRAME_FLAG_RELEASED) != 0;
  if (!isBack && field(CONTROL_UNREACHABLE_AT) && losesFrame(i, clock)) {
    if (hook == HOOK_FROM_ENDPOINT && identify(p)) forgetSending(p, clock);
    return SKIPPED;
  }
  const outcome = hook == HOOK_FROM_ENDPOINT ? takeOutbound(i, p) : takeInbound(i, p);
  if (outcome == TAKEN) size++;
  return outcome;
}

/** A frame of an endpoint was lost before it came anywhere. */
function forgetSending(p: Parsed, clock: u64): void {
  const protocol = protocolOf(p);
  const hash = connectionHash(p.addresses, p.ports, protocol);
  noteUnsent(hash, p.addresses, p.ports, protocol, <u32>NO_EGRESS, 0, clock);
}

/** Whether a frame of an endpoint has a five-tuple; gives its IPv6 addresses numbers. Where there is no room for them it has none. */
function identify(p: Parsed): bool {
  if (p.kind != KIND_PLAIN6) return p.kind == KIND_PLAIN;
  const src = takeWide(p.l3 + IPV6_SRC_AT);
  const dst = takeWide(p.l3 + IPV6_DST_AT);
  p.addresses = <u64>src | ((<u64>dst) << 32);
  return src != 0 && dst != 0;
}

/** Protocol of a frame as connections have it. */
function protocolOf(p: Parsed): u32 {
  return p.isIpv6 ? p.protocol | WIDE_PROTOCOL : p.protocol;
}

function describe(i: u32, record: usize, clock: u64): void {
  const at = (<usize>i) << 2;
  store<u32>(record, load<u32>(offsets + at), FRAME_OFFSET_AT);
  store<u32>(record, load<u32>(captureds + at), FRAME_CAPTURED_AT);
  store<u32>(record, load<u32>(wires + at), FRAME_WIRE_AT);
  store<u8>(record, load<u8>(hooks + i), FRAME_HOOK_AT);
  store<u8>(record, load<u8>(links + i), FRAME_LINK_AT);
  store<u16>(record, load<u16>(slotFlags + ((<usize>i) << 1)) & 0xff, FRAME_FLAGS_AT);
  store<u64>(record, clock, FRAME_TIME_AT);
  if (load<u16>(record, FRAME_FLAGS_AT) & FRAME_FLAG_RELEASED) store<u64>(record, load<u32>(hashes + at), FRAME_TAG_AT);
}

/** From the first change of an address's owner on, connections may be moved at any frame. */
function passChanges(clock: u64): void {
  let next = field(CONTROL_NEXT_CHANGE_AT);
  if (next >= field(CONTROL_CHANGE_COUNT_AT)) return;
  const changes = <usize>field(CONTROL_CHANGES_AT);
  const before = next;
  while (next < field(CONTROL_CHANGE_COUNT_AT) && load<u64>(changes + ((<usize>next) << 3)) <= clock) next++;
  if (next == before) return;
  putField(CONTROL_NEXT_CHANGE_AT, next);
  putField(CONTROL_FLAGS_AT, field(CONTROL_FLAGS_AT) | CONTROL_FLAG_UNSETTLED);
}

function stampOf(hash: u64): usize {
  return stampsAt + ((<usize>(<u32>(hash >> 32) & (STAMP_COUNT - 1))) << 2);
}

function takeOutbound(i: u32, p: Parsed): u32 {
  const pending = pendingAt + <usize>size * PENDING_SIZE;
  store<u32>(pending, i, PENDING_SLOT_AT);
  if (!identify(p)) {
    store<u32>(pending, <u32>PENDING_KIND_OTHER, PENDING_KIND_AT);
    return TAKEN;
  }
  const protocol = protocolOf(p);
  const ports = p.ports;
  const hash = connectionHash(p.addresses, ports, protocol);
  const stamp = stampOf(hash);
  if (field(CONTROL_FLAGS_AT) & CONTROL_FLAG_UNSETTLED || field(CONTROL_BROKEN_AT)) {
    if (load<u32>(stamp) == batch) return CUT;
    if (isBroken(hash, p, ports)) {
      skip(i, SKIP_AFTER_BREAK);
      return SKIPPED;
    }
  }
  store<u32>(stamp, batch);
  store<u32>(pending, opensAnew(p) ? PENDING_KIND_OPENING : PENDING_KIND_CONNECTION, PENDING_KIND_AT);
  store<u64>(pending, p.addresses, PENDING_ADDRESSES_AT);
  store<u32>(pending, ports, PENDING_PORTS_AT);
  store<u32>(pending, protocol, PENDING_PROTOCOL_AT);
  return TAKEN;
}

/** A TCP SYN or an SCTP INIT. */
function opensAnew(p: Parsed): bool {
  return hasHandshake(p.protocol) && (p.tcpFlags & (TCP_SYN | TCP_ACK)) == TCP_SYN && !isNonsense(p.tcpFlags);
}

/** A broken connection stays so until its endpoint opens a new one. */
function isBroken(hash: u64, p: Parsed, ports: u32): bool {
  const mapping = findMapping(hash, p.addresses, ports, protocolOf(p));
  if (!mapping || !(load<u8>(mapping, MAPPING_FLAGS_AT) & MAPPING_FLAG_BROKEN)) return false;
  if (!opensAnew(p)) return true;
  clearBroken(mapping);
  return false;
}

function takeInbound(i: u32, p: Parsed): u32 {
  const pending = pendingAt + <usize>size * PENDING_SIZE;
  store<u32>(pending, i, PENDING_SLOT_AT);
  store<u32>(pending, <u32>PENDING_KIND_OTHER, PENDING_KIND_AT);
  const flagsAt = slotFlags + ((<usize>i) << 1);
  if (!(load<u16>(flagsAt) & SLOT_REPLY)) return TAKEN;
  if (p.kind == KIND_ICMP_ERROR) {
    if (!(p.isIpv6 ? innerConnection6(p) : innerConnection(p))) return TAKEN;
    if (p.isIpv6) return answer(i, p, inner6Addresses, inner6Ports, inner6Protocol);
    return answer(i, p, innerAddresses, innerPorts, innerProtocol);
  }
  const clock = load<u64>(control, CONTROL_CLOCK_AT);
  if (isLater(p)) return findReply(p, clock) ? answerLater(i, p) : TAKEN;
  if ((p.kind != KIND_PLAIN && p.kind != KIND_PLAIN6) || opens(p)) return TAKEN;
  if (isFirst) noteReply(p, clock);
  numberAddresses(p);
  return answer(i, p, rotl<u64>(p.addresses, 32), rotl<u32>(p.ports, 16), protocolOf(p));
}

/** A later fragment of a reply: its first one showed the ports. */
function answerLater(i: u32, p: Parsed): u32 {
  numberAddresses(p);
  p.flags |= <u8>PARSED_LATER;
  const protocol = p.isIpv6 ? repliedProtocol | WIDE_PROTOCOL : repliedProtocol;
  return answer(i, p, rotl<u64>(p.addresses, 32), rotl<u32>(repliedPorts, 16), protocol);
}

/** Numbers that an IPv6 frame's addresses have, 0 = none. */
function numberAddresses(p: Parsed): void {
  if (p.isIpv6) p.addresses = <u64>findWide(p.l3 + IPV6_SRC_AT) | ((<u64>findWide(p.l3 + IPV6_DST_AT)) << 32);
}

/** A SYN, an INIT or an ICMP request from outside answers nobody. */
function opens(p: Parsed): bool {
  return opensAnew(p) || (p.protocol == PROTOCOL_ICMP && !p.isEchoReply);
}

/** Builds what the outside would have sent, where the connection has an external tuple. */
function answer(i: u32, p: Parsed, addresses: u64, ports: u32, protocol: u32): u32 {
  const hash = connectionHash(addresses, ports, protocol);
  if (load<u32>(stampOf(hash)) == batch) return CUT;
  const mapping = findMapping(hash, addresses, ports, protocol);
  if (!mapping) return TAKEN;
  if (load<u8>(mapping, MAPPING_FLAGS_AT) & MAPPING_FLAG_BROKEN) {
    skip(i, SKIP_AFTER_BREAK);
    return SKIPPED;
  }
  if (load<u8>(mapping, MAPPING_FLAGS_AT) & MAPPING_FLAG_DROPPED) {
    skip(i, SKIP_UNASKED);
    return SKIPPED;
  }
  if (losesReply(i, mapping)) return SKIPPED;
  touchMapping(mapping, load<u64>(control, CONTROL_CLOCK_AT));
  build(p, mapping);
  const at = (<usize>i) << 2;
  store<u16>(slotFlags + ((<usize>i) << 1), load<u16>(slotFlags + ((<usize>i) << 1)) | SLOT_BUILT);
  if (givenAt) {
    const offset = load<u32>(offsets + at);
    memory.copy(givenAt + offset, arenaAt + offset, load<u32>(captureds + at));
  }
  return TAKEN;
}

function build(p: Parsed, mapping: usize): void {
  const isError = p.kind == KIND_ICMP_ERROR;
  if (p.isIpv6) return isError ? buildError6(p, mapping) : buildPlain6(p, mapping);
  if (isError) buildError(p, mapping);
  else buildPlain(p, mapping);
}

/** Gives the batch to the engine and learns from its verdicts. @returns OK or an ERROR_* of the engine */
function flush(): i32 {
  const count = size;
  size = 0;
  batch++;
  if (count == 0) return 0;
  for (let left = count; left > 0; ) {
    const code = process(left);
    if (code <= 0) return code;
    const taken = <u32>code;
    learnAll(taken);
    left -= taken;
    // What was released by time alone is dropped, whenever that comes: the rest need not wait for it.
    if (!left) break;
    memory.copy(engineFrames, engineFrames + <usize>taken * FRAME_SIZE, <usize>left * FRAME_SIZE);
    memory.copy(pendingAt, pendingAt + <usize>taken * PENDING_SIZE, <usize>left * PENDING_SIZE);
  }
  putField(CONTROL_GIVEN_COUNT_AT, field(CONTROL_GIVEN_COUNT_AT) + count);
  putField(CONTROL_BATCHES_AT, field(CONTROL_BATCHES_AT) + 1);
  limit = nextLimit();
  return 0;
}

/** @param count frames from the start of the batch that the engine has just taken */
function learnAll(count: u32): void {
  let record = engineFrames;
  let verdict = engineVerdicts;
  let pending = pendingAt;
  for (let k: u32 = 0; k < count; k++) {
    note(load<u32>(pending, PENDING_SLOT_AT), verdict);
    if (load<u32>(pending, PENDING_KIND_AT) != PENDING_KIND_OTHER)
      learn(pending, verdict, load<u64>(record, FRAME_TIME_AT));
    record += FRAME_SIZE;
    verdict += VERDICT_SIZE;
    pending += PENDING_SIZE;
  }
}
