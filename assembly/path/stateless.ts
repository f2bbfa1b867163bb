import {
  CONFIG_FLAG_UNSUPPORTED_PASS,
  HOOK_FROM_ENDPOINT,
  NO_INDEX,
  REASON_ENDPOINT_UNKNOWN,
  REASON_NO_REVERSE_MAPPING,
  REASON_UNSUPPORTED_PASSED,
} from "../abi";
import { nowNs } from "../tables/clock";
import { configFlags } from "../tables/memory";
import { findEndpoint, isEgressAddress } from "../tables/policy";
import { IPV4_DST_AT, IPV4_SRC_AT } from "../wire/ipv4";
import { KIND_IPV6, Parsed } from "../wire/parse";
import { mappedLow, matchPolicy, neverSelected } from "./resolve";
import { Verdict } from "./verdict";

// Frames that the engine cannot translate. What no policy selects passes, as it would have; what one selects never leaves untranslated.

const IPV6_SRC_AT: usize = 8;
const IPV6_DST_AT: usize = 24;

/** @param reason what to call it where it must be dropped */
export function stateless(p: Parsed, reason: u32, v: Verdict): void {
  if (p.kind == KIND_IPV6) {
    const src = p.l3 + IPV6_SRC_AT;
    const dst = p.l3 + IPV6_DST_AT;
    return decide(p.hook, half(src), half(src + 8), half(dst), half(dst + 8), reason, v);
  }
  decide(p.hook, 0, mappedLow(load<u32>(p.l3 + IPV4_SRC_AT)), 0, mappedLow(load<u32>(p.l3 + IPV4_DST_AT)), reason, v);
}

function half(at: usize): u64 {
  return bswap<u64>(load<u64>(at));
}

function decide(hook: u32, srcHigh: u64, srcLow: u64, dstHigh: u64, dstLow: u64, reason: u32, v: Verdict): void {
  const outbound = hook == HOOK_FROM_ENDPOINT;
  const endpoint = outbound ? findEndpoint(srcHigh, srcLow, nowNs()) : findEndpoint(dstHigh, dstLow, nowNs());
  if (endpoint == NO_INDEX) {
    if (!outbound && isEgressAddress(dstHigh, dstLow)) return v.drop(REASON_NO_REVERSE_MAPPING);
    return v.pass(REASON_ENDPOINT_UNKNOWN);
  }
  const remoteHigh = outbound ? dstHigh : srcHigh;
  const remoteLow = outbound ? dstLow : srcLow;
  const never = neverSelected(remoteHigh, remoteLow);
  if (never) return v.pass(never);
  const unselected = matchPolicy(endpoint, remoteHigh, remoteLow);
  if (unselected) return v.pass(unselected);
  if (configFlags & CONFIG_FLAG_UNSUPPORTED_PASS) return v.pass(REASON_UNSUPPORTED_PASSED);
  v.drop(reason);
}
