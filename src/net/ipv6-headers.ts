/** What lies behind an IPv6 header. `at` is -1 where the chain runs out of the readable bytes. */
export interface HeaderChain {
  readonly protocol: number;
  readonly at: number;
  readonly fragmentId: number;
  /** Bytes. */
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
  /** First byte behind the fragment header, -1 without one. */
  readonly fragmentAt: number;
}

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;
const MOBILITY = 135;
const HIP = 139;
const SHIM6 = 140;

/**
 * Walks extension headers (RFC 8200 section 4, RFC 4302, RFC 7045) from `at` to the upper-layer header. Behind the header of a
 * later fragment nothing is read: what follows is the middle of something. A fragment header within a first fragment belongs to what is put
 * together, and the walk ends there unless it is atomic (RFC 6946). Each step consumes at least 8 bytes, so the walk ends within
 * (end - at) / 8 steps.
 */
export function findTransport(bytes: Uint8Array, start: number, end: number, first: number): HeaderChain {
  let at = start;
  let protocol = first;
  let fragmentId = 0;
  let fragmentOffset = 0;
  let moreFragments = false;
  let fragmentAt = -1;
  const found = (transportAt: number, upper: number): HeaderChain => {
    return { protocol: upper, at: transportAt, fragmentId, fragmentOffset, moreFragments, fragmentAt };
  };
  while (isExtension(protocol)) {
    if (at + 8 > end) return found(-1, protocol);
    const next = bytes[at]!;
    if (protocol === FRAGMENT && moreFragments) {
      if ((bytes[at + 2]! | (bytes[at + 3]! & 0xf9)) !== 0) return found(at, protocol);
      at += 8;
    } else if (protocol === FRAGMENT) {
      const word = (bytes[at + 2]! << 8) | bytes[at + 3]!;
      fragmentOffset = word & 0xfff8;
      moreFragments = (word & 1) !== 0;
      fragmentId = ((bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!) >>> 0;
      at += 8;
      fragmentAt = at;
      if (fragmentOffset > 0) return found(at, next);
    } else {
      at += protocol === AUTHENTICATION ? (bytes[at + 1]! + 2) * 4 : (bytes[at + 1]! + 1) * 8;
    }
    protocol = next;
    if (at > end) return found(-1, protocol);
  }
  return found(at, protocol);
}

function isExtension(protocol: number): boolean {
  switch (protocol) {
    case HOP_BY_HOP:
    case ROUTING:
    case FRAGMENT:
    case AUTHENTICATION:
    case DESTINATION_OPTIONS:
    case MOBILITY:
    case HIP:
    case SHIM6:
      return true;
    default:
      return false;
  }
}
