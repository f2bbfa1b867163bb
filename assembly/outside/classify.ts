import { FRAME_FLAG_UPLINK, HOOK_FROM_ENDPOINT, HOOK_FROM_NETWORK } from "../abi";
import { IPV4_DST_AT, IPV4_SRC_AT } from "../wire/ipv4";
import { addressFlags, ipv4Flags } from "./addresses";
import {
  actions,
  arenaAt,
  captureds,
  control,
  egresses,
  frameTime,
  hashes,
  hooks,
  interfaces,
  links,
  lives,
  natPorts,
  offsets,
  reasons,
  shard,
  shardCount,
  slotFlags,
  verdictFlags,
  wires,
} from "./control";
import { settleCopy } from "./copies";
import { isSelected } from "./filter";
import { lookAtReply } from "./fragments";
import {
  ACTION_ELSEWHERE,
  ACTION_SKIPPED,
  ADDRESS_EGRESS,
  ADDRESS_ENDPOINT,
  ADDRESS_NODE,
  CONTROL_INTERFACES_AT,
  CONTROL_READ_CLOCK_AT,
  INTERFACE_FLAG_COPIES,
  INTERFACE_FLAG_DECAPSULATE,
  INTERFACE_FLAG_NETWORK,
  INTERFACE_FLAG_TWINS,
  INTERFACE_FLAGS_AT,
  INTERFACE_LINK_AT,
  INTERFACE_SIZE,
  NO_EGRESS,
  SKIP_ALREADY_TRANSLATED,
  SKIP_BAD_HEADER,
  SKIP_CUT,
  SKIP_ENCRYPTED_UNDERLAY,
  SKIP_ENDPOINT_UNKNOWN,
  SKIP_FILTERED,
  SKIP_LINK_TYPE,
  SKIP_NOT_IP,
  SKIP_OVERLAY,
  SKIP_TRUNCATED,
  SLOT_DECAPSULATED,
  SLOT_REPLY,
} from "./layout";
import { connectionHash } from "./mappings";
import { offloadFlags } from "./offload";
import { innerFrame, innerLink, innerWire, isEncrypted, isOverlay, openOverlay } from "./overlay";
import {
  dstFirst,
  dstSecond,
  hasPorts,
  ipv4Addresses,
  l4,
  look,
  mayBeFragment,
  packetEnd,
  protocol,
  quotedIpv4,
  srcFirst,
  srcSecond,
  version,
} from "./packet";
import { shardOf } from "./shard";

// Says for every frame of a piece where it enters the engine, or why it does not: a pure function of the captures, of what was decided
// for their interfaces and of the known addresses. Time is the latest timestamp so far, as in the engine.

/** The frame being classified, as its columns will say. */
let offset: u32 = 0;
let captured: u32 = 0;
let wire: u32 = 0;
let link: u32 = 0;
let flags: u32 = 0;
let hook: u32 = 0;
let hash: u32 = 0;
/** ADDRESS_* of its source. */
let src: u32 = 0;

/** @param count frames of the piece   @param piece its number, counted from 1 */
export function classify(count: u32, piece: u32): void {
  let clock = load<u64>(control, CONTROL_READ_CLOCK_AT);
  const interfacesAt = <usize>load<u32>(control, CONTROL_INTERFACES_AT);
  for (let i: u32 = 0; i < count; i++) {
    const time = frameTime(i);
    if (time > clock) clock = time;
    const row = interfacesAt + <usize>load<u32>(interfaces + ((<usize>i) << 2)) * INTERFACE_SIZE;
    const options = <u32>load<u8>(row, INTERFACE_FLAGS_AT);
    take(i, load<u8>(row, INTERFACE_LINK_AT));
    let reason: u32 = link == 0 ? SKIP_LINK_TYPE : look(arenaAt + offset, captured, wire, link);
    if (reason == 0) reason = place(options, clock);
    if (reason == 0 && !isSelected()) reason = SKIP_FILTERED;
    put(i, reason);
    if (shardCount > 1) {
      store<u32>(lives + ((<usize>i) << 2), 0);
      if (!isOwn(reason)) {
        leave(i);
        continue;
      }
    }
    if (reason == 0 && options & (INTERFACE_FLAG_COPIES | INTERFACE_FLAG_TWINS))
      settleCopy(i, piece, clock, (src & ADDRESS_ENDPOINT) != 0, options);
  }
  store<u64>(control, clock, CONTROL_READ_CLOCK_AT);
}

function take(i: u32, linkOfInterface: u32): void {
  const at = (<usize>i) << 2;
  offset = load<u32>(offsets + at);
  captured = load<u32>(captureds + at);
  wire = load<u32>(wires + at);
  if (wire < captured) wire = captured;
  link = linkOfInterface;
  flags = 0;
  hook = 0;
  hash = 0;
  src = 0;
}

/** Sets `hook` and `flags`. @returns 0 or SKIP_* */
function place(options: u32, clock: u64): u32 {
  src = sourceFlags(clock);
  if (src & ADDRESS_ENDPOINT) return fromEndpoint();
  let dst = destinationFlags(clock);
  if (!(dst & ADDRESS_ENDPOINT) && isOverlay()) {
    if (!(options & INTERFACE_FLAG_DECAPSULATE) || !decapsulate()) return SKIP_OVERLAY;
    src = sourceFlags(clock);
    if (src & ADDRESS_ENDPOINT) return fromEndpoint();
    dst = destinationFlags(clock);
  }
  if (dst & ADDRESS_ENDPOINT)
    return fromOutside(options & INTERFACE_FLAG_NETWORK ? FRAME_FLAG_UPLINK : SLOT_REPLY, clock);
  if (options & INTERFACE_FLAG_NETWORK && dst & ADDRESS_EGRESS) return fromOutside(0, clock);
  if (!(options & INTERFACE_FLAG_NETWORK) && !(src & ADDRESS_EGRESS) && isErrorAboutEndpoint(clock))
    return fromEndpoint();
  if ((src | dst) & (ADDRESS_NODE | ADDRESS_EGRESS))
    return isEncrypted() ? SKIP_ENCRYPTED_UNDERLAY : SKIP_ALREADY_TRANSLATED;
  return SKIP_ENDPOINT_UNKNOWN;
}

/** True for an ICMP error that a router inside sends about what came for an endpoint (RFC 5508 REQ-5). */
function isErrorAboutEndpoint(clock: u64): bool {
  const quoted = quotedIpv4();
  if (quoted == 0 || load<u32>(quoted, IPV4_SRC_AT) != <u32>(ipv4Addresses() >> 32)) return false;
  return (ipv4Flags(load<u32>(quoted, IPV4_DST_AT), clock) & ADDRESS_ENDPOINT) != 0;
}

/** Low bits of the hash of the connection that this frame answers, if it is the usual kind: only ever a hint at where to look soon. */
function replyHash(): u32 {
  if (version != 4 || !hasPorts()) return 0;
  return <u32>connectionHash(rotl<u64>(ipv4Addresses(), 32), rotl<u32>(load<u32>(l4), 16), protocol);
}

function sourceFlags(clock: u64): u32 {
  return version == 4 ? ipv4Flags(<u32>(srcSecond >> 32), clock) : addressFlags(srcFirst, srcSecond, clock);
}

function destinationFlags(clock: u64): u32 {
  return version == 4 ? ipv4Flags(<u32>(dstSecond >> 32), clock) : addressFlags(dstFirst, dstSecond, clock);
}

function fromEndpoint(): u32 {
  hook = HOOK_FROM_ENDPOINT;
  flags |= offloadFlags();
  return 0;
}

function fromOutside(more: u32, clock: u64): u32 {
  hook = HOOK_FROM_NETWORK;
  flags |= offloadFlags() | more;
  if (more & SLOT_REPLY) hash = replyHash();
  if (more & SLOT_REPLY && mayBeFragment()) lookAtReply(offset, captured, wire, link, clock);
  return 0;
}

/** Goes on with the inner frame of an overlay packet. */
function decapsulate(): bool {
  if (!openOverlay()) return false;
  const held = <u32>(packetEnd - innerFrame);
  const frame = innerFrame;
  const size = innerWire;
  const inner = innerLink;
  if (look(frame, held < size ? held : size, size, inner)) return false;
  offset = <u32>(frame - arenaAt);
  captured = held < size ? held : size;
  wire = size;
  link = inner;
  flags |= SLOT_DECAPSULATED;
  return true;
}

function put(i: u32, reason: u32): void {
  const at32 = (<usize>i) << 2;
  const at16 = (<usize>i) << 1;
  store<u32>(offsets + at32, offset);
  store<u32>(captureds + at32, captured);
  store<u32>(wires + at32, wire);
  store<u32>(hashes + at32, hash);
  store<u8>(links + i, <u8>link);
  store<u16>(slotFlags + at16, <u16>flags);
  store<u16>(verdictFlags + at16, 0);
  store<u16>(egresses + at16, <u16>NO_EGRESS);
  store<u16>(natPorts + at16, 0);
  skip(i, reason);
  if (reason == 0) store<u8>(hooks + i, <u8>hook);
}

/** True where the frame being classified is of this shard. @param reason why it is skipped, 0 = it is not */
function isOwn(reason: u32): bool {
  return (hasAddresses(reason) ? shardOf(offset, captured, wire, link, hook) : 0) == shard;
}

/** False where no packet was looked at: what stands in packet.ts is another one's. */
function hasAddresses(reason: u32): bool {
  return (
    reason != SKIP_LINK_TYPE &&
    reason != SKIP_NOT_IP &&
    reason != SKIP_BAD_HEADER &&
    reason != SKIP_CUT &&
    reason != SKIP_TRUNCATED &&
    reason != SKIP_OVERLAY
  );
}

/** Leaves frame `i` to another shard. */
function leave(i: u32): void {
  store<u8>(hooks + i, 0);
  store<u8>(actions + i, <u8>ACTION_ELSEWHERE);
}

/** Keeps frame `i` from the engine, for a reason. */
export function skip(i: u32, reason: u32): void {
  store<u8>(hooks + i, 0);
  store<u8>(actions + i, <u8>ACTION_SKIPPED);
  store<u8>(reasons + i, <u8>reason);
}
