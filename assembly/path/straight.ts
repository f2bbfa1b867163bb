import {
  ACTION_REVERSE,
  ACTION_SNAT,
  ADDRESS_SIZE,
  COUNTER_ACTIONS_AT,
  EGRESS_STATS_BYTES_AT,
  EGRESS_STATS_FRAMES_AT,
  EGRESS_STATS_REPLIES_AT,
  EGRESS_STATS_REPLY_BYTES_AT,
  EGRESS_STATS_SIZE,
  FRAME_CAPTURED_AT,
  FRAME_SIZE,
  FRAME_TIME_AT,
  LINE_ACK_AT,
  LINE_ADDRESS_AT,
  LINE_BYTES_AT,
  LINE_CLASS_AT,
  LINE_DST_AT,
  LINE_EGRESS_AT,
  LINE_EPOCH_AT,
  LINE_FLAG_HOP,
  LINE_FLAG_STEADY,
  LINE_FLAG_TRANSLATED,
  LINE_FLAGS_AT,
  LINE_IP_DELTA_AT,
  LINE_L4_DELTA_AT,
  LINE_PACKETS_AT,
  LINE_PORT_AT,
  LINE_PORTS_AT,
  LINE_SEEN_AT,
  LINE_SRC_AT,
  LINE_TIMEOUT_ROW_AT,
  TIMEOUT_ROW_SIZE,
  VERDICT_FLAG_HOP,
  VERDICT_SIZE,
} from "../abi";
import { epoch, nextTick, nowMs } from "../tables/clock";
import { countMany } from "../tables/counters";
import { TCP_CONTROL } from "../tables/lifetime";
import { addressesAt, egressStatsAt } from "../tables/memory";
import { timeoutsAt } from "../tables/policy";
import { applyDelta, applyUdpDelta } from "../wire/checksum";
import { IPV4_CHECKSUM_AT, IPV4_DST_AT, IPV4_SRC_AT, IPV4_TTL_AT } from "../wire/ipv4";
import { IPV6_DST_AT, IPV6_HOP_LIMIT_AT, IPV6_SRC_AT } from "../wire/ipv6";
import { KEY_MASK, KIND_PLAIN, KIND_PLAIN6, PARSED_IPV6, Parsed } from "../wire/parse";
import { TCP_ACK_AT, TCP_CHECKSUM_AT, UDP_CHECKSUM_AT } from "../wire/transport";
import { Verdict } from "./verdict";

// The straight line of pass 2: TCP and UDP frames of live translated connections that change nothing about them but their age. A loop for each
// family, without a call in it, which ends before the first frame that is anything else; what it needs stays in registers. It is a short
// cut only: `fromEndpoint` and `fromNetwork` come to the same for every frame.

const STRAIGHT: u32 = LINE_FLAG_STEADY | LINE_FLAG_TRANSLATED;

/** Bits of a key that stand above those that a line's own word has: what is left of the two when these are shifted out. */
const KEY_SHIFT: u64 = <u64>clz<u64>(KEY_MASK);

/** How far LINE_FLAG_HOP stands up, and VERDICT_FLAG_HOP in the first word of a verdict. */
const LINE_HOP_SHIFT: u32 = ctz<u32>(LINE_FLAG_HOP);
const VERDICT_HOP_SHIFT: u32 = 16 + ctz<u32>(VERDICT_FLAG_HOP);

/** Static methods, as only those may carry the decorator that puts them into their caller. */
export class Straight {
  /** True for an IPv4 frame that changes nothing about the connection that it may belong to. */
  @inline static mayPass(p: Parsed): bool {
    return p.isQuiet(KIND_PLAIN, 0, TCP_CONTROL);
  }

  /** The same of an IPv6 frame. */
  @inline static mayPass6(p: Parsed): bool {
    return p.isQuiet(KIND_PLAIN6, PARSED_IPV6, TCP_CONTROL);
  }

  /** True for the line of an IPv4 frame's key. */
  @inline static isOf(line: usize, p: Parsed): bool {
    const rest = (load<u64>(line, LINE_PORTS_AT) ^ p.key) << KEY_SHIFT;
    return (rest | (load<u64>(line, LINE_SRC_AT) ^ p.addresses)) == 0;
  }

  /** The same of an IPv6 frame. @param rows of addresses that have numbers */
  @inline static isOf6(line: usize, p: Parsed, rows: usize): bool {
    if ((load<u64>(line, LINE_PORTS_AT) ^ p.key) << KEY_SHIFT) return false;
    const l3 = p.l3;
    const src = rows + <usize>load<u32>(line, LINE_SRC_AT) * ADDRESS_SIZE;
    const dst = rows + <usize>load<u32>(line, LINE_DST_AT) * ADDRESS_SIZE;
    const high = (load<u64>(src) ^ load<u64>(l3, IPV6_SRC_AT)) | (load<u64>(dst) ^ load<u64>(l3, IPV6_DST_AT));
    const low =
      (load<u64>(src, 8) ^ load<u64>(l3, IPV6_SRC_AT + 8)) | (load<u64>(dst, 8) ^ load<u64>(l3, IPV6_DST_AT + 8));
    return (high | low) == 0;
  }

  /** True where a line's lifetime has passed at coarse time `now`. @param timeouts the lifetime table */
  @inline static isSilent(line: usize, now: u32, timeouts: usize): bool {
    const row = timeouts + <usize>load<u8>(line, LINE_TIMEOUT_ROW_AT) * TIMEOUT_ROW_SIZE;
    const lifetime = load<u32>(row + ((<usize>load<u8>(line, LINE_CLASS_AT)) << 2));
    return now - load<u32>(line, LINE_SEEN_AT) >= lifetime;
  }

  /** True where frames that change nothing may pass straight by a line. */
  @inline static isSteady(line: usize): bool {
    return (<u32>load<u8>(line, LINE_FLAGS_AT) & STRAIGHT) == STRAIGHT;
  }

  /** True for such a line, decided under this epoch and alive at coarse time `now`. @param flags of it   @param timeouts the lifetime table */
  @inline static stands(line: usize, flags: u32, now: u32, epoch: u32, timeouts: usize): bool {
    if (((flags & STRAIGHT) ^ STRAIGHT) | (load<u32>(line, LINE_EPOCH_AT) ^ epoch)) return false;
    return !Straight.isSilent(line, now, timeouts);
  }

  @inline static age(line: usize, wire: u32, now: u32): void {
    store<u32>(line, now, LINE_SEEN_AT);
    store<u64>(line, load<u64>(line, LINE_BYTES_AT) + wire, LINE_BYTES_AT);
    store<u32>(line, load<u32>(line, LINE_PACKETS_AT) + 1, LINE_PACKETS_AT);
  }

  /** The transport checksum. */
  @inline static sum(isTcp: bool, l4: usize, line: usize): void {
    const delta = <u32>load<u16>(line, LINE_L4_DELTA_AT);
    if (isTcp) store<u16>(l4, <u16>applyDelta(load<u16>(l4, TCP_CHECKSUM_AT), delta), TCP_CHECKSUM_AT);
    else store<u16>(l4, <u16>applyUdpDelta(load<u16>(l4, UDP_CHECKSUM_AT), delta), UDP_CHECKSUM_AT);
  }

  /** The port of a frame that leaves, what it acknowledges, and the counters. @param row of the egress statistics */
  @inline static sent(isTcp: bool, l4: usize, line: usize, wire: u32, row: usize): void {
    store<u16>(l4, load<u16>(line, LINE_PORT_AT));
    if (isTcp) store<u32>(line, load<u32>(l4, TCP_ACK_AT), LINE_ACK_AT);
    store<u64>(row, load<u64>(row, EGRESS_STATS_FRAMES_AT) + 1, EGRESS_STATS_FRAMES_AT);
    store<u64>(row, load<u64>(row, EGRESS_STATS_BYTES_AT) + wire, EGRESS_STATS_BYTES_AT);
  }

  /** The same of one that comes back. */
  @inline static replied(l4: usize, line: usize, wire: u32, row: usize): void {
    store<u16>(l4, load<u16>(line, LINE_PORT_AT), 2);
    store<u64>(row, load<u64>(row, EGRESS_STATS_REPLIES_AT) + 1, EGRESS_STATS_REPLIES_AT);
    store<u64>(row, load<u64>(row, EGRESS_STATS_REPLY_BYTES_AT) + wire, EGRESS_STATS_REPLY_BYTES_AT);
  }
}

function countStraight(sent: u32, replied: u32): void {
  countMany(COUNTER_ACTIONS_AT + ACTION_SNAT * 8, sent);
  countMany(COUNTER_ACTIONS_AT + ACTION_REVERSE * 8, replied);
}

/**
 * Ages, counts and rewrites, for engines without a node of their own. The sweep is not due before they have passed.
 * @param slots as `Parsed.at` has it   @returns how many frames from the first one on are IPv4 and straight, before time moves on
 */
export function passStraight(record: usize, slots: usize, verdict: usize, size: u32): u32 {
  const timeouts = timeoutsAt;
  const stats = egressStatsAt;
  const next = nextTick();
  const now = nowMs();
  const age = epoch();
  const end = record + size * FRAME_SIZE;
  let at = record;
  let replied: u32 = 0;
  for (; at < end; at += FRAME_SIZE) {
    const p = Parsed.at(slots, at);
    if (load<u64>(at, FRAME_TIME_AT) >= next) break;
    if (!Straight.mayPass(p)) break;
    const line = p.line;
    if (!Straight.isOf(line, p)) break;
    const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
    if (!Straight.stands(line, flags, now, age, timeouts)) break;
    const l3 = p.l3;
    const hop = (flags >> LINE_HOP_SHIFT) & 1;
    const ttl = <u32>load<u8>(l3, IPV4_TTL_AT);
    if (hop & u32(ttl <= 1)) break;
    const wire = p.wire;
    Straight.age(line, wire, now);
    store<u8>(l3, <u8>(ttl - hop), IPV4_TTL_AT);
    const checksum = applyDelta(load<u16>(l3, IPV4_CHECKSUM_AT), load<u16>(line, LINE_IP_DELTA_AT));
    store<u16>(l3, <u16>checksum, IPV4_CHECKSUM_AT);
    const l4 = p.l4;
    Straight.sum(p.isTcp, l4, line);
    const address = load<u32>(line, LINE_ADDRESS_AT);
    const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
    const row = stats + <usize>egress * EGRESS_STATS_SIZE;
    const v = changetype<Verdict>(verdict);
    const captured = load<u32>(at, FRAME_CAPTURED_AT);
    if (p.isFromEndpoint) {
      store<u32>(l3, address, IPV4_SRC_AT);
      Straight.sent(p.isTcp, l4, line, wire, row);
      v.straight(ACTION_SNAT | (hop << VERDICT_HOP_SHIFT), captured, egress, line + LINE_PORT_AT);
      v.setAddress4(address);
    } else {
      store<u32>(l3, address, IPV4_DST_AT);
      Straight.replied(l4, line, wire, row);
      v.straight(ACTION_REVERSE | (hop << VERDICT_HOP_SHIFT), captured, egress, line + LINE_PORTS_AT + 2);
      v.setAddress4(load<u32>(line, LINE_DST_AT));
      replied++;
    }
    verdict += VERDICT_SIZE;
  }
  const taken = <u32>(at - record) / FRAME_SIZE;
  if (taken != 0) countStraight(taken - replied, replied);
  return taken;
}

/** The same for IPv6. */
export function passStraight6(record: usize, slots: usize, verdict: usize, size: u32): u32 {
  const timeouts = timeoutsAt;
  const stats = egressStatsAt;
  const rows = addressesAt;
  const next = nextTick();
  const now = nowMs();
  const age = epoch();
  const end = record + size * FRAME_SIZE;
  let at = record;
  let replied: u32 = 0;
  for (; at < end; at += FRAME_SIZE) {
    const p = Parsed.at(slots, at);
    if (load<u64>(at, FRAME_TIME_AT) >= next) break;
    if (!Straight.mayPass6(p)) break;
    const line = p.line;
    if (!Straight.isOf6(line, p, rows)) break;
    const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
    if (!Straight.stands(line, flags, now, age, timeouts)) break;
    const l3 = p.l3;
    const hop = (flags >> LINE_HOP_SHIFT) & 1;
    const hopLimit = <u32>load<u8>(l3, IPV6_HOP_LIMIT_AT);
    if (hop & u32(hopLimit <= 1)) break;
    const wire = p.wire;
    Straight.age(line, wire, now);
    store<u8>(l3, <u8>(hopLimit - hop), IPV6_HOP_LIMIT_AT);
    const l4 = p.l4;
    Straight.sum(p.isTcp, l4, line);
    const address = rows + <usize>load<u32>(line, LINE_ADDRESS_AT) * ADDRESS_SIZE;
    const high = load<u64>(address);
    const low = load<u64>(address, 8);
    const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
    const row = stats + <usize>egress * EGRESS_STATS_SIZE;
    const v = changetype<Verdict>(verdict);
    const captured = load<u32>(at, FRAME_CAPTURED_AT);
    if (p.isFromEndpoint) {
      store<u64>(l3, high, IPV6_SRC_AT);
      store<u64>(l3, low, IPV6_SRC_AT + 8);
      Straight.sent(p.isTcp, l4, line, wire, row);
      v.straight(ACTION_SNAT | (hop << VERDICT_HOP_SHIFT), captured, egress, line + LINE_PORT_AT);
      v.setAddress6(high, low);
    } else {
      v.setAddress6(load<u64>(l3, IPV6_DST_AT), load<u64>(l3, IPV6_DST_AT + 8));
      store<u64>(l3, high, IPV6_DST_AT);
      store<u64>(l3, low, IPV6_DST_AT + 8);
      Straight.replied(l4, line, wire, row);
      v.straight(ACTION_REVERSE | (hop << VERDICT_HOP_SHIFT), captured, egress, line + LINE_PORTS_AT + 2);
      replied++;
    }
    verdict += VERDICT_SIZE;
  }
  const taken = <u32>(at - record) / FRAME_SIZE;
  if (taken != 0) countStraight(taken - replied, replied);
  return taken;
}
