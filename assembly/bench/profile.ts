// The engine with a `process` that stops where it is told to, for `bench --profile`: the time of a pass is the difference of two stages.
// Everything else is the engine's own code, each pass called from one place as there, so that the optimiser does the same to it; a test
// holds its frames, verdicts and counters against those of engine.wasm.

import {
  CONFIG_FLAG_BAD_CHECKSUM_DROP,
  CONFIG_FLAG_ICMP_ERRORS,
  CONFIG_FLAG_TOUCH,
  FRAME_SIZE,
  GENERATED_COUNT_AT,
  OK,
  VERDICT_SIZE,
} from "../abi";
import { markLong, prepare, refuseBadChecksums } from "../path/prepare";
import { batchFault, isCut, settle } from "../path/process";
import { Straight } from "../path/straight";
import { SWEEP_DUE_AT, SWEEP_LINES } from "../tables/clock";
import { find } from "../tables/conntrack";
import {
  addressesAt,
  BLOCK,
  configFlags,
  framesAt,
  generatedAt,
  isConfigured,
  mtu,
  PARSED_SIZE,
  scratchAt,
  stateAt,
  verdictsAt,
} from "../tables/memory";
import { KIND_PLAIN, KIND_PLAIN6, Parsed } from "../wire/parse";
import {
  STAGE_CALL,
  STAGE_COUNT,
  STAGE_FIND,
  STAGE_PARSE,
  STAGE_RECORDS,
  STAGE_SETTLE,
  STAGE_TOUCH,
  STAGE_WHOLE,
} from "./stages";

export {
  abiVersion,
  advance,
  configAt,
  configure,
  feedback,
  loadPolicy,
  locate,
  nodeLost,
  passTime,
  regionAt,
  regionSize,
  restore,
  setActive,
  setGateway,
  setOwnNode,
  setReachable,
} from "../index";

let stage: u32 = STAGE_WHOLE;
let lines: u32 = 0;

/** How far `process` goes from now on: STAGE_*. Counting starts anew, and so does the sweep's count of frames. */
export function setStage(to: u32): void {
  stage = to;
  lines = 0;
  if (isConfigured) store<u32>(stateAt, 0, SWEEP_DUE_AT);
}

/** Lines of the table counted since STAGE_COUNT was set. */
export function lineTotal(): u32 {
  return lines;
}

/** Bytes that pass 1 leaves for pass 2 about each frame. */
export function scratchSize(): u32 {
  return PARSED_SIZE;
}

/** As the engine's, up to the stage. */
export function process(count: u32): i32 {
  if (stage == <u32>STAGE_CALL) return count;
  const error = batchFault(count);
  if (error != OK) return error;
  if (stage == <u32>STAGE_RECORDS) return count;
  const isParseOnly = stage == <u32>STAGE_PARSE || stage == <u32>STAGE_COUNT;
  const touch = (configFlags & CONFIG_FLAG_TOUCH) != 0 && !isParseOnly;
  const recount = (configFlags & CONFIG_FLAG_BAD_CHECKSUM_DROP) != 0;
  const tells = (configFlags & CONFIG_FLAG_ICMP_ERRORS) != 0;
  if (tells) store<u32>(generatedAt, 0, GENERATED_COUNT_AT);
  for (let first: u32 = 0; first < count; first += BLOCK) {
    const left = count - first;
    const size = left < BLOCK ? left : BLOCK;
    prepare(framesAt + <usize>first * FRAME_SIZE, size, touch);
    if (isParseOnly || stage == <u32>STAGE_TOUCH || stage == <u32>STAGE_FIND) {
      if (stage == <u32>STAGE_FIND) findLines(size);
      else if (stage == <u32>STAGE_COUNT) countLines(size);
      continue;
    }
    if (tells && mtu) markLong(framesAt + <usize>first * FRAME_SIZE, size);
    if (recount) refuseBadChecksums(framesAt + <usize>first * FRAME_SIZE, size);
    // Past the number at which the sweep is due: it never is, and runs of straight frames are as long as the block.
    if (stage == <u32>STAGE_SETTLE) store<u32>(stateAt, SWEEP_LINES + 1, SWEEP_DUE_AT);
    const done = settle(framesAt + <usize>first * FRAME_SIZE, verdictsAt + <usize>first * VERDICT_SIZE, size);
    if (isCut) return first + done;
  }
  return count;
}

function findLines(size: u32): void {
  let scratch = scratchAt;
  let sum: usize = 0;
  for (let i: u32 = 0; i < size; i++) {
    sum += lineOf(changetype<Parsed>(scratch));
    scratch += PARSED_SIZE;
  }
  // Keeps the loads from being optimized away.
  lines = <u32>sum;
}

/** A frame's likely line, and where it is not its own that one, too. */
function countLines(size: u32): void {
  let scratch = scratchAt;
  for (let i: u32 = 0; i < size; i++) {
    const p = changetype<Parsed>(scratch);
    scratch += PARSED_SIZE;
    if (p.kind != KIND_PLAIN && p.kind != KIND_PLAIN6) continue;
    const found = lineOf(p);
    lines += found == 0 || found == p.line ? 1 : 2;
  }
}

/** The line of a frame's key, 0 = none; of an IPv6 frame only where it is the likely one. */
function lineOf(p: Parsed): usize {
  if (p.kind == KIND_PLAIN) return Straight.isOf(p.line, p) ? p.line : find(p.home, p.addresses, p.key);
  return p.kind == KIND_PLAIN6 && Straight.isOf6(p.line, p, addressesAt) ? p.line : 0;
}
