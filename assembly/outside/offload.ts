import { FRAME_FLAG_GSO, FRAME_FLAG_PARTIAL } from "../abi";
import { be16 } from "../wire/bytes";
import { fold, rawSum } from "../wire/checksum";
import { IPV4_SRC_AT, Ipv4, PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ipv4";
import { IPV6_PAYLOAD_LENGTH_AT, IPV6_SRC_AT } from "../wire/ipv6";
import { isCrcRight, SCTP_CHECKSUM_AT } from "../wire/sctp";
import { TCP_CHECKSUM_AT, UDP_CHECKSUM_AT } from "../wire/transport";
import { isFragment, l3, l4, packetEnd, protocol, totalLength, version } from "./packet";

// What a sending host's own capture shows before its network card has done its part: checksums that hold only the pseudo-header's sum,
// and frames larger than any MTU. Speaks of the packet that packet.ts looked at last.

/** Largest packet of a network without jumbo frames; what is larger was, or may have been, cut up by a network card. */
const MTU: u32 = 1500;

/** FRAME_FLAG_* of the packet. */
export function offloadFlags(): u32 {
  const stated = version == 4 ? changetype<Ipv4>(l3).totalLength : be16(l3 + IPV6_PAYLOAD_LENGTH_AT);
  const isSuper = totalLength > MTU || stated == 0;
  return (isSuper ? FRAME_FLAG_GSO : 0) | (isPartial() ? FRAME_FLAG_PARTIAL : 0);
}

function isPartial(): bool {
  if (isFragment || l4 == 0) return false;
  if (protocol == PROTOCOL_SCTP) return isCrcMissing();
  if (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP) return false;
  const at = l4 + (protocol == PROTOCOL_TCP ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT);
  if (at + 2 > packetEnd) return false;
  const field = <u32>load<u16>(at);
  if (protocol == PROTOCOL_UDP && field == 0) return false;
  const length = totalLength - <u32>(l4 - l3);
  const pseudo = pseudoSum(length);
  if (!isSameSum(field, pseudo)) return false;
  const isWhole = packetEnd == l3 + totalLength;
  return !isWhole || !isSameSum(fold(pseudo + rawSum(l4, length)), 0xffff);
}

/** A CRC of 0 that is not right: the network card computes it, or both ends do without (RFC 9653). */
function isCrcMissing(): bool {
  if (l4 + SCTP_CHECKSUM_AT + 4 > packetEnd || load<u32>(l4, SCTP_CHECKSUM_AT) != 0) return false;
  const length = <u32>(packetEnd - l4);
  return length != totalLength - <u32>(l4 - l3) || !isCrcRight(l4, length);
}

/** RFC 9293 section 3.1: addresses, zero and protocol, length; as raw words. A length above 16 bits is carried around. */
function pseudoSum(length: u32): u32 {
  const folded = (length & 0xffff) + (length >> 16);
  const size = <u32>bswap<u16>(<u16>((folded & 0xffff) + (folded >> 16)));
  const addresses = version == 4 ? rawSum(l3 + IPV4_SRC_AT, 8) : rawSum(l3 + IPV6_SRC_AT, 32);
  return fold(addresses + (protocol << 8) + size);
}

/** 0 and 0xffff are one number modulo 0xffff. */
function isSameSum(a: u32, b: u32): bool {
  return a == b || (a % 0xffff == 0 && b % 0xffff == 0);
}
