import {
  COUNTER_REMOVED_AT,
  ERROR_BAD_STATE,
  ERROR_BATCH_TOO_LARGE,
  ERROR_NO_POLICY_LOADED,
  ERROR_NOT_CONFIGURED,
  FEEDBACK_FORGET,
  FEEDBACK_REFUSED,
  FEEDBACK_RESTART,
  FRAME_SIZE,
  OK,
  REASON_COUNT,
} from "../abi";
import { find, keyHome, removeCounted } from "../tables/conntrack";
import { arenaAt, framesAt, isConfigured, maxBatch, scratchAt } from "../tables/memory";
import { isPolicyLoaded } from "../tables/policy";
import { readFragment } from "../wire/fragment";
import { KIND_FRAGMENT, KIND_PLAIN, KIND_PLAIN6, Parsed, parseFrame } from "../wire/parse";
import { beginState } from "./connection";
import { refuseFirst } from "./fragment";
import { recordFault } from "./process";
import { lookUp } from "./tuple";

/**
 * Tells an engine what became of a frame at another node's. @param i frame record, which describes the frame as its endpoint sent it
 * (hook from-endpoint) @param what FEEDBACK_*, or FEEDBACK_REFUSED | REASON_* << 8 @returns OK, also where the frame's connection is not known, or ERROR_*
 */
export function feedback(i: u32, what: u32): i32 {
  if (!isConfigured) return ERROR_NOT_CONFIGURED;
  if (!isPolicyLoaded) return ERROR_NO_POLICY_LOADED;
  if (i >= maxBatch) return ERROR_BATCH_TOO_LARGE;
  const reason = what >> 8;
  const isRefused = (what & 0xff) == FEEDBACK_REFUSED && reason < <u32>REASON_COUNT;
  if (!isRefused && what != FEEDBACK_FORGET && what != FEEDBACK_RESTART) return ERROR_BAD_STATE;
  const record = framesAt + <usize>i * FRAME_SIZE;
  const error = recordFault(record);
  if (error != OK) return error;
  const p = changetype<Parsed>(scratchAt);
  parseFrame(record, arenaAt, p);
  const isFragment = p.kind == KIND_FRAGMENT;
  if (isFragment) readFragment(p);
  if (p.kind != KIND_PLAIN && p.kind != KIND_PLAIN6) return OK;
  if (p.isIpv6) lookUp(p);
  const line = find(keyHome(p.addresses, p.key), p.addresses, p.key);
  if (isRefused && isFragment) refuseFirst(p, reason, line);
  if (line == 0 || isRefused) return OK;
  if (what == FEEDBACK_FORGET) removeCounted(line, COUNTER_REMOVED_AT);
  else beginState(p, line);
  return OK;
}
