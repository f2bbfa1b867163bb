import { LINK_ETHERNET, LINK_SLL, LINK_SLL2 } from "../abi";
import { be16 } from "../wire/bytes";
import { skip } from "./classify";
import { arenaAt, copiesAt, copyMask, interfaces, links, offsets, seed, slotFlags } from "./control";
import {
  COPY_HASH_AT,
  COPY_MAX_VIEWS,
  COPY_PIECE_AT,
  COPY_PROBES,
  COPY_RANK_AT,
  COPY_SIZE,
  COPY_SLOT_AT,
  COPY_TIME_AT,
  COPY_VIEW_COUNT_AT,
  COPY_VIEWS_AT,
  COPY_WINDOW_MS,
  INTERFACE_FLAG_TWINS,
  SKIP_DUPLICATE,
  SLOT_DECAPSULATED,
} from "./layout";
import { mix, seal } from "./mix";
import { l3, l4, packetEnd, totalLength, version } from "./packet";

// Several copies of one packet: `any` captures, both ends of a veth, mirror ports, an overlay beside what it carries. Copies have the same
// bytes from the IP header on, but for TTL and header checksum, lie close together in time, and are each seen in another way: on another
// interface, in another direction, with another TTL, tag or MAC. A retransmission has a new IP ID, comes later, or is seen in a way in
// which the packet was seen before. The endpoint's own copy is used: of a packet that it sends the first one (highest TTL), of one that it
// receives the last one (lowest TTL); cooked captures say more: the host receives what a pod sends, and sends what a pod receives.
//
// The copy that is used is settled within a piece. Where copies of a packet lie in two pieces, the one used in the first piece stays.

const WINDOW_NS: u64 = <u64>COPY_WINDOW_MS * 1000000;
/** Bytes behind the IP header that tell packets apart; checksums in them cover the rest, sequence numbers its place. */
const COMPARED: u32 = 48;

/** Packet types of cooked captures (tcpdump's LINKTYPE_LINUX_SLL). */
const SENT_BY_US: u32 = 4;

/** Hash of what all copies of a packet share. */
function identity(): u64 {
  let hash = mix(seed, <u64>totalLength | ((<u64>version) << 32));
  if (version == 4) {
    hash = mix(hash, load<u32>(l3, 4)); // identification, fragment offset
    hash = mix(hash, load<u64>(l3, 12)); // addresses
    hash = mix(hash, load<u8>(l3, 9)); // protocol
  } else {
    hash = mix(hash, load<u64>(l3, 8));
    hash = mix(hash, load<u64>(l3, 16));
    hash = mix(hash, load<u64>(l3, 24));
    hash = mix(hash, load<u64>(l3, 32));
  }
  let at = l4 ? l4 : l3 + (version == 4 ? 20 : 40);
  const end = at + COMPARED < packetEnd ? at + COMPARED : packetEnd;
  for (; at + 8 <= end; at += 8) hash = mix(hash, load<u64>(at));
  for (; at < end; at++) hash = mix(hash, load<u8>(at));
  const result = seal(hash);
  return result == 0 ? 1 : result;
}

function ttl(): u32 {
  return load<u8>(l3 + (version == 4 ? 8 : 7));
}

/** Where and how this copy was seen. */
function view(i: u32, frame: usize, link: u32): u32 {
  let hash = mix(seed, ((<u64>load<u32>(interfaces + ((<usize>i) << 2))) << 8) | ttl());
  hash = mix(hash, load<u16>(slotFlags + ((<usize>i) << 1)) & SLOT_DECAPSULATED);
  if (link == LINK_ETHERNET) {
    // Both addresses and, where tagged, the tag.
    hash = mix(mix(hash, load<u64>(frame)), load<u64>(frame, 6));
  } else if (link == LINK_SLL) {
    hash = mix(hash, load<u16>(frame));
  } else if (link == LINK_SLL2) {
    hash = mix(mix(hash, load<u32>(frame, 4)), load<u8>(frame, 10));
  }
  return <u32>seal(hash);
}

/**
 * How well a copy fits the endpoint's side; of equal ones the earlier is used where the endpoint sends, the later where it receives.
 * Direction says most; TTL next.
 */
function rank(frame: usize, link: u32, outbound: bool): u32 {
  let direction: u32 = 1;
  if (link == LINK_SLL || link == LINK_SLL2) {
    const type = link == LINK_SLL ? be16(frame) : <u32>load<u8>(frame, 10);
    direction = (type != SENT_BY_US) == outbound ? 2 : 0;
  }
  return (direction << 8) | (outbound ? ttl() : 255 - ttl());
}

/** Finds out whether frame `i` is another copy of a packet, and which copy is to be used. The frame has been looked at and is selected. */
export function settleCopy(i: u32, piece: u32, time: u64, outbound: bool, options: u32): void {
  const frame = arenaAt + load<u32>(offsets + ((<usize>i) << 2));
  const link = <u32>load<u8>(links + i);
  const hash = identity();
  const seen = view(i, frame, link);
  const mine = rank(frame, link, outbound);
  const at = findCopy(hash);
  if (load<u64>(at, COPY_HASH_AT) != hash || !isNear(at, time) || !isAnotherView(at, seen, options))
    return begin(at, hash, time, i, piece, mine, seen);
  const best = load<u32>(at, COPY_RANK_AT);
  const isBetter = outbound ? mine > best : mine >= best;
  if (!isBetter || load<u32>(at, COPY_PIECE_AT) != piece) return skip(i, SKIP_DUPLICATE);
  skip(load<u32>(at, COPY_SLOT_AT), SKIP_DUPLICATE);
  store<u32>(at, i, COPY_SLOT_AT);
  store<u32>(at, mine, COPY_RANK_AT);
}

/** The row of this packet, or else the one to be used for it: an empty, an outdated, or the oldest within reach. */
function findCopy(hash: u64): usize {
  let slot = <u32>hash & copyMask;
  let room: usize = 0;
  for (let probes: u32 = 0; probes < <u32>COPY_PROBES; probes++) {
    const at = copiesAt + <usize>slot * COPY_SIZE;
    if (load<u64>(at, COPY_HASH_AT) == hash) return at;
    if (room == 0 || load<u64>(at, COPY_TIME_AT) < load<u64>(room, COPY_TIME_AT)) room = at;
    slot = (slot + 1) & copyMask;
  }
  return room;
}

function isNear(at: usize, time: u64): bool {
  return time - load<u64>(at, COPY_TIME_AT) <= WINDOW_NS;
}

/** True where the packet was not seen in this way yet; notes the way. A twin is seen the same way a second time. */
function isAnotherView(at: usize, seen: u32, options: u32): bool {
  const count = load<u32>(at, COPY_VIEW_COUNT_AT);
  let times: u32 = 0;
  for (let i: u32 = 0; i < count; i++) if (load<u32>(at + COPY_VIEWS_AT + ((<usize>i) << 2)) == seen) times++;
  if (times > (options & INTERFACE_FLAG_TWINS ? 1 : 0)) return false;
  if (count >= <u32>COPY_MAX_VIEWS) return false;
  store<u32>(at + COPY_VIEWS_AT + ((<usize>count) << 2), seen);
  store<u32>(at, count + 1, COPY_VIEW_COUNT_AT);
  return true;
}

function begin(at: usize, hash: u64, time: u64, i: u32, piece: u32, mine: u32, seen: u32): void {
  store<u64>(at, hash, COPY_HASH_AT);
  store<u64>(at, time, COPY_TIME_AT);
  store<u32>(at, i, COPY_SLOT_AT);
  store<u32>(at, piece, COPY_PIECE_AT);
  store<u32>(at, mine, COPY_RANK_AT);
  store<u32>(at, 1, COPY_VIEW_COUNT_AT);
  store<u32>(at, seen, COPY_VIEWS_AT);
}
