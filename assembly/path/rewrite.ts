import {
  HOOK_FROM_ENDPOINT,
  LINE_ADDRESS_AT,
  LINE_FLAG_HOP,
  LINE_FLAGS_AT,
  LINE_IP_DELTA_AT,
  LINE_L4_DELTA_AT,
  LINE_PORT_AT,
} from "../abi";
import { addressRow } from "../tables/addresses";
import { applyDelta, applyPartialDelta, applyUdpDelta, delta32, delta128 } from "../wire/checksum";
import { IPV4_CHECKSUM_AT, IPV4_DST_AT, IPV4_SRC_AT, IPV4_TTL_AT, PROTOCOL_ICMP, PROTOCOL_UDP } from "../wire/ipv4";
import { IPV6_DST_AT, IPV6_HOP_LIMIT_AT, IPV6_SRC_AT } from "../wire/ipv6";
import { checksumAt, PARSED_NO_CHECKSUM, PARSED_PARTIAL, Parsed } from "../wire/parse";
import { ICMP_ID_AT } from "../wire/transport";

// Rewriting in place. Only the source (from-endpoint) or destination (from-network) address and port or ICMP id, the TTL of a routed
// hop and the checksums over them change; every delta was computed when the connection was made (RFC 1624).

/** Address, TTL and IPv4 header checksum. The caller has checked that the TTL allows a hop. */
export function rewriteIp(l3: usize, line: usize, fromEndpoint: bool): void {
  store<u32>(fromEndpoint ? l3 + IPV4_SRC_AT : l3 + IPV4_DST_AT, load<u32>(line, LINE_ADDRESS_AT));
  if (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_HOP) store<u8>(l3 + IPV4_TTL_AT, load<u8>(l3 + IPV4_TTL_AT) - 1);
  const at = l3 + IPV4_CHECKSUM_AT;
  store<u16>(at, <u16>applyDelta(load<u16>(at), load<u16>(line, LINE_IP_DELTA_AT)));
}

/** The same for IPv6, which has no checksum of its own. @param at the address in the header */
export function rewriteIpv6(l3: usize, at: usize, line: usize): void {
  const row = addressRow(load<u32>(line, LINE_ADDRESS_AT));
  store<u64>(at, load<u64>(row));
  store<u64>(at, load<u64>(row, 8), 8);
  if (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_HOP)
    store<u8>(l3, load<u8>(l3, IPV6_HOP_LIMIT_AT) - 1, IPV6_HOP_LIMIT_AT);
}

/** A PLAIN frame by the line that it hit. */
export function rewrite(p: Parsed, line: usize): void {
  const fromEndpoint = p.hook == HOOK_FROM_ENDPOINT;
  if (p.isIpv6) return rewriteFrame6(p, line, fromEndpoint);
  const was = load<u32>(fromEndpoint ? p.l3 + IPV4_SRC_AT : p.l3 + IPV4_DST_AT);
  rewriteIp(p.l3, line, fromEndpoint);
  const protocol = p.protocol;
  const portAt = protocol == PROTOCOL_ICMP ? p.l4 + ICMP_ID_AT : fromEndpoint ? p.l4 : p.l4 + 2;
  store<u16>(portAt, load<u16>(line, LINE_PORT_AT));
  if (!(p.flags & (PARSED_PARTIAL | PARSED_NO_CHECKSUM))) {
    const at = checksumAt(p);
    const checksum = <u32>load<u16>(at);
    const delta = <u32>load<u16>(line, LINE_L4_DELTA_AT);
    store<u16>(at, <u16>(protocol == PROTOCOL_UDP ? applyUdpDelta(checksum, delta) : applyDelta(checksum, delta)));
    return;
  }
  if (p.flags & PARSED_NO_CHECKSUM || protocol == PROTOCOL_ICMP) return;
  const at = checksumAt(p);
  store<u16>(at, <u16>applyPartialDelta(load<u16>(at), delta32(was, load<u32>(line, LINE_ADDRESS_AT))));
}

function rewriteFrame6(p: Parsed, line: usize, fromEndpoint: bool): void {
  const at = p.l3 + (fromEndpoint ? IPV6_SRC_AT : IPV6_DST_AT);
  const addressDelta = p.isPartial ? delta128(at, addressRow(load<u32>(line, LINE_ADDRESS_AT))) : 0;
  rewriteIpv6(p.l3, at, line);
  const protocol = p.protocol;
  const portAt = protocol == PROTOCOL_ICMP ? p.l4 + ICMP_ID_AT : fromEndpoint ? p.l4 : p.l4 + 2;
  store<u16>(portAt, load<u16>(line, LINE_PORT_AT));
  if (p.flags & PARSED_NO_CHECKSUM) return;
  const checksum = checksumAt(p);
  const was = <u32>load<u16>(checksum);
  const delta = <u32>load<u16>(line, LINE_L4_DELTA_AT);
  if (p.isPartial) store<u16>(checksum, <u16>applyPartialDelta(was, addressDelta));
  else store<u16>(checksum, <u16>(protocol == PROTOCOL_UDP ? applyUdpDelta(was, delta) : applyDelta(was, delta)));
}
