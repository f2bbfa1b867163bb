import {
  ACTION_DROP,
  ACTION_HOLD,
  ACTION_PASS,
  ACTION_REDIRECT,
  ACTION_REVERSE,
  COUNTER_ACTIONS_AT,
  COUNTER_REASONS_AT,
  NO_INDEX,
  REASON_FRAGMENT_WITHOUT_FIRST,
  REASON_GATEWAY_DOWN,
  VERDICT_ACTION_AT,
  VERDICT_EGRESS_AT,
  VERDICT_EGRESS_IP_AT,
  VERDICT_FLAG_RELEASE,
  VERDICT_FLAGS_AT,
  VERDICT_INNER_AT,
  VERDICT_LENGTH_AT,
  VERDICT_LIVE_AT,
  VERDICT_NAT_PORT_AT,
  VERDICT_NODE_AT,
  VERDICT_OLD_EGRESS_AT,
  VERDICT_REASON_AT,
  VERDICT_SIZE,
  VERDICT_TARGET_AT,
} from "../abi";
import { addressRow, isIpv6Line } from "../tables/addresses";
import { count } from "../tables/counters";
import { verdictsAt } from "../tables/memory";
import { be16 } from "../wire/bytes";
import { IPV4_MAPPED } from "../wire/parse";

/** The engine's answer for one frame. */
@unmanaged
export class Verdict {
  /** Starts a verdict: nothing said yet but the frame's length. */
  clear(length: u32): void {
    const at = changetype<usize>(this);
    store<u32>(at, 0, VERDICT_ACTION_AT);
    store<u32>(at, length, VERDICT_LENGTH_AT);
    store<u32>(at, NO_INDEX, VERDICT_EGRESS_AT);
    store<u32>(at, 0, VERDICT_NAT_PORT_AT);
    store<u64>(at, 0, VERDICT_EGRESS_IP_AT);
    store<u64>(at, 0, VERDICT_EGRESS_IP_AT + 8);
    store<u64>(at, 0, VERDICT_TARGET_AT);
    store<u64>(at, 0, VERDICT_TARGET_AT + 8);
  }

  /**
   * All of a translated frame's verdict but the egress IP, for the straight line; it counts the action itself.
   * @param first ACTION_*, no reason, VERDICT_FLAG_* << 16   @param portAt where the NAT port lies, in network order
   */
  @inline straight(first: u32, length: u32, egress: u32, portAt: usize): void {
    const at = changetype<usize>(this);
    store<u64>(at, <u64>first | ((<u64>length) << 32), VERDICT_ACTION_AT);
    const port = (<u64>be16(portAt)) << 32;
    store<u64>(at, <u64>egress | port, VERDICT_EGRESS_AT);
    store<u64>(at, 0, VERDICT_TARGET_AT);
    store<u64>(at, 0, VERDICT_TARGET_AT + 8);
  }

  /** @param address IPv4, network order bytes */
  @inline setAddress4(address: u32): void {
    const at = changetype<usize>(this);
    store<u64>(at, 0, VERDICT_EGRESS_IP_AT);
    store<u64>(at, <u64>IPV4_MAPPED | ((<u64>address) << 32), VERDICT_EGRESS_IP_AT + 8);
  }

  /** @param high, low the 8 bytes of each half, as they lie in memory */
  @inline setAddress6(high: u64, low: u64): void {
    const at = changetype<usize>(this);
    store<u64>(at, high, VERDICT_EGRESS_IP_AT);
    store<u64>(at, low, VERDICT_EGRESS_IP_AT + 8);
  }

  /** Adds VERDICT_FLAG_* bits. */
  flag(bits: u32): void {
    const at = changetype<usize>(this);
    store<u16>(at, <u16>(load<u16>(at, VERDICT_FLAGS_AT) | bits), VERDICT_FLAGS_AT);
  }

  set oldEgress(egress: u32) {
    store<u16>(changetype<usize>(this), <u16>egress, VERDICT_OLD_EGRESS_AT);
  }

  /** @param count translated connections, plus one */
  set live(count: u32) {
    store<u32>(changetype<usize>(this), count, VERDICT_LIVE_AT);
  }

  /** @param line of the connection   @param address egress IP as lines hold it   @param port NAT port as on the wire */
  translated(action: u32, egress: u32, line: usize, address: u32, port: u32): void {
    const at = changetype<usize>(this);
    store<u8>(at, <u8>action, VERDICT_ACTION_AT);
    store<u32>(at, egress, VERDICT_EGRESS_AT);
    store<u16>(at, bswap<u16>(<u16>port), VERDICT_NAT_PORT_AT);
    if (isIpv6Line(line)) this.setAddress6(load<u64>(addressRow(address)), load<u64>(addressRow(address), 8));
    else this.setAddress4(address);
    count(<usize>COUNTER_ACTIONS_AT + ((<usize>action) << 3));
  }

  private end(action: u32, reason: u32): void {
    const at = changetype<usize>(this);
    store<u8>(at, <u8>action, VERDICT_ACTION_AT);
    store<u8>(at, <u8>reason, VERDICT_REASON_AT);
    count(<usize>COUNTER_ACTIONS_AT + ((<usize>action) << 3));
    count(<usize>COUNTER_REASONS_AT + ((<usize>reason) << 3));
  }

  /** A drop that concerns no gateway. */
  drop(reason: u32): void {
    this.end(ACTION_DROP, reason);
  }

  /** A frame that is sent to the gateway of `egress`, which is dead. */
  lose(egress: u32): void {
    store<u32>(changetype<usize>(this), egress, VERDICT_EGRESS_AT);
    this.end(ACTION_DROP, REASON_GATEWAY_DOWN);
  }

  /** The connection leaves the gateway of `egress`, which is on another node. */
  release(egress: u32): void {
    this.flag(VERDICT_FLAG_RELEASE);
    this.oldEgress = egress;
  }

  /** Sent to another node. @param target its address, network order bytes   @param inner offset of the IP packet in the frame */
  redirected(egress: u32, node: u32, target: u32, inner: u32): void {
    const at = changetype<usize>(this);
    store<u8>(at, <u8>ACTION_REDIRECT, VERDICT_ACTION_AT);
    store<u32>(at, egress, VERDICT_EGRESS_AT);
    store<u32>(at, IPV4_MAPPED, VERDICT_TARGET_AT + 8);
    store<u32>(at, target, VERDICT_TARGET_AT + 12);
    store<u32>(at, inner, VERDICT_INNER_AT);
    store<u32>(at, node, VERDICT_NODE_AT);
    count(<usize>COUNTER_ACTIONS_AT + ACTION_REDIRECT * 8);
  }

  /** A fragment that the host keeps until its first one has come. @param number that the list of released frames will name */
  hold(number: u32): void {
    store<u32>(changetype<usize>(this), number, VERDICT_INNER_AT);
    this.end(ACTION_HOLD, REASON_FRAGMENT_WITHOUT_FIRST);
  }

  /** A reply that another node has translated back: delivered as it is. */
  delivered(): void {
    store<u8>(changetype<usize>(this), <u8>ACTION_REVERSE, VERDICT_ACTION_AT);
    count(<usize>COUNTER_ACTIONS_AT + ACTION_REVERSE * 8);
  }

  /** What was given is an overlay packet, of which the last `length` bytes from `inner` on are meant. */
  opened(inner: u32, length: u32): void {
    store<u32>(changetype<usize>(this), length, VERDICT_LENGTH_AT);
    store<u32>(changetype<usize>(this), inner, VERDICT_INNER_AT);
  }

  /** Of an overlay packet that was opened: where its inner frame starts. */
  get inner(): u32 {
    return load<u32>(changetype<usize>(this), VERDICT_INNER_AT);
  }

  get egress(): u32 {
    return load<u32>(changetype<usize>(this), VERDICT_EGRESS_AT);
  }

  get action(): u32 {
    return load<u8>(changetype<usize>(this), VERDICT_ACTION_AT);
  }

  get reason(): u32 {
    return load<u8>(changetype<usize>(this), VERDICT_REASON_AT);
  }

  /** Number of its frame in the batch. */
  get slot(): u32 {
    return <u32>(changetype<usize>(this) - verdictsAt) / VERDICT_SIZE;
  }

  /** NAT port, host order. */
  get natPort(): u32 {
    return load<u16>(changetype<usize>(this), VERDICT_NAT_PORT_AT);
  }

  pass(reason: u32): void {
    this.end(ACTION_PASS, reason);
  }
}
