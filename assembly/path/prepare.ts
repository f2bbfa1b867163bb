import {
  CONFIG_FLAG_NO_SWEEP,
  FRAME_FLAGS_AT,
  FRAME_HOOK_AT,
  FRAME_SIZE,
  HOOK_FROM_OVERLAY,
  LINE_TOUCH_AT,
  REASON_BAD_CHECKSUM,
  REASON_SCTP_BAD,
} from "../abi";
import { keyHome4, keyHome6, touchSwept } from "../tables/conntrack";
import { arenaAt, configFlags, lineCount, linesAt, PARSED_SIZE, scratchAt, tagsAt } from "../tables/memory";
import { slotOfHome, Tags } from "../tables/tags";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ipv4";
import { IPV6_DST_AT, IPV6_SRC_AT } from "../wire/ipv6";
import {
  KIND_OVERLAY,
  KIND_PLAIN,
  KIND_PLAIN6,
  OTHER_TRANSPORT,
  PARSED_LONG,
  Parsed,
  parseFrame,
  refuse,
} from "../wire/parse";
import { hasBadChecksum, hasBadCrc } from "../wire/recount";
import { forgetBlock, lookAhead } from "./ahead";
import { isLong } from "./generate";
import { parsePlain, parsePlain6 } from "./plain";

// Pass 1: parses and hashes every frame of a block, then stores blindly into the padding of the conntrack lines it will need, which is a
// prefetch that WebAssembly lacks: stores retire without waiting, so the cache misses overlap.

/** What `Parsed.at` needs of a block whose first record this is. */
export function slotsOf(record: usize): usize {
  return scratchAt - (record << 1);
}

/** Pass 1 of the frames of a block. @param record of the first one   @param touch whether the lines that they need are touched */
export function prepare(record: usize, size: u32, touch: bool): void {
  forgetBlock();
  const slots = slotsOf(record);
  let at = record;
  let left = size;
  while (left != 0) {
    const run = parsePlain(at, slots, left);
    left -= run;
    at += run * FRAME_SIZE;
    if (left == 0) break;
    const run6 = parsePlain6(at, slots, left);
    left -= run6;
    at += run6 * FRAME_SIZE;
    if (run6 != 0) continue;
    parseOther(at, Parsed.at(slots, at));
    left--;
    at += FRAME_SIZE;
  }
  seekLines(size);
  if (!touch) return;
  touchLines(size);
  lookAhead(size);
}

function parseOther(record: usize, p: Parsed): void {
  if (load<u8>(record, FRAME_HOOK_AT) == HOOK_FROM_OVERLAY) p.setKind(KIND_OVERLAY, 0, 0);
  else parseFrame(record, arenaAt, p);
  if (p.kind == KIND_PLAIN) p.home = keyHome4(p.addresses, p.key);
  else if (p.kind == KIND_PLAIN6) p.home = keyHome6(p.l3 + IPV6_SRC_AT, p.l3 + IPV6_DST_AT, p.key);
  else p.home = 0;
  if (p.kind == KIND_PLAIN || p.kind == KIND_PLAIN6)
    p.reason = p.protocol == PROTOCOL_TCP || p.protocol == PROTOCOL_UDP ? 0 : OTHER_TRANSPORT;
}

/**
 * In a loop of its own, too, so that tags that are missing overlap as far as the processor looks ahead. Of a frame without a key some line comes
 * out: touching it costs less than asking.
 */
function seekLines(size: u32): void {
  const tags = tagsAt;
  const lines = linesAt;
  if (lineCount > NEAR_LINES) touchTags(size);
  let scratch = scratchAt;
  for (let i: u32 = 0; i < size; i++) {
    const p = changetype<Parsed>(scratch);
    p.line = Tags.likely(tags, lines, p.home);
    scratch += PARSED_SIZE;
  }
}

/** Tags of so many lines stay in the second cache of most processors. */
const NEAR_LINES: u32 = 1 << 19;

/** Loads the tags of a block ahead of their use, in so few steps each that the processor looks ahead over all of them. */
function touchTags(size: u32): void {
  const tags = tagsAt;
  let scratch = scratchAt;
  let sum: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    sum += load<u8>(tags + <usize>slotOfHome(changetype<Parsed>(scratch).home));
    scratch += PARSED_SIZE;
  }
  keep(sum);
}

/** What loads ahead came to is stored, lest they go. */
const LOADED: usize = memory.data(4);

function keep(sum: u32): void {
  store<u32>(LOADED, sum);
}

/**
 * In a loop of its own: stores become visible in order, so a line that is missing holds up whatever is stored behind it.
 */
function touchLines(size: u32): void {
  let scratch = scratchAt;
  for (let i: u32 = 0; i < size; i++) {
    store<u16>(changetype<Parsed>(scratch).line, <u16>i, LINE_TOUCH_AT);
    scratch += PARSED_SIZE;
  }
  if (!(configFlags & CONFIG_FLAG_NO_SWEEP)) keep(touchSwept(size));
}

/** Between the passes, where ICMP errors are asked for: what may be too long leaves the straight line. */
export function markLong(record: usize, size: u32): void {
  let scratch = scratchAt;
  for (let i: u32 = 0; i < size; i++) {
    const p = changetype<Parsed>(scratch);
    const flags = load<u16>(record, FRAME_FLAGS_AT);
    if (isLong(p, flags)) p.flags |= <u8>PARSED_LONG;
    record += FRAME_SIZE;
    scratch += PARSED_SIZE;
  }
}

/** Between the passes, where it is asked for: wherever a frame comes in first, so that all topologies drop the same ones. */
export function refuseBadChecksums(record: usize, size: u32): void {
  let scratch = scratchAt;
  for (let i: u32 = 0; i < size; i++) {
    const p = changetype<Parsed>(scratch);
    const flags = <u32>load<u16>(record, FRAME_FLAGS_AT);
    if (hasBadChecksum(p, flags)) refuse(p, REASON_BAD_CHECKSUM);
    else if (hasBadCrc(p, flags)) refuse(p, REASON_SCTP_BAD);
    record += FRAME_SIZE;
    scratch += PARSED_SIZE;
  }
}
