import {
  FRAGMENT_MS,
  FRAME_CAPTURED_AT,
  FRAME_HOOK_AT,
  FRAME_LINK_AT,
  FRAME_OFFSET_AT,
  FRAME_SIZE,
  FRAME_WIRE_AT,
  HOOK_FROM_NETWORK,
} from "../abi";
import { fragmentFrom, fragmentId, readFragment } from "../wire/fragment";
import { IPV6_SRC_AT } from "../wire/ipv6";
import { KIND_FRAGMENT, KIND_PLAIN, KIND_PLAIN6, Parsed, parseFrame } from "../wire/parse";
import { arenaAt, fragmentsAt, parsedAt, seed } from "./control";
import { FRAGMENT_SIZE, FRAGMENT_SLOTS } from "./layout";
import { mix, seal } from "./mix";

// Ports of fragmented replies. The outside knows which connection a later fragment answers even where the capture shows it before the first
// one: it sent both. So first fragments are looked at when a piece is classified, before any frame of it is taken.

const HASH_AT: usize = 0; // u64; 0 = empty
const TIME_AT: usize = 8; // u64 ns
const PORTS_AT: usize = 16; // u32 raw
const PROTOCOL_AT: usize = 20; // u32

const NS_PER_MS: u64 = 1_000_000;
/** Neighbours that a datagram may lie in. */
const PROBES: u32 = 8;

const record: usize = memory.data(FRAME_SIZE, 8);

/** The parsed frame is a first fragment. */
export let isFirst: bool = false;
/** What the first fragment of a datagram showed. */
export let repliedPorts: u32 = 0;
export let repliedProtocol: u32 = 0;

/** Turns a parsed first fragment into what it would be by itself, and says in `isFirst` that it is one. */
export function openFragment(p: Parsed): void {
  isFirst = false;
  if (p.kind != KIND_FRAGMENT || readFragment(p) || fragmentFrom) return;
  isFirst = true;
  if (p.isIpv6) p.kind = <u8>KIND_PLAIN6;
}

/** True for a later fragment that can be part of a datagram. */
export function isLater(p: Parsed): bool {
  return p.kind == KIND_FRAGMENT && !readFragment(p) && fragmentFrom != 0;
}

/** Looks at a frame that an endpoint received while its piece is classified. */
export function lookAtReply(offset: u32, captured: u32, wire: u32, link: u32, time: u64): void {
  store<u32>(record, offset, FRAME_OFFSET_AT);
  store<u32>(record, captured, FRAME_CAPTURED_AT);
  store<u32>(record, wire, FRAME_WIRE_AT);
  store<u8>(record, <u8>HOOK_FROM_NETWORK, FRAME_HOOK_AT);
  store<u8>(record, <u8>link, FRAME_LINK_AT);
  const p = changetype<Parsed>(parsedAt);
  parseFrame(record, arenaAt, p);
  openFragment(p);
  if (isFirst && !rowOf(hashOf(p), time)) noteReply(p, time);
}

/** Remembers a first fragment's ports. */
export function noteReply(p: Parsed, time: u64): void {
  if (p.kind != KIND_PLAIN && p.kind != KIND_PLAIN6) return;
  const hash = hashOf(p);
  let row = rowOf(hash, time);
  if (!row) row = roomFor(hash);
  store<u64>(row, hash, HASH_AT);
  store<u64>(row, time, TIME_AT);
  store<u32>(row, p.ports, PORTS_AT);
  store<u32>(row, p.protocol, PROTOCOL_AT);
}

/** Sets `repliedPorts` and `repliedProtocol`. @returns false where the first fragment was not seen */
export function findReply(p: Parsed, time: u64): bool {
  const row = rowOf(hashOf(p), time);
  if (!row) return false;
  repliedPorts = load<u32>(row, PORTS_AT);
  repliedProtocol = load<u32>(row, PROTOCOL_AT);
  return true;
}

function hashOf(p: Parsed): u64 {
  let hash = mix(seed, <u64>fragmentId);
  if (p.isIpv6) {
    for (let at = p.l3 + IPV6_SRC_AT; at < p.l3 + IPV6_SRC_AT + 32; at += 8) hash = mix(hash, load<u64>(at));
  } else hash = mix(mix(hash, p.addresses), load<u8>(p.l3, 9));
  return seal(hash) | 1;
}

function slotAt(hash: u64, probe: u32): usize {
  return fragmentsAt + <usize>((<u32>(hash >> 32) + probe) & (FRAGMENT_SLOTS - 1)) * FRAGMENT_SIZE;
}

function rowOf(hash: u64, time: u64): usize {
  for (let probe: u32 = 0; probe < PROBES; probe++) {
    const row = slotAt(hash, probe);
    // A piece is classified before its frames are taken: what was noted may lie ahead.
    if (load<u64>(row, HASH_AT) == hash) return time < load<u64>(row, TIME_AT) + FRAGMENT_MS * NS_PER_MS ? row : 0;
  }
  return 0;
}

/** The slot for a datagram: its own, an empty one, else the oldest. */
function roomFor(hash: u64): usize {
  let best = slotAt(hash, 0);
  for (let probe: u32 = 0; probe < PROBES; probe++) {
    const row = slotAt(hash, probe);
    const known = load<u64>(row, HASH_AT);
    if (known == hash || known == 0) return row;
    if (load<u64>(row, TIME_AT) < load<u64>(best, TIME_AT)) best = row;
  }
  return best;
}
