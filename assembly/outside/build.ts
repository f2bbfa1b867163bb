import {
  applyDelta,
  applyPartialDelta,
  applyUdpDelta,
  combine,
  delta16,
  delta32,
  replaceChecksum,
} from "../wire/checksum";
import {
  hasPorts,
  IPV4_CHECKSUM_AT,
  IPV4_DST_AT,
  IPV4_MIN_SIZE,
  IPV4_SRC_AT,
  IPV4_TTL_AT,
  Ipv4,
  isPortless,
  PROTOCOL_ICMP,
  PROTOCOL_SCTP,
  zeroMeansNone,
} from "../wire/ipv4";
import {
  checksumAt,
  PARSED_LATER,
  PARSED_NO_CHECKSUM,
  PARSED_PARTIAL,
  Parsed,
  queryKey,
  transportLength,
} from "../wire/parse";
import { quotedLength, rewriteQuoted } from "../wire/quoted";
import { putSctpPort } from "../wire/sctp";
import { ICMP_CHECKSUM_AT, ICMP_ECHO_REQUEST, ICMP_ID_AT, ICMP_SIZE, ICMP_TIMESTAMP_REQUEST } from "../wire/transport";
import { MAPPING_ADDRESS_AT, MAPPING_FLAG_HOP, MAPPING_FLAGS_AT, MAPPING_NAT_PORT_AT } from "./layout";

// What the outside would have sent: a frame that an endpoint received, with the external tuple of its connection put back in place.
// Checksums are updated by difference (RFC 1624), so right stays right and wrong stays wrong by the same amount.

/** What one more hop adds to the word (TTL, protocol), as words lie in memory. */
const TTL_UP_DELTA: u32 = 1;
/** A TTL that nothing in front can have lowered: it stays, and is not compared. */
const TTL_MAX: u32 = 255;
/** RFC 792: at least 8 bytes of the quoted packet's data. */
const INNER_DATA: u32 = 8;

/** Destination address, TTL and header checksum of the frame's own IP header. @returns the change of the address */
function rewriteDestination(l3: usize, mapping: usize): u32 {
  const address = load<u32>(mapping, MAPPING_ADDRESS_AT);
  const change = delta32(load<u32>(l3, IPV4_DST_AT), address);
  store<u32>(l3, address, IPV4_DST_AT);
  let headerChange = change;
  const ttl = <u32>load<u8>(l3, IPV4_TTL_AT);
  if (load<u8>(mapping, MAPPING_FLAGS_AT) & MAPPING_FLAG_HOP && ttl < TTL_MAX) {
    store<u8>(l3, <u8>(ttl + 1), IPV4_TTL_AT);
    headerChange = combine(headerChange, TTL_UP_DELTA);
  }
  store<u16>(l3, <u16>applyDelta(load<u16>(l3, IPV4_CHECKSUM_AT), headerChange), IPV4_CHECKSUM_AT);
  return change;
}

/** Writes the destination port, or the identifier of an echo reply, where there is one, and SCTP's CRC. @returns its change */
export function putPort(p: Parsed, port: u32): u32 {
  const protocol = p.protocol;
  if (isPortless(protocol)) return 0;
  const at = protocol == PROTOCOL_ICMP ? p.l4 + ICMP_ID_AT : p.l4 + 2;
  const change = delta16(load<u16>(at), port);
  if (protocol != PROTOCOL_SCTP) store<u16>(at, <u16>port);
  else putSctpPort(p.l4, at, port, p.flags & (PARSED_NO_CHECKSUM | PARSED_PARTIAL) ? 0 : transportLength(p));
  return change;
}

/** What answers a connection, but an error. */
export function buildPlain(p: Parsed, mapping: usize): void {
  const addressChange = rewriteDestination(p.l3, mapping);
  if (p.flags & PARSED_LATER) return;
  const protocol = p.protocol;
  const portChange = putPort(p, load<u16>(mapping, MAPPING_NAT_PORT_AT));
  if (p.flags & PARSED_NO_CHECKSUM) return;
  const at = checksumAt(p);
  if (at == 0) return;
  const checksum = <u32>load<u16>(at);
  if (protocol == PROTOCOL_ICMP) store<u16>(at, <u16>applyDelta(checksum, portChange));
  else if (p.isPartial) store<u16>(at, <u16>applyPartialDelta(checksum, addressChange));
  else if (zeroMeansNone(protocol)) store<u16>(at, <u16>applyUdpDelta(checksum, combine(addressChange, portChange)));
  else store<u16>(at, <u16>applyDelta(checksum, combine(addressChange, portChange)));
}

/** The connection that an ICMP error to an endpoint is about, as `innerConnection` found it. */
export let innerAddresses: u64 = 0;
export let innerPorts: u32 = 0;
export let innerProtocol: u32 = 0;

/**
 * Reads the quoted packet of an ICMP error into `innerAddresses`, `innerPorts` and `innerProtocol`: the connection as its endpoint opened
 * it. @returns false where it cannot be read, or is not addressed to whom it quotes
 */
export function innerConnection(p: Parsed): bool {
  const inner = p.l4 + ICMP_SIZE;
  const outer = changetype<Ipv4>(p.l3);
  const ip = changetype<Ipv4>(inner);
  if (inner + IPV4_MIN_SIZE + INNER_DATA > p.end) return false;
  const headerLength = ip.headerLength;
  if (ip.version != 4 || headerLength < IPV4_MIN_SIZE || inner + headerLength + INNER_DATA > p.end) return false;
  if ((bswap<u16>(load<u16>(inner, 6)) & 0x1fff) != 0) return false;
  const stated = outer.totalLength;
  if (stated < outer.headerLength + ICMP_SIZE + headerLength + INNER_DATA) return false;
  if (load<u32>(p.l3, IPV4_DST_AT) != load<u32>(inner, IPV4_SRC_AT)) return false;
  const l4 = inner + headerLength;
  innerAddresses = ip.addresses;
  innerProtocol = ip.protocol;
  if (innerProtocol != PROTOCOL_ICMP) innerPorts = hasPorts(innerProtocol) ? load<u32>(l4) : 0;
  else if (isRequest(load<u8>(l4))) innerPorts = <u32>queryKey(load<u16>(l4, ICMP_ID_AT), load<u8>(l4), 0);
  else return false;
  return true;
}

function isRequest(type: u32): bool {
  return type == ICMP_ECHO_REQUEST || type == ICMP_TIMESTAMP_REQUEST;
}

/** An ICMP error whose quoted packet `innerConnection` has read: both headers as they were in front of the gateway. */
export function buildError(p: Parsed, mapping: usize): void {
  const inner = p.l4 + ICMP_SIZE;
  const l4 = inner + changetype<Ipv4>(inner).headerLength;
  const address = load<u32>(mapping, MAPPING_ADDRESS_AT);
  const addressChange = delta32(load<u32>(inner, IPV4_SRC_AT), address);
  store<u32>(inner, address, IPV4_SRC_AT);
  let sum = combine(addressChange, replaceChecksum(inner + IPV4_CHECKSUM_AT, addressChange));
  const port = <u32>load<u16>(mapping, MAPPING_NAT_PORT_AT);
  const end = p.l3 + changetype<Ipv4>(p.l3).totalLength;
  sum = combine(sum, rewriteQuoted(innerProtocol, l4, 0, port, addressChange, p.end, end, quotedLength(inner)));
  const at = p.l4 + ICMP_CHECKSUM_AT;
  store<u16>(at, <u16>applyDelta(load<u16>(at), sum));
  rewriteDestination(p.l3, mapping);
}
