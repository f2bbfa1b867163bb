import {
  FRAME_CAPTURED_AT,
  FRAME_FLAG_GSO,
  FRAME_FLAG_PARTIAL,
  FRAME_FLAG_UPLINK,
  FRAME_FLAGS_AT,
  FRAME_HOOK_AT,
  FRAME_LINK_AT,
  FRAME_OFFSET_AT,
  FRAME_SIZE,
  FRAME_WIRE_AT,
  HOOK_FROM_ENDPOINT,
  HOOK_FROM_NETWORK,
  LINE_HOOK_ANSWER,
  LINE_HOOK_IPV6,
  LINE_HOOK_MASK,
  REASON_BAD_HEADER,
  REASON_BAD_SOURCE,
  REASON_NOT_IP,
  REASON_SCTP_BAD,
  REASON_SNAPLEN_CUT,
  REASON_TRUNCATED,
} from "../abi";
import { be16 } from "./bytes";
import {
  coversAddresses,
  IPV4_MIN_SIZE,
  Ipv4,
  isCarried,
  optionsFault,
  PROTOCOL_ESP,
  PROTOCOL_GRE,
  PROTOCOL_ICMP,
  PROTOCOL_ICMP6,
  PROTOCOL_SCTP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from "./ipv4";
import {
  IPV6_DST_AT,
  IPV6_HOP_LIMIT_AT,
  IPV6_PAYLOAD_LENGTH_AT,
  IPV6_SIZE,
  IPV6_SRC_AT,
  isPart,
  lastAt,
  lastProtocol,
  WALK_NOT_CAPTURED,
  WALK_PAST_END,
  WALK_SOURCE_ROUTED,
  WALKED,
  walkHeaders,
} from "./ipv6";
import { LINK_FAULT, networkOffset } from "./link";
import { chunkFlags, SCTP_BAD, SCTP_CHECKSUM_AT } from "./sctp";
import {
  ICMP_CHECKSUM_AT,
  ICMP_CODE_AT,
  ICMP_ECHO_REQUEST,
  ICMP_ID_AT,
  ICMP_SIZE,
  ICMP_TIMESTAMP_REPLY,
  ICMP_TIMESTAMP_REQUEST,
  ICMP_TIMESTAMP_SIZE,
  ICMP6_ECHO_REPLY,
  ICMP6_ECHO_REQUEST,
  ICMP6_FIRST_DISCOVERY,
  ICMP6_LAST_DISCOVERY,
  isIcmpError,
  isIcmpQuery,
  PORTS_SIZE,
  TCP_ACK,
  TCP_CHECKSUM_AT,
  TCP_FLAGS_AT,
  TCP_MIN_SIZE,
  TCP_OFFSET_AT,
  UDP_CHECKSUM_AT,
  UDP_LENGTH_AT,
  UDP_SIZE,
} from "./transport";

/** What a parsed frame is. Only PLAIN frames have a five-tuple key of their own. */
export const KIND_PLAIN: u32 = 0; // TCP, UDP, SCTP, ICMP queries, protocols without ports
export const KIND_ICMP_ERROR: u32 = 1;
export const KIND_FRAGMENT: u32 = 2;
export const KIND_UNSUPPORTED: u32 = 3;
export const KIND_PLAIN6: u32 = 4; // what is PLAIN in IPv4: its addresses have to be looked up first
export const KIND_FAULT: u32 = 5; // `reason` says why
export const KIND_NOT_IP: u32 = 6;
export const KIND_OVERLAY: u32 = 7; // to be opened first
export const KIND_DISCOVERY: u32 = 8; // neighbour discovery: it never leaves its link
export const KIND_REFUSED: u32 = 9; // has addresses, but must not be translated; `reason` says why

/** Bits of `Parsed.flags`. */
export const PARSED_PARTIAL: u32 = 1;
export const PARSED_NO_CHECKSUM: u32 = 2; // the transport checksum was not captured
export const PARSED_IPV6: u32 = 4;
export const PARSED_UPLINK: u32 = 8; // taken off again before the frame is translated
export const PARSED_LATER: u32 = 16; // a later fragment: its ports are those of its first one, and it has no transport header
export const PARSED_LONG: u32 = 128; // may be too long for a link, and must not be fragmented

/** Key part that identifies a five-tuple beside the addresses: ports, protocol and hook. */
export const KEY_MASK: u64 = 0x0000ffffffffffff;
/** What of a key says protocol and family, as a number beside the ports: 8 bits of protocol, and FAMILY_IPV6. */
export const TRANSPORT_MASK: u32 = 0xff | (LINE_HOOK_IPV6 << 8);
export const FAMILY_IPV6: u32 = LINE_HOOK_IPV6 << 8;
/** `::ffff:` as the third 32-bit word of an address in memory. */
export const IPV4_MAPPED: u32 = 0xffff0000;
/** Its request type, as a port on the wire. */
const TIMESTAMP_PORT: u32 = 0x0d00;
/** Hop limit of a packet that no router has passed on: neighbour discovery has no other (RFC 4861 section 7.1). */
const UNROUTED: u32 = 255;

const GRE_SIZE: u32 = 4;
/** Of ESP, UDP-Lite and DCCP: the part of the header that every packet has and that translation may touch. */
const PORTLESS_SIZE: u32 = 8;
/** GRE's version and RFC 1701's source route, as they lie in memory: only version 0 without one can be carried (RFC 2784 section 2). */
const GRE_MASK: u32 = 0x0740;

const PROTOCOL_SHIFT: u64 = 32;
const HOOK_SHIFT: u64 = 40;

/** In place of a reason: see there. */
export const OTHER_TRANSPORT: u8 = 1;

/** Result of pass 1 for one frame. Pointers stay valid while the frame is not moved. */
@unmanaged
export class Parsed {
  /** Source (low) and destination address as on the wire; IPv6: numbers of their address rows, 0 = none or not looked up. */
  addresses: u64;
  /** Ports as on the wire | protocol << 32 | hook << 40: the second half of a conntrack key. */
  key: u64;
  /** IP header. */
  l3: usize;
  /** Transport header. */
  l4: usize;
  /** First byte after what was captured of the IP packet. */
  end: usize;
  /** The conntrack line that is likely to be the frame's; it need not be. Some line where the frame has no key. */
  line: usize;
  /** Where probing for it starts (tables/tags.ts); 0 where the frame has no key. */
  home: u32;
  /** Bytes on the wire, link header included. */
  wire: u32;
  kind: u8;
  /** REASON_*; of PLAIN and PLAIN6 0 for TCP and UDP, else OTHER_TRANSPORT. */
  reason: u8;
  tcpFlags: u8;
  flags: u8;
  /** What the first frame of a connection is given, and where probing for the line of its replies and for its port group starts: as path/ahead.ts has found out. */
  endpoint: u32;
  policy: u32;
  egress: u32;
  replyHome: u32;
  group: u32;

  /**
   * That of the frame with a record. It is twice as long as a record, so that one number counts both: loops have no registers to spare.
   * @param slots where the scratch begins, less twice where the records of the block begin
   */
  @inline static at(slots: usize, record: usize): Parsed {
    if (offsetof<Parsed>() != 2 * FRAME_SIZE) ERROR("Parsed is not twice as long as a frame record");
    return changetype<Parsed>(slots + (record << 1));
  }

  /** Kind, TCP flags and PARSED_*; no reason: all four in one store. */
  @inline setKind(kind: u32, tcpFlags: u32, flags: u32): void {
    store<u32>(changetype<usize>(this), kind | (tcpFlags << 16) | (flags << 24), offsetof<Parsed>("kind"));
  }

  /** True for TCP or UDP where kind and PARSED_* are these and no others, and none of some TCP flags is set: all in one comparison. */
  @inline isQuiet(kind: u32, flags: u32, tcpFlags: u32): bool {
    const all = load<u32>(changetype<usize>(this), offsetof<Parsed>("kind"));
    return (all & (0xff00ffff | (tcpFlags << 16))) == (kind | (flags << 24));
  }

  get protocol(): u32 {
    return <u32>(this.key >> PROTOCOL_SHIFT) & 0xff;
  }

  /** The HOOK_* of the key, with the family's mark. */
  get side(): u32 {
    return <u32>(this.key >> HOOK_SHIFT) & (LINE_HOOK_MASK | LINE_HOOK_IPV6);
  }

  /** True for TCP and UDP frames with hook from-endpoint: `hook` in fewer steps. */
  @inline get isFromEndpoint(): bool {
    return (
      (<u32>load<u8>(changetype<usize>(this), offsetof<Parsed>("key") + <usize>(HOOK_SHIFT >> 3)) & ~LINE_HOOK_IPV6) ==
      HOOK_FROM_ENDPOINT
    );
  }

  /** `protocol` is TCP, in fewer steps. */
  @inline get isTcp(): bool {
    return load<u8>(changetype<usize>(this), offsetof<Parsed>("key") + <usize>(PROTOCOL_SHIFT >> 3)) == PROTOCOL_TCP;
  }

  get hook(): u32 {
    return <u32>(this.key >> HOOK_SHIFT) & LINE_HOOK_MASK;
  }

  /** Protocol, and FAMILY_IPV6 where that is so. */
  get transport(): u32 {
    return <u32>(this.key >> PROTOCOL_SHIFT) & TRANSPORT_MASK;
  }

  get isIpv6(): bool {
    return (this.flags & PARSED_IPV6) != 0;
  }

  /** An echo or timestamp reply, by its key: its identifier stands for the destination's port, so it can open no mapping. */
  get isEchoReply(): bool {
    return (<u32>(this.key >> HOOK_SHIFT) & LINE_HOOK_ANSWER) != 0;
  }

  get ports(): u32 {
    return <u32>this.key;
  }

  get isPartial(): bool {
    return (this.flags & PARSED_PARTIAL) != 0;
  }
}

export function makeKey(ports: u32, protocol: u32, hook: u32): u64 {
  return <u64>ports | ((<u64>protocol) << PROTOCOL_SHIFT) | ((<u64>hook) << HOOK_SHIFT);
}

/**
 * Key of an ICMP query: the id stands where the side that asks has its port, and the hook says whether it asks or answers. Where the other
 * side would have its port stands 0 for an echo and 13 for a timestamp: an answer to the one never is an answer to the other.
 * @param type of ICMPv4, or of ICMPv6 for echoes   @param hook HOOK_*, with LINE_HOOK_IPV6 for ICMPv6
 */
export function queryKey(id: u32, type: u32, hook: u32): u64 {
  const other: u32 = type == ICMP_TIMESTAMP_REQUEST || type == ICMP_TIMESTAMP_REPLY ? TIMESTAMP_PORT : 0;
  if (type == ICMP_ECHO_REQUEST || type == ICMP_TIMESTAMP_REQUEST || type == ICMP6_ECHO_REQUEST)
    return makeKey(id | (other << 16), PROTOCOL_ICMP, hook);
  return makeKey((id << 16) | other, PROTOCOL_ICMP, hook | LINE_HOOK_ANSWER);
}

/** Key that the answer to a frame with this key shows at `hook`, a HOOK_* alone: the family stays. */
export function answerKey(key: u64, hook: u32): u64 {
  const protocol = <u32>(key >> PROTOCOL_SHIFT) & 0xff;
  const answers = (<u32>(key >> HOOK_SHIFT) & LINE_HOOK_ANSWER) != 0;
  const mark: u32 = protocol == PROTOCOL_ICMP && !answers ? LINE_HOOK_ANSWER : 0;
  const family = <u32>(key >> HOOK_SHIFT) & LINE_HOOK_IPV6;
  return makeKey(rotl<u32>(<u32>key, 16), protocol, hook | mark | family);
}

/**
 * Pass 1: checks every length of one frame once. Afterwards nothing that `p` allows to be read or written lies outside the frame.
 * Nothing is written to the frame. Most frames do not come here: see path/plain.ts.
 */
export function parseFrame(record: usize, arena: usize, p: Parsed): void {
  const frame = arena + load<u32>(record, FRAME_OFFSET_AT);
  const captured = load<u32>(record, FRAME_CAPTURED_AT);
  const stated = load<u32>(record, FRAME_WIRE_AT);
  const wire = stated > captured ? stated : captured;
  const frameFlags = <u32>load<u16>(record, FRAME_FLAGS_AT);
  const hook = <u32>load<u8>(record, FRAME_HOOK_AT);
  p.wire = wire;
  p.key = makeKey(0, 0, hook);
  p.flags = <u8>(
    ((frameFlags & FRAME_FLAG_PARTIAL ? PARSED_PARTIAL : 0) |
      (frameFlags & FRAME_FLAG_UPLINK && hook == HOOK_FROM_NETWORK ? PARSED_UPLINK : 0))
  );
  const offset = networkOffset(frame, captured, wire, load<u8>(record, FRAME_LINK_AT));
  if (offset & LINK_FAULT) return fault(p, offset & ~LINK_FAULT);
  p.l3 = frame + offset;
  const version = load<u8>(p.l3) >> 4;
  if (version == 4) return parseIpv4(p, captured - offset, wire - offset, hook, (frameFlags & FRAME_FLAG_GSO) != 0);
  if (version != 6) return fault(p, REASON_BAD_HEADER);
  parseIpv6(p, captured - offset, wire - offset, hook, (frameFlags & FRAME_FLAG_GSO) != 0);
}

/** The addresses stand: a frame that no policy selects passes all the same. */
export function refuse(p: Parsed, reason: u32): void {
  p.kind = <u8>KIND_REFUSED;
  p.reason = <u8>reason;
}

function fault(p: Parsed, reason: u32): void {
  p.kind = <u8>(reason == REASON_NOT_IP ? KIND_NOT_IP : KIND_FAULT);
  p.reason = <u8>reason;
}

/** @param captured bytes present from the IP header on   @param wire the same on the wire */
function parseIpv4(p: Parsed, captured: u32, wire: u32, hook: u32, gso: bool): void {
  if (captured < IPV4_MIN_SIZE) return fault(p, wire < IPV4_MIN_SIZE ? REASON_TRUNCATED : REASON_SNAPLEN_CUT);
  const ip = changetype<Ipv4>(p.l3);
  const headerLength = ip.headerLength;
  let total = ip.totalLength;
  if (total == 0 && gso) total = wire;
  if (headerLength < IPV4_MIN_SIZE || total < headerLength) return fault(p, REASON_BAD_HEADER);
  if (total > wire) return fault(p, REASON_TRUNCATED);
  if (captured < headerLength) return fault(p, REASON_SNAPLEN_CUT);
  const present = captured < total ? captured : total;
  p.addresses = ip.addresses;
  p.l4 = p.l3 + headerLength;
  p.end = p.l3 + present;
  const protocol = ip.protocol;
  p.key = makeKey(0, protocol, hook);
  p.tcpFlags = 0;
  if (headerLength > IPV4_MIN_SIZE) {
    const reason = optionsFault(p.l3, headerLength);
    if (reason) return refuse(p, reason);
  }
  if (ip.isFragment) {
    p.kind = <u8>KIND_FRAGMENT;
    return;
  }
  parseTransport(p, protocol, total - headerLength, present - headerLength, hook, gso);
}

/**
 * The transport header at `p.l4`.
 * @param length bytes from there on, on the wire   @param held the same, captured   @param hook HOOK_*, with LINE_HOOK_IPV6
 */
export function parseTransport(p: Parsed, protocol: u32, length: u32, held: u32, hook: u32, gso: bool): void {
  const isIpv6 = (hook & LINE_HOOK_IPV6) != 0;
  if (protocol == PROTOCOL_TCP) parseTcp(p, length, held, hook);
  else if (protocol == PROTOCOL_UDP) parseUdp(p, length, held, hook, gso);
  else if (!isIpv6 && protocol == PROTOCOL_ICMP) parseIcmp(p, length, held, hook);
  else if (isIpv6 && protocol == PROTOCOL_ICMP6) parseIcmp6(p, length, held, hook);
  else parseOther(p, protocol, length, held, hook);
}

/** The same for IPv6. The payload length of a super-frame may be 0; else that would be a jumbogram (RFC 2675), of which there are none here. */
function parseIpv6(p: Parsed, captured: u32, wire: u32, hook: u32, gso: bool): void {
  if (captured < IPV6_SIZE) return fault(p, wire < IPV6_SIZE ? REASON_TRUNCATED : REASON_SNAPLEN_CUT);
  const l3 = p.l3;
  hook |= LINE_HOOK_IPV6;
  p.flags |= <u8>PARSED_IPV6;
  p.addresses = 0;
  p.key = makeKey(0, 0, hook);
  p.tcpFlags = 0;
  // Such addresses never show in a header (RFC 6890 section 2.2.3), and would be taken for IPv4 ones here.
  if (isIpv4Mapped(l3 + IPV6_SRC_AT) || isIpv4Mapped(l3 + IPV6_DST_AT)) return fault(p, REASON_BAD_SOURCE);
  const stated = be16(l3 + IPV6_PAYLOAD_LENGTH_AT);
  if (stated == 0 && !gso) return fault(p, REASON_BAD_HEADER);
  const total = stated == 0 ? wire : IPV6_SIZE + stated;
  if (total > wire) return fault(p, REASON_TRUNCATED);
  p.end = l3 + (captured < total ? captured : total);
  const walked = walkHeaders(l3, l3 + total, p.end);
  if (walked == WALK_NOT_CAPTURED) return fault(p, REASON_SNAPLEN_CUT);
  if (walked != WALKED && walked != WALK_SOURCE_ROUTED)
    return fault(p, walked == WALK_PAST_END ? REASON_TRUNCATED : REASON_BAD_HEADER);
  p.l4 = lastAt;
  p.key = makeKey(0, lastProtocol, hook);
  if (walked == WALK_SOURCE_ROUTED) {
    p.kind = <u8>KIND_UNSUPPORTED;
    return;
  }
  if (isPart) {
    p.kind = <u8>KIND_FRAGMENT;
    return;
  }
  const length = <u32>(l3 + total - lastAt);
  const held = p.end > lastAt ? <u32>(p.end - lastAt) : 0;
  parseTransport(p, lastProtocol, length, held, hook, gso);
  if (p.kind == KIND_PLAIN) p.kind = <u8>KIND_PLAIN6;
}

export function isIpv4Mapped(at: usize): bool {
  return load<u64>(at) == 0 && load<u32>(at, 8) == IPV4_MAPPED;
}

/** @param length transport bytes on the wire   @param held transport bytes captured */
function parseTcp(p: Parsed, length: u32, held: u32, hook: u32): void {
  if (length < TCP_MIN_SIZE) return fault(p, REASON_TRUNCATED);
  if (held < PORTS_SIZE) return fault(p, REASON_SNAPLEN_CUT);
  const l4 = p.l4;
  p.key = makeKey(load<u32>(l4), PROTOCOL_TCP, hook);
  p.kind = <u8>KIND_PLAIN;
  p.tcpFlags = <u8>TCP_ACK;
  if (held >= <u32>TCP_CHECKSUM_AT + 2) {
    const headerLength = (<u32>load<u8>(l4, TCP_OFFSET_AT) >> 4) << 2;
    if (headerLength < TCP_MIN_SIZE || headerLength > length) return fault(p, REASON_BAD_HEADER);
    p.tcpFlags = load<u8>(l4, TCP_FLAGS_AT);
    return;
  }
  p.flags |= <u8>PARSED_NO_CHECKSUM;
  if (held > <u32>TCP_FLAGS_AT) p.tcpFlags = load<u8>(l4, TCP_FLAGS_AT);
}

function parseUdp(p: Parsed, length: u32, held: u32, hook: u32, gso: bool): void {
  if (length < UDP_SIZE) return fault(p, REASON_TRUNCATED);
  if (held < PORTS_SIZE) return fault(p, REASON_SNAPLEN_CUT);
  const l4 = p.l4;
  p.key = makeKey(load<u32>(l4), PROTOCOL_UDP, hook);
  p.kind = <u8>KIND_PLAIN;
  if (held < <u32>UDP_CHECKSUM_AT + 2) {
    p.flags |= <u8>PARSED_NO_CHECKSUM;
    return;
  }
  const stated = be16(l4 + UDP_LENGTH_AT);
  if ((stated < UDP_SIZE || stated > length) && !(gso && stated == 0)) fault(p, REASON_BAD_HEADER);
}

/** SCTP, and what has no ports. The key says 0 for those. */
function parseOther(p: Parsed, protocol: u32, length: u32, held: u32, hook: u32): void {
  if (protocol == PROTOCOL_SCTP) return parseSctp(p, length, held, hook);
  p.key = makeKey(0, protocol, hook);
  const isGre = protocol == PROTOCOL_GRE;
  const least: u32 = isGre ? GRE_SIZE : protocol == PROTOCOL_ESP || coversAddresses(protocol) ? PORTLESS_SIZE : 0;
  if (length < least) return fault(p, REASON_TRUNCATED);
  if (held < least) return fault(p, REASON_SNAPLEN_CUT);
  const isRefused = !isCarried(protocol, p.isIpv6) || (isGre && load<u16>(p.l4) & GRE_MASK);
  p.kind = <u8>(isRefused ? KIND_UNSUPPORTED : KIND_PLAIN);
}

function parseSctp(p: Parsed, length: u32, held: u32, hook: u32): void {
  if (held < PORTS_SIZE && held < length) return fault(p, REASON_SNAPLEN_CUT);
  const flags = chunkFlags(p.l4, length, held);
  if (flags == SCTP_BAD) return refuse(p, REASON_SCTP_BAD);
  p.key = makeKey(load<u32>(p.l4), PROTOCOL_SCTP, hook);
  p.kind = <u8>KIND_PLAIN;
  p.tcpFlags = <u8>flags;
  if (held < <u32>SCTP_CHECKSUM_AT + 4) p.flags |= <u8>PARSED_NO_CHECKSUM;
}

function parseIcmp(p: Parsed, length: u32, held: u32, hook: u32): void {
  if (length < ICMP_SIZE) return fault(p, REASON_TRUNCATED);
  if (held < ICMP_SIZE) return fault(p, REASON_SNAPLEN_CUT);
  const type = <u32>load<u8>(p.l4);
  if (isIcmpError(type)) {
    p.kind = <u8>KIND_ICMP_ERROR;
    return;
  }
  if (!isIcmpQuery(type)) {
    p.kind = <u8>KIND_UNSUPPORTED;
    return;
  }
  const isTimestamp = type == ICMP_TIMESTAMP_REQUEST || type == ICMP_TIMESTAMP_REPLY;
  if (isTimestamp && length < ICMP_TIMESTAMP_SIZE) return fault(p, REASON_TRUNCATED);
  parseQuery(p, type, hook);
}

function parseIcmp6(p: Parsed, length: u32, held: u32, hook: u32): void {
  if (length < ICMP_SIZE) return fault(p, REASON_TRUNCATED);
  if (held < ICMP_SIZE) return fault(p, REASON_SNAPLEN_CUT);
  const type = <u32>load<u8>(p.l4);
  if (type < ICMP6_ECHO_REQUEST) {
    p.kind = <u8>KIND_ICMP_ERROR;
    return;
  }
  if (type >= ICMP6_FIRST_DISCOVERY && type <= ICMP6_LAST_DISCOVERY && load<u8>(p.l3, IPV6_HOP_LIMIT_AT) == UNROUTED) {
    p.kind = <u8>KIND_DISCOVERY;
    return;
  }
  if (type == ICMP6_ECHO_REQUEST || type == ICMP6_ECHO_REPLY) parseQuery(p, type, hook);
  else p.kind = <u8>KIND_UNSUPPORTED;
}

function parseQuery(p: Parsed, type: u32, hook: u32): void {
  if (load<u8>(p.l4, ICMP_CODE_AT) != 0) {
    p.kind = <u8>KIND_UNSUPPORTED;
    return;
  }
  p.key = queryKey(load<u16>(p.l4, ICMP_ID_AT), type, hook);
  p.kind = <u8>KIND_PLAIN;
}

/** Where the transport checksum of a PLAIN frame lies, 0 = it has none of RFC 1071. Only where PARSED_NO_CHECKSUM is not set. */
export function checksumAt(p: Parsed): usize {
  const protocol = p.protocol;
  if (protocol == PROTOCOL_TCP) return p.l4 + TCP_CHECKSUM_AT;
  if (protocol == PROTOCOL_UDP || coversAddresses(protocol)) return p.l4 + UDP_CHECKSUM_AT;
  return protocol == PROTOCOL_ICMP ? p.l4 + ICMP_CHECKSUM_AT : 0;
}

/** Bytes of a PLAIN frame from its transport header on, on the wire; of a super-frame whose header does not say, what was captured. */
export function transportLength(p: Parsed): u32 {
  const stated = p.isIpv6 ? be16(p.l3 + IPV6_PAYLOAD_LENGTH_AT) : changetype<Ipv4>(p.l3).totalLength;
  if (stated == 0) return <u32>(p.end - p.l4);
  return stated + (p.isIpv6 ? IPV6_SIZE : 0) - <u32>(p.l4 - p.l3);
}
