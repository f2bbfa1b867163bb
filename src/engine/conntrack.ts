import * as abi from "../../assembly/abi.js";
import { formatAddress } from "../net/address.js";

/** What the conntrack table consists of: its lines, and the IPv6 addresses that they refer to by number. */
export interface ConntrackBytes {
  readonly lines: Uint8Array;
  readonly addresses: Uint8Array;
}

/** One line of the conntrack table: a connection's key as its frames show it at one hook, and what is done to them there. */
export interface ConntrackLine {
  readonly slot: number;
  /** HOOK_* at which frames show this key. */
  readonly hook: number;
  /** IP protocol number: 58 for ICMPv6. */
  readonly protocol: number;
  /** Addresses as text and host-order ports as in the frame; ICMP: the identifier stands for the requester's port. */
  readonly src: string;
  readonly srcPort: number;
  readonly dst: string;
  readonly dstPort: number;
  /** STATE_* bits, TIMEOUT_* class and row of the lifetime table. */
  readonly state: number;
  readonly lifetimeClass: number;
  readonly lifetimeRow: number;
  /** LINE_FLAG_* bits. */
  readonly flags: number;
  /** What is written instead: source at from-endpoint, destination at from-network. Translated connections only. */
  readonly address: string;
  readonly port: number;
  /** REASON_* under which a connection that is not translated passes; 0 for translated ones. */
  readonly reason: number;
  /** Index of the egress that the connection is pinned to; translated connections only. */
  readonly egress: number;
  /** Policy index on the endpoint's side, FNV-1a-32 of the endpoint's UID on the network's side. */
  readonly owner: number;
  /** When the connection was made, coarse milliseconds of virtual time; from-network line of translated connections only, else 0. */
  readonly createdMs: number;
  /** Last frame on this line, coarse milliseconds of virtual time. */
  readonly seenMs: number;
  readonly packets: number;
  /** On the wire. */
  readonly bytes: number;
}

const ICMP = 1;
const ICMPV6 = 58;

/** A connection: the line of its original direction and the line of its replies. */
export interface Connection {
  readonly original: ConntrackLine;
  readonly reply: ConntrackLine;
}

/**
 * The connections of a conntrack table (`Engine.conntrack()`, or a piece of a saved state), in slot order: the order is that of the
 * hash table and means nothing. A connection that has expired shows until the engine removes it (`Engine.advance` does).
 */
export function* connections({ lines, addresses }: ConntrackBytes): Generator<Connection> {
  const view = new DataView(lines.buffer, lines.byteOffset, lines.byteLength);
  const slots = Math.floor(lines.byteLength / abi.LINE_SIZE);
  for (let slot = 0; slot < slots; slot++) {
    const at = slot * abi.LINE_SIZE;
    if (view.getUint8(at + abi.LINE_HOOK_AT) === 0) continue;
    if (!(view.getUint8(at + abi.LINE_FLAGS_AT) & abi.LINE_FLAG_PRIMARY)) continue;
    const pair = view.getUint32(at + abi.LINE_PAIR_AT, true);
    if (pair < slots) yield { original: readLine(view, slot, addresses), reply: readLine(view, pair, addresses) };
  }
}

/**
 * Zeroes the field that the engine's prefetch scribbles on and nobody reads, so that equal tables have equal bytes whatever the batch
 * size was. Lines that are clean are only read: untouched memory stays untouched.
 */
export function clearTouches(table: Uint8Array): void {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  for (let at = abi.LINE_TOUCH_AT; at + 2 <= table.byteLength; at += abi.LINE_SIZE) {
    if (view.getUint16(at, true) !== 0) view.setUint16(at, 0, true);
  }
}

function readLine(view: DataView, slot: number, addresses: Uint8Array): ConntrackLine {
  const at = slot * abi.LINE_SIZE;
  const hook = view.getUint8(at + abi.LINE_HOOK_AT);
  const isIpv6 = (hook & abi.LINE_HOOK_IPV6) !== 0;
  const protocol = view.getUint8(at + abi.LINE_PROTOCOL_AT);
  const addressAt = (field: number) =>
    isIpv6 ? numbered(addresses, view.getUint32(field, true)) : quadAt(view, field);
  const flags = view.getUint8(at + abi.LINE_FLAGS_AT);
  const isTranslated = (flags & abi.LINE_FLAG_TRANSLATED) !== 0;
  return {
    slot,
    hook: hook & abi.LINE_HOOK_MASK,
    protocol: isIpv6 && protocol === ICMP ? ICMPV6 : protocol,
    src: addressAt(at + abi.LINE_SRC_AT),
    srcPort: view.getUint16(at + abi.LINE_PORTS_AT),
    dst: addressAt(at + abi.LINE_DST_AT),
    dstPort: view.getUint16(at + abi.LINE_PORTS_AT + 2),
    state: view.getUint8(at + abi.LINE_STATE_AT),
    lifetimeClass: view.getUint8(at + abi.LINE_CLASS_AT),
    lifetimeRow: view.getUint8(at + abi.LINE_TIMEOUT_ROW_AT),
    flags,
    address: isTranslated ? addressAt(at + abi.LINE_ADDRESS_AT) : quadAt(view, at + abi.LINE_ADDRESS_AT),
    port: isTranslated ? view.getUint16(at + abi.LINE_PORT_AT) : 0,
    reason: isTranslated ? abi.REASON_NONE : view.getUint16(at + abi.LINE_PORT_AT, true),
    egress: view.getUint16(at + abi.LINE_EGRESS_AT, true),
    owner: view.getUint32(at + abi.LINE_OWNER_AT, true),
    createdMs: isTranslated && !(flags & abi.LINE_FLAG_PRIMARY) ? view.getUint32(at + abi.LINE_ACK_AT, true) : 0,
    seenMs: view.getUint32(at + abi.LINE_SEEN_AT, true),
    packets: view.getUint32(at + abi.LINE_PACKETS_AT, true),
    bytes:
      view.getUint32(at + abi.LINE_BYTES_AT + 4, true) * 0x1_0000_0000 + view.getUint32(at + abi.LINE_BYTES_AT, true),
  };
}

/** Text of an address row; a number that there is no row of (a state cut by hand, or a pin that has none yet) reads as `::`. */
function numbered(addresses: Uint8Array, number: number): string {
  const at = number * abi.ADDRESS_SIZE;
  return number > 0 && at + abi.ADDRESS_SIZE <= addresses.length
    ? formatAddress(addresses.subarray(at, at + 16))
    : "::";
}

function quadAt(view: DataView, at: number): string {
  return `${view.getUint8(at)}.${view.getUint8(at + 1)}.${view.getUint8(at + 2)}.${view.getUint8(at + 3)}`;
}
