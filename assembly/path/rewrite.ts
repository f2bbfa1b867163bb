import {
  HOOK_FROM_ENDPOINT,
  LINE_ADDRESS_AT,
  LINE_FLAG_HOP,
  LINE_FLAGS_AT,
  LINE_HOOK_AT,
  LINE_HOOK_MASK,
  LINE_IP_DELTA_AT,
  LINE_L4_DELTA_AT,
  LINE_PORT_AT,
  LINE_PORTS_AT,
} from "../abi";
import { addressRow } from "../tables/addresses";
import { applyDelta, applyPartialDelta, applyUdpDelta, delta32, delta128 } from "../wire/checksum";
import {
  IPV4_CHECKSUM_AT,
  IPV4_DST_AT,
  IPV4_SRC_AT,
  IPV4_TTL_AT,
  isPortless,
  PROTOCOL_ICMP,
  PROTOCOL_SCTP,
  zeroMeansNone,
} from "../wire/ipv4";
import { IPV6_DST_AT, IPV6_HOP_LIMIT_AT, IPV6_SRC_AT } from "../wire/ipv6";
import { checksumAt, PARSED_LATER, PARSED_NO_CHECKSUM, PARSED_PARTIAL, Parsed, transportLength } from "../wire/parse";
import { putSctpPort } from "../wire/sctp";
import { ICMP_ID_AT } from "../wire/transport";

// Rewriting in place. Only the source (from-endpoint) or destination (from-network) address and port or ICMP id, the TTL of a routed
// hop and the checksums over them change; every delta was computed when the connection was made (RFC 1624).

/** Address, TTL and IPv4 header checksum. The caller has checked that the TTL allows a hop. */
function rewriteIp(l3: usize, line: usize, fromEndpoint: bool): void {
  store<u32>(fromEndpoint ? l3 + IPV4_SRC_AT : l3 + IPV4_DST_AT, load<u32>(line, LINE_ADDRESS_AT));
  if (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_HOP) store<u8>(l3 + IPV4_TTL_AT, load<u8>(l3 + IPV4_TTL_AT) - 1);
  const at = l3 + IPV4_CHECKSUM_AT;
  store<u16>(at, <u16>applyDelta(load<u16>(at), load<u16>(line, LINE_IP_DELTA_AT)));
}

/** The same for IPv6, which has no checksum of its own. @param at the address in the header */
function rewriteIpv6(l3: usize, at: usize, line: usize): void {
  const row = addressRow(load<u32>(line, LINE_ADDRESS_AT));
  store<u64>(at, load<u64>(row));
  store<u64>(at, load<u64>(row, 8), 8);
  if (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_HOP)
    store<u8>(l3, load<u8>(l3, IPV6_HOP_LIMIT_AT) - 1, IPV6_HOP_LIMIT_AT);
}

/** A PLAIN frame by the line that it hit. */
export function rewrite(p: Parsed, line: usize): void {
  const fromEndpoint = p.hook == HOOK_FROM_ENDPOINT;
  const isIpv6 = p.isIpv6;
  const at = p.l3 + (isIpv6 ? (fromEndpoint ? IPV6_SRC_AT : IPV6_DST_AT) : fromEndpoint ? IPV4_SRC_AT : IPV4_DST_AT);
  const address = load<u32>(line, LINE_ADDRESS_AT);
  let addressDelta: u32 = 0;
  if (p.isPartial) addressDelta = isIpv6 ? delta128(at, addressRow(address)) : delta32(load<u32>(at), address);
  if (isIpv6) rewriteIpv6(p.l3, at, line);
  else rewriteIp(p.l3, line, fromEndpoint);
  if (p.flags & PARSED_LATER) return;
  const protocol = p.protocol;
  if (!isPortless(protocol)) {
    const portAt = protocol == PROTOCOL_ICMP ? p.l4 + ICMP_ID_AT : fromEndpoint ? p.l4 : p.l4 + 2;
    const port = <u32>load<u16>(line, LINE_PORT_AT);
    if (protocol == PROTOCOL_SCTP) return putSctpPort(p.l4, portAt, port, hasCrc(p) ? transportLength(p) : 0);
    store<u16>(portAt, <u16>port);
  }
  if (p.flags & PARSED_NO_CHECKSUM) return;
  const checksum = checksumAt(p);
  if (checksum == 0) return;
  const was = <u32>load<u16>(checksum);
  const delta = <u32>load<u16>(line, LINE_L4_DELTA_AT);
  if (!p.isPartial) {
    store<u16>(checksum, <u16>(zeroMeansNone(protocol) ? applyUdpDelta(was, delta) : applyDelta(was, delta)));
  } else if (isIpv6 || protocol != PROTOCOL_ICMP) {
    store<u16>(checksum, <u16>applyPartialDelta(was, addressDelta));
  }
}

/** True where an SCTP frame shows its CRC and somebody has computed it. */
function hasCrc(p: Parsed): bool {
  return (p.flags & (PARSED_NO_CHECKSUM | PARSED_PARTIAL)) == 0;
}

/** True where a translated line writes another port than its frames show: then a checksum over more than one fragment has to follow. */
export function changesPort(line: usize): bool {
  const isSource = (load<u8>(line, LINE_HOOK_AT) & LINE_HOOK_MASK) == HOOK_FROM_ENDPOINT;
  return load<u16>(line, LINE_PORT_AT) != load<u16>(line + (isSource ? LINE_PORTS_AT : LINE_PORTS_AT + 2));
}
