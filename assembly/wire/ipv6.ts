import { be16 } from "./bytes";

// RFC 8200 section 3
//   |Version| Traffic Class |           Flow Label                  |
//   |         Payload Length        |  Next Header  |   Hop Limit   |
//   |                 Source Address (16 bytes)                     |
//   |               Destination Address (16 bytes)                  |
export const IPV6_PAYLOAD_LENGTH_AT: usize = 4;
export const IPV6_NEXT_HEADER_AT: usize = 6;
export const IPV6_HOP_LIMIT_AT: usize = 7;
export const IPV6_SRC_AT: usize = 8;
export const IPV6_DST_AT: usize = 24;
export const IPV6_SIZE: u32 = 40;

const HOP_BY_HOP: u32 = 0;
const ROUTING: u32 = 43;
const FRAGMENT: u32 = 44;
const DESTINATION_OPTIONS: u32 = 60;
const FRAGMENT_SIZE: u32 = 8;
const FRAGMENT_OFFSET_AT: usize = 2;
const SEGMENTS_LEFT_AT: usize = 3;
/** Offset and more-fragments flag. */
const FRAGMENT_MASK: u32 = 0xfff9;
const FRAGMENT_OFFSET: u32 = 0xfff8;
/** More than any sender has use for (RFC 8200 section 4.1 knows six kinds). */
const MAX_HEADERS: u32 = 8;

/** What `walkHeaders` found. */
export const WALKED: u32 = 0;
export const WALK_PAST_END: u32 = 1; // a header ends behind the packet
const WALK_TOO_MANY: u32 = 2;
export const WALK_NOT_CAPTURED: u32 = 3;
export const WALK_SOURCE_ROUTED: u32 = 4; // the destination in the header is not the last one

/** Protocol of the last header that `walkHeaders` came to. */
export let lastProtocol: u32 = 0;
/** Where that header starts. */
export let lastAt: usize = 0;
/** A part of a packet, but for one in a single part (RFC 6946). */
export let isPart: bool = false;

/**
 * Steps over extension headers (RFC 8200 section 4) to the transport header or to whatever else cannot be stepped over.
 * @param l3 IPv6 header   @param end behind the packet on the wire   @param captured behind what was captured of it
 */
export function walkHeaders(l3: usize, end: usize, captured: usize): u32 {
  return walkFrom(load<u8>(l3, IPV6_NEXT_HEADER_AT), l3 + IPV6_SIZE, end, captured);
}

/** True where the part that the last walk came to is not the first one of its packet. */
export function isLaterPart(): bool {
  return isPart && (be16(lastAt + FRAGMENT_OFFSET_AT) & FRAGMENT_OFFSET) != 0;
}

/** The same as `walkHeaders` behind the fragment header that it came to. */
export function walkPart(end: usize, captured: usize): u32 {
  return walkFrom(load<u8>(lastAt), lastAt + FRAGMENT_SIZE, end, captured);
}

/** The same from a header of `protocol` at `at` on. */
export function walkFrom(protocol: u32, at: usize, end: usize, captured: usize): u32 {
  isPart = false;
  for (let headers: u32 = 0; headers <= MAX_HEADERS; headers++) {
    lastProtocol = protocol;
    lastAt = at;
    const isFragment = protocol == FRAGMENT;
    if (protocol != HOP_BY_HOP && protocol != ROUTING && protocol != DESTINATION_OPTIONS && !isFragment) return WALKED;
    if (headers == MAX_HEADERS) break;
    if (at + 8 > end) return WALK_PAST_END;
    if (at + 8 > captured) return WALK_NOT_CAPTURED;
    if (protocol == ROUTING && load<u8>(at, SEGMENTS_LEFT_AT)) return WALK_SOURCE_ROUTED;
    if (isFragment && be16(at + FRAGMENT_OFFSET_AT) & FRAGMENT_MASK) isPart = true;
    // Behind the header of a part nothing can be read but in the first one, and that by who puts parts together.
    if (isPart) return WALKED;
    protocol = load<u8>(at);
    at += isFragment ? FRAGMENT_SIZE : (<u32>load<u8>(at, 1) + 1) << 3;
    if (at > end) return WALK_PAST_END;
  }
  return WALK_TOO_MANY;
}
