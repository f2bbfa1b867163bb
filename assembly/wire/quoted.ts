import { applyUdpDelta, combine, delta16, negate, replaceChecksum } from "./checksum";
import { coversAddresses, Ipv4, isPortless, PROTOCOL_ICMP, PROTOCOL_ICMP6, PROTOCOL_SCTP, PROTOCOL_UDP } from "./ipv4";
import { rewriteQuotedSctp } from "./sctp";
import { ICMP_CHECKSUM_AT, ICMP_ID_AT, TCP_CHECKSUM_AT, UDP_CHECKSUM_AT } from "./transport";

// The transport header that an ICMP error of either family quotes. Of TCP the quotation may end before the checksum (RFC 792: 8 bytes).

/** True where the last `rewriteQuoted` met a checksum that stood on the wire and was not captured. */
export let isChecksumCut: bool = false;

/**
 * Writes the port or identifier of the quoted transport header at `l4`, and updates its checksum where the quotation reaches that far.
 * @param portAt offset of the port, where the protocol has ports   @param port as on the wire
 * @param addressDelta of the address that the checksum covers and that changes with the port
 * @param captured behind what was captured of the frame   @param end behind its packet on the wire
 * @param length bytes of the quoted packet from `l4` on, when it was sent; 0 = not known
 * @returns what both changes add to a checksum over them
 */
export function rewriteQuoted(
  protocol: u32,
  l4: usize,
  portAt: usize,
  port: u32,
  addressDelta: u32,
  captured: usize,
  end: usize,
  length: u32,
): u32 {
  isChecksumCut = false;
  const isIcmp = protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMP6;
  if (protocol == PROTOCOL_SCTP) return rewriteQuotedSctp(l4, l4 + portAt, port, length, captured);
  if (!isIcmp && isPortless(protocol))
    return coversAddresses(protocol) ? replaceChecksum(l4 + UDP_CHECKSUM_AT, addressDelta) : 0;
  const at = l4 + (isIcmp ? ICMP_ID_AT : portAt);
  const portDelta = delta16(load<u16>(at), port);
  store<u16>(at, <u16>port);
  // The checksum of ICMP covers no address, that of ICMPv6 does (RFC 4443 section 2.3).
  const delta = protocol == PROTOCOL_ICMP ? portDelta : combine(addressDelta, portDelta);
  if (isIcmp) return combine(portDelta, replaceChecksum(l4 + ICMP_CHECKSUM_AT, delta));
  if (protocol == PROTOCOL_UDP) return combine(portDelta, replaceUdpChecksum(l4 + UDP_CHECKSUM_AT, delta));
  const checksumAt = l4 + TCP_CHECKSUM_AT;
  if (checksumAt + 2 <= captured) return combine(portDelta, replaceChecksum(checksumAt, delta));
  if (checksumAt + 2 > end) return portDelta;
  // On the wire the quoted checksum is there and changes with the rest.
  isChecksumCut = true;
  return combine(portDelta, negate(delta));
}

/** The same as `replaceChecksum` for UDP. */
function replaceUdpChecksum(at: usize, delta: u32): u32 {
  const was = <u32>load<u16>(at);
  const now = applyUdpDelta(was, delta);
  store<u16>(at, <u16>now);
  return delta16(was, now);
}

/** Bytes of the IPv4 packet at `quoted` behind its header, when it was sent. Of one in parts the header does not say it: 0. */
export function quotedLength(quoted: usize): u32 {
  const ip = changetype<Ipv4>(quoted);
  return ip.isFragment ? 0 : ip.totalLength - ip.headerLength;
}
