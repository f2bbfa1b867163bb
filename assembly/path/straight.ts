import {
  ACTION_REVERSE,
  ACTION_SNAT,
  ADDRESS_SIZE,
  EGRESS_STATS_BYTES_AT,
  EGRESS_STATS_FRAMES_AT,
  EGRESS_STATS_REPLIES_AT,
  EGRESS_STATS_REPLY_BYTES_AT,
  EGRESS_STATS_SIZE,
  HOOK_FROM_ENDPOINT,
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
} from "../abi";
import { addressRow } from "../tables/addresses";
import { find } from "../tables/conntrack";
import { TCP_CONTROL } from "../tables/lifetime";
import { applyDelta, applyUdpDelta } from "../wire/checksum";
import { IPV4_CHECKSUM_AT, IPV4_DST_AT, IPV4_SRC_AT, IPV4_TTL_AT, PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ipv4";
import { IPV6_DST_AT, IPV6_HOP_LIMIT_AT, IPV6_SRC_AT } from "../wire/ipv6";
import { KEY_MASK, PARSED_IPV6, Parsed } from "../wire/parse";
import { TCP_ACK_AT, TCP_CHECKSUM_AT, UDP_CHECKSUM_AT } from "../wire/transport";
import { Verdict } from "./verdict";

const STRAIGHT: u32 = LINE_FLAG_STEADY | LINE_FLAG_TRANSLATED;

/**
 * The straight line: a TCP or UDP frame of a live translated connection that changes nothing about it but its age. All that is done for
 * it is one piece of code without calls. It is a short cut only: `fromEndpoint` and `fromNetwork` come to the same for every frame.
 * Static methods, as only those may carry the decorator that puts them into their caller.
 */
export class Straight {
  /** The line of a frame's key, or 0. */
  @inline static find(p: Parsed): usize {
    const line = p.line;
    if ((load<u64>(line, LINE_PORTS_AT) & KEY_MASK) == p.key && load<u64>(line, LINE_SRC_AT) == p.addresses)
      return line;
    return find(p.home, p.addresses, p.key);
  }

  /** The line of an IPv6 frame where it is the likely one, else 0. @param addresses rows of those that have numbers */
  @inline static likely6(p: Parsed, addresses: usize): usize {
    const line = p.line;
    if ((load<u64>(line, LINE_PORTS_AT) & KEY_MASK) != p.key) return 0;
    const l3 = p.l3;
    const src = addresses + <usize>load<u32>(line, LINE_SRC_AT) * ADDRESS_SIZE;
    const dst = addresses + <usize>load<u32>(line, LINE_DST_AT) * ADDRESS_SIZE;
    const isSource =
      load<u64>(src) == load<u64>(l3, IPV6_SRC_AT) && load<u64>(src, 8) == load<u64>(l3, IPV6_SRC_AT + 8);
    const isDestination =
      load<u64>(dst) == load<u64>(l3, IPV6_DST_AT) && load<u64>(dst, 8) == load<u64>(l3, IPV6_DST_AT + 8);
    return isSource && isDestination ? line : 0;
  }

  /** True where frame and line are of the simple kind. @param timeouts the lifetime table */
  @inline static holds(p: Parsed, line: usize, now: u32, epoch: u32, timeouts: usize): bool {
    return p.isQuiet(0, TCP_CONTROL) && Straight.lives(p, line, now, epoch, timeouts, load<u8>(p.l3, IPV4_TTL_AT));
  }

  /** The same for IPv6. */
  @inline static holds6(p: Parsed, line: usize, now: u32, epoch: u32, timeouts: usize): bool {
    return (
      p.isQuiet(PARSED_IPV6, TCP_CONTROL) &&
      Straight.lives(p, line, now, epoch, timeouts, load<u8>(p.l3, IPV6_HOP_LIMIT_AT))
    );
  }

  /** @param ttl of the frame, or hop limit */
  @inline static lives(p: Parsed, line: usize, now: u32, epoch: u32, timeouts: usize, ttl: u32): bool {
    const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
    if ((flags & STRAIGHT) != STRAIGHT) return false;
    const row = <usize>load<u8>(line, LINE_TIMEOUT_ROW_AT) * TIMEOUT_ROW_SIZE;
    const lifetime = load<u32>(timeouts + row + ((<usize>load<u8>(line, LINE_CLASS_AT)) << 2));
    if (now - load<u32>(line, LINE_SEEN_AT) >= lifetime) return false;
    if (load<u32>(line, LINE_EPOCH_AT) != epoch) return false;
    if (p.protocol != PROTOCOL_TCP && p.protocol != PROTOCOL_UDP) return false;
    return !(flags & LINE_FLAG_HOP) || ttl > 1;
  }

  /** Ages, counts and rewrites. @param stats region of the egress statistics   @param captured bytes of the frame */
  @inline static translate(p: Parsed, line: usize, v: Verdict, captured: u32, now: u32, stats: usize): void {
    Straight.age(p, line, now);
    const l3 = p.l3;
    const l4 = p.l4;
    const hop = (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_HOP) != 0;
    if (hop) store<u8>(l3, load<u8>(l3, IPV4_TTL_AT) - 1, IPV4_TTL_AT);
    const ipDelta = <u32>load<u16>(line, LINE_IP_DELTA_AT);
    store<u16>(l3, <u16>applyDelta(load<u16>(l3, IPV4_CHECKSUM_AT), ipDelta), IPV4_CHECKSUM_AT);
    Straight.sum(p, l4, line);
    const flags: u32 = hop ? VERDICT_FLAG_HOP : 0;
    const address = load<u32>(line, LINE_ADDRESS_AT);
    const port = <u32>load<u16>(line, LINE_PORT_AT);
    const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
    if (p.hook == HOOK_FROM_ENDPOINT) {
      store<u32>(l3, address, IPV4_SRC_AT);
      Straight.sent(p, l4, line, port, egress, stats);
      v.whole(ACTION_SNAT, flags, captured, egress, port, 0, Verdict.mapped(address));
    } else {
      store<u32>(l3, address, IPV4_DST_AT);
      Straight.replied(p, l4, port, egress, stats);
      v.whole(ACTION_REVERSE, flags, captured, egress, p.ports >> 16, 0, Verdict.mapped(<u32>(p.addresses >> 32)));
    }
  }

  /** The same for IPv6. */
  @inline static translate6(p: Parsed, line: usize, v: Verdict, captured: u32, now: u32, stats: usize): void {
    Straight.age(p, line, now);
    const l3 = p.l3;
    const l4 = p.l4;
    const hop = (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_HOP) != 0;
    if (hop) store<u8>(l3, load<u8>(l3, IPV6_HOP_LIMIT_AT) - 1, IPV6_HOP_LIMIT_AT);
    Straight.sum(p, l4, line);
    const flags: u32 = hop ? VERDICT_FLAG_HOP : 0;
    const row = addressRow(load<u32>(line, LINE_ADDRESS_AT));
    const first = load<u64>(row);
    const second = load<u64>(row, 8);
    const port = <u32>load<u16>(line, LINE_PORT_AT);
    const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
    if (p.hook == HOOK_FROM_ENDPOINT) {
      store<u64>(l3, first, IPV6_SRC_AT);
      store<u64>(l3, second, IPV6_SRC_AT + 8);
      Straight.sent(p, l4, line, port, egress, stats);
      v.whole(ACTION_SNAT, flags, captured, egress, port, first, second);
    } else {
      const own = load<u64>(l3, IPV6_DST_AT);
      const ownRest = load<u64>(l3, IPV6_DST_AT + 8);
      store<u64>(l3, first, IPV6_DST_AT);
      store<u64>(l3, second, IPV6_DST_AT + 8);
      Straight.replied(p, l4, port, egress, stats);
      v.whole(ACTION_REVERSE, flags, captured, egress, p.ports >> 16, own, ownRest);
    }
  }

  @inline static age(p: Parsed, line: usize, now: u32): void {
    store<u32>(line, now, LINE_SEEN_AT);
    store<u64>(line, load<u64>(line, LINE_BYTES_AT) + p.wire, LINE_BYTES_AT);
    store<u32>(line, load<u32>(line, LINE_PACKETS_AT) + 1, LINE_PACKETS_AT);
  }

  /** The transport checksum. */
  @inline static sum(p: Parsed, l4: usize, line: usize): void {
    const delta = <u32>load<u16>(line, LINE_L4_DELTA_AT);
    if (p.protocol == PROTOCOL_TCP)
      store<u16>(l4, <u16>applyDelta(load<u16>(l4, TCP_CHECKSUM_AT), delta), TCP_CHECKSUM_AT);
    else store<u16>(l4, <u16>applyUdpDelta(load<u16>(l4, UDP_CHECKSUM_AT), delta), UDP_CHECKSUM_AT);
  }

  /** The port of a frame that leaves, what it acknowledges, and the counters. */
  @inline static sent(p: Parsed, l4: usize, line: usize, port: u32, egress: u32, stats: usize): void {
    store<u16>(l4, <u16>port);
    if (p.protocol == PROTOCOL_TCP) store<u32>(line, load<u32>(l4, TCP_ACK_AT), LINE_ACK_AT);
    const row = stats + <usize>egress * EGRESS_STATS_SIZE;
    store<u64>(row, load<u64>(row, EGRESS_STATS_FRAMES_AT) + 1, EGRESS_STATS_FRAMES_AT);
    store<u64>(row, load<u64>(row, EGRESS_STATS_BYTES_AT) + p.wire, EGRESS_STATS_BYTES_AT);
  }

  /** The same of one that comes back. */
  @inline static replied(p: Parsed, l4: usize, port: u32, egress: u32, stats: usize): void {
    store<u16>(l4, <u16>port, 2);
    const row = stats + <usize>egress * EGRESS_STATS_SIZE;
    store<u64>(row, load<u64>(row, EGRESS_STATS_REPLIES_AT) + 1, EGRESS_STATS_REPLIES_AT);
    store<u64>(row, load<u64>(row, EGRESS_STATS_REPLY_BYTES_AT) + p.wire, EGRESS_STATS_REPLY_BYTES_AT);
  }
}
