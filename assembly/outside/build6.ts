import { be16 } from "../wire/bytes";
import { applyDelta, applyPartialDelta, applyUdpDelta, combine, delta128 } from "../wire/checksum";
import { hasPorts, PROTOCOL_ICMP, PROTOCOL_ICMP6, zeroMeansNone } from "../wire/ipv4";
import {
  IPV6_DST_AT,
  IPV6_HOP_LIMIT_AT,
  IPV6_PAYLOAD_LENGTH_AT,
  IPV6_SIZE,
  IPV6_SRC_AT,
  isLaterPart,
  isPart,
  lastAt,
  lastProtocol,
  WALKED,
  walkHeaders,
  walkPart,
} from "../wire/ipv6";
import { checksumAt, PARSED_LATER, PARSED_NO_CHECKSUM, Parsed } from "../wire/parse";
import { rewriteQuoted } from "../wire/quoted";
import { ICMP_CHECKSUM_AT, ICMP_ID_AT, ICMP_SIZE, ICMP6_ECHO_REQUEST } from "../wire/transport";
import { putPort } from "./build";
import { MAPPING_ADDRESS_AT, MAPPING_FLAG_HOP, MAPPING_FLAGS_AT, MAPPING_NAT_PORT_AT, WIDE_PROTOCOL } from "./layout";
import { findWide, wideBytes } from "./wide";

// The same as build.ts for IPv6, where no header has a checksum and every transport checksum covers the addresses (RFC 8200 section 8.1).

const HOP_LIMIT_MAX: u32 = 255;
/** What must be quoted of a transport header. */
const NEEDED: u32 = 8;

/** @returns what that adds to a checksum which covers it */
function putAddress(at: usize, mapping: usize): u32 {
  const address = wideBytes(load<u32>(mapping, MAPPING_ADDRESS_AT));
  const change = delta128(at, address);
  store<u64>(at, load<u64>(address));
  store<u64>(at, load<u64>(address, 8), 8);
  return change;
}

/** Destination address and hop limit of the frame's own header. @returns the change of the address */
function rewriteDestination(l3: usize, mapping: usize): u32 {
  const limit = <u32>load<u8>(l3, IPV6_HOP_LIMIT_AT);
  if (load<u8>(mapping, MAPPING_FLAGS_AT) & MAPPING_FLAG_HOP && limit < HOP_LIMIT_MAX)
    store<u8>(l3, <u8>(limit + 1), IPV6_HOP_LIMIT_AT);
  return putAddress(l3 + IPV6_DST_AT, mapping);
}

/** What answers a connection, but an error. */
export function buildPlain6(p: Parsed, mapping: usize): void {
  const addressChange = rewriteDestination(p.l3, mapping);
  if (p.flags & PARSED_LATER) return;
  const protocol = p.protocol;
  const portChange = putPort(p, load<u16>(mapping, MAPPING_NAT_PORT_AT));
  if (p.flags & PARSED_NO_CHECKSUM) return;
  const at = checksumAt(p);
  if (at == 0) return;
  const checksum = <u32>load<u16>(at);
  const change = combine(addressChange, portChange);
  if (p.isPartial) store<u16>(at, <u16>applyPartialDelta(checksum, addressChange));
  else if (zeroMeansNone(protocol)) store<u16>(at, <u16>applyUdpDelta(checksum, change));
  else store<u16>(at, <u16>applyDelta(checksum, change));
}

/** The connection that an ICMPv6 error to an endpoint is about, as `innerConnection6` found it, by numbers. */
export let inner6Addresses: u64 = 0;
export let inner6Ports: u32 = 0;
export let inner6Protocol: u32 = 0;
/** Transport header of the quoted packet, and its IP protocol number. */
let innerL4: usize = 0;
let innerNext: u32 = 0;
/** It is the first fragment of the quoted packet. */
let innerIsPart: bool = false;

/** The same as `innerConnection`. */
export function innerConnection6(p: Parsed): bool {
  const inner = p.l4 + ICMP_SIZE;
  if (inner + IPV6_SIZE + NEEDED > p.end || load<u8>(inner) >> 4 != 6) return false;
  let walked = walkHeaders(inner, p.end, p.end);
  if (isLaterPart()) return false;
  innerIsPart = isPart;
  if (innerIsPart) walked = walkPart(p.end, p.end);
  if (walked != WALKED || isPart || lastAt + NEEDED > p.end) return false;
  if (memory.compare(p.l3 + IPV6_DST_AT, inner + IPV6_SRC_AT, 16) != 0) return false;
  innerL4 = lastAt;
  innerNext = lastProtocol;
  const isEcho = innerNext == PROTOCOL_ICMP6;
  if (innerNext == PROTOCOL_ICMP) return false;
  if (!isEcho) inner6Ports = hasPorts(innerNext) ? load<u32>(innerL4) : 0;
  else if (load<u8>(innerL4) == ICMP6_ECHO_REQUEST) inner6Ports = load<u16>(innerL4, ICMP_ID_AT);
  else return false;
  inner6Protocol = (isEcho ? PROTOCOL_ICMP : innerNext) | WIDE_PROTOCOL;
  inner6Addresses = <u64>findWide(inner + IPV6_SRC_AT) | ((<u64>findWide(inner + IPV6_DST_AT)) << 32);
  return true;
}

/** An ICMPv6 error whose quoted packet `innerConnection6` has read: both headers as they were in front of the gateway. */
export function buildError6(p: Parsed, mapping: usize): void {
  const addressChange = putAddress(p.l4 + ICMP_SIZE + IPV6_SRC_AT, mapping);
  const port = <u32>load<u16>(mapping, MAPPING_NAT_PORT_AT);
  const end = p.l3 + IPV6_SIZE + be16(p.l3 + IPV6_PAYLOAD_LENGTH_AT);
  let sum = combine(
    addressChange,
    rewriteQuoted(innerNext, innerL4, 0, port, addressChange, p.end, end, quotedLength(p)),
  );
  sum = combine(sum, rewriteDestination(p.l3, mapping));
  const at = p.l4 + ICMP_CHECKSUM_AT;
  store<u16>(at, <u16>applyDelta(load<u16>(at), sum));
}

/** Bytes of the quoted packet from its transport header on, when it was sent; 0 = not known. */
function quotedLength(p: Parsed): u32 {
  if (innerIsPart) return 0;
  const inner = p.l4 + ICMP_SIZE;
  return <u32>(inner + IPV6_SIZE + be16(inner + IPV6_PAYLOAD_LENGTH_AT) - innerL4);
}
