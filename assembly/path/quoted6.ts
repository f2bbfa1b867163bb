import {
  LINE_ADDRESS_AT,
  LINE_PORT_AT,
  REASON_ICMP_ERROR_FRAGMENT,
  REASON_ICMP_ERROR_NESTED,
  REASON_ICMP_ERROR_UNMATCHED,
  REASON_SNAPLEN_CUT,
  REASON_TRUNCATED,
  VERDICT_FLAG_UNVERIFIABLE,
} from "../abi";
import { addressRow, findAddress } from "../tables/addresses";
import { find, keyHome } from "../tables/conntrack";
import { be16 } from "../wire/bytes";
import { applyDelta, combine, delta128 } from "../wire/checksum";
import { hasPorts, PROTOCOL_ICMP, PROTOCOL_ICMP6, PROTOCOL_TCP } from "../wire/ipv4";
import {
  IPV6_DST_AT,
  IPV6_PAYLOAD_LENGTH_AT,
  IPV6_SIZE,
  IPV6_SRC_AT,
  isLaterPart,
  isPart,
  lastAt,
  lastProtocol,
  WALK_NOT_CAPTURED,
  WALK_PAST_END,
  WALKED,
  walkHeaders,
  walkPart,
} from "../wire/ipv6";
import { answerKey, FAMILY_IPV6, makeKey, Parsed, queryKey } from "../wire/parse";
import { isChecksumCut, rewriteQuoted } from "../wire/quoted";
import { ICMP_CHECKSUM_AT, ICMP_ID_AT, ICMP6_ECHO_REPLY, ICMP6_ECHO_REQUEST, TCP_MIN_SIZE } from "../wire/transport";
import { Verdict } from "./verdict";

// The packet that an ICMPv6 error quotes (RFC 4443 section 2.4(c): as much of it as fits). What differs from IPv4: extension headers may
// stand before its transport header, no header has a checksum, and the error's own checksum covers the addresses of both headers.

/** Bytes of the transport header that the connection is found by. */
const NEEDED: u32 = 8;

/** Transport header of the quoted packet, its bytes from there on as it was sent, and its protocol, as `fault6` found them. */
let l4: usize = 0;
let quotedLength: u32 = 0;
let protocol: u32 = 0;

/** Behind the last byte of the frame's packet on the wire. */
function endOnWire(p: Parsed): usize {
  return p.l3 + IPV6_SIZE + be16(p.l3 + IPV6_PAYLOAD_LENGTH_AT);
}

/** Why the quoted packet at `inner` cannot be read, or 0. Afterwards its headers and 8 bytes of its transport header lie in the frame. */
export function fault6(p: Parsed, inner: usize): u32 {
  const end = endOnWire(p);
  if (inner + IPV6_SIZE + NEEDED > end) return REASON_TRUNCATED;
  if (inner + IPV6_SIZE > p.end) return REASON_SNAPLEN_CUT;
  if (load<u8>(inner) >> 4 != 6) return REASON_ICMP_ERROR_UNMATCHED;
  let walked = walkHeaders(inner, end, p.end);
  if (isLaterPart()) return REASON_ICMP_ERROR_FRAGMENT;
  const isFirst = isPart;
  if (isFirst) walked = walkPart(end, p.end);
  if (walked == WALK_NOT_CAPTURED) return REASON_SNAPLEN_CUT;
  if (walked == WALK_PAST_END) return REASON_TRUNCATED;
  if (walked != WALKED || isPart) return REASON_ICMP_ERROR_UNMATCHED;
  l4 = lastAt;
  protocol = lastProtocol;
  if (l4 + NEEDED > end) return REASON_TRUNCATED;
  if (l4 + NEEDED > p.end) return REASON_SNAPLEN_CUT;
  // No packet of a connection was ever that short: what looks like its ports would be somebody else's bytes.
  const least = <usize>(protocol == PROTOCOL_TCP ? TCP_MIN_SIZE : NEEDED);
  const sentEnd = inner + IPV6_SIZE + be16(inner + IPV6_PAYLOAD_LENGTH_AT);
  if (sentEnd < l4 + least) return REASON_ICMP_ERROR_UNMATCHED;
  // Of a packet in parts no header says it.
  quotedLength = isFirst ? 0 : <u32>(sentEnd - l4);
  return protocol == PROTOCOL_ICMP6 && load<u8>(l4) < ICMP6_ECHO_REQUEST ? REASON_ICMP_ERROR_NESTED : 0;
}

/** The conntrack line of the quoted packet's connection, by the key that an answer to it would show at this hook; 0 = none. */
export function find6(hook: u32, inner: usize): usize {
  let key: u64 = 0;
  // The numbers of ICMP stand for queries in keys, and no others are in the table.
  if (protocol != PROTOCOL_ICMP6 && protocol != PROTOCOL_ICMP)
    key = makeKey(hasPorts(protocol) ? load<u32>(l4) : 0, protocol | FAMILY_IPV6, hook);
  else if (isEcho()) key = queryKey(load<u16>(l4, ICMP_ID_AT), load<u8>(l4), hook | (FAMILY_IPV6 >> 8));
  else return 0;
  const addresses = <u64>findAddress(inner + IPV6_DST_AT) | ((<u64>findAddress(inner + IPV6_SRC_AT)) << 32);
  key = answerKey(key, hook);
  return find(keyHome(addresses, key), addresses, key);
}

function isEcho(): bool {
  return protocol == PROTOCOL_ICMP6 && (load<u8>(l4) == ICMP6_ECHO_REQUEST || load<u8>(l4) == ICMP6_ECHO_REPLY);
}

/** Translates the quoted packet, and the address of the frame's own header at `outerAt`, whose hop limit is the caller's. */
export function rewrite6(p: Parsed, inner: usize, outerAt: usize, line: usize, fromEndpoint: bool, v: Verdict): void {
  const row = addressRow(load<u32>(line, LINE_ADDRESS_AT));
  const addressDelta = putAddress(inner + (fromEndpoint ? IPV6_DST_AT : IPV6_SRC_AT), row);
  const port = <u32>load<u16>(line, LINE_PORT_AT);
  const delta = rewriteQuoted(
    protocol,
    l4,
    fromEndpoint ? 2 : 0,
    port,
    addressDelta,
    p.end,
    endOnWire(p),
    quotedLength,
  );
  if (isChecksumCut) v.flag(VERDICT_FLAG_UNVERIFIABLE);
  let sum = combine(addressDelta, delta);
  sum = combine(sum, putAddress(outerAt, row));
  const at = p.l4 + ICMP_CHECKSUM_AT;
  store<u16>(at, <u16>applyDelta(load<u16>(at), sum));
}

/** @returns what that adds to a checksum which covers it */
function putAddress(at: usize, row: usize): u32 {
  const delta = delta128(at, row);
  store<u64>(at, load<u64>(row));
  store<u64>(at, load<u64>(row, 8), 8);
  return delta;
}
