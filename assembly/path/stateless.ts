import {
  CONFIG_FLAG_UNSUPPORTED_PASS,
  HOOK_FROM_ENDPOINT,
  NO_INDEX,
  REASON_BAD_CHECKSUM,
  REASON_BAD_DESTINATION,
  REASON_BAD_HEADER,
  REASON_BAD_SOURCE,
  REASON_ENDPOINT_UNKNOWN,
  REASON_SOURCE_ROUTE,
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

/** IPv4 sources that no host may use: network 0, loopback, multicast, reserved (RFC 1812 section 5.3.7), and the gateways' own egress IPs. */
export function isSpoofed(src: u32): bool {
  const first = src & 0xff;
  return first == 0 || first == 127 || first >= 224 || isEgressAddress(0, mappedLow(src));
}

/** @param reason what to call it where it must be dropped */
export function stateless(p: Parsed, reason: u32, v: Verdict): void {
  const outbound = p.hook == HOOK_FROM_ENDPOINT;
  if (p.kind != KIND_IPV6)
    return statelessToward(p, load<u32>(p.l3 + (outbound ? IPV4_DST_AT : IPV4_SRC_AT)), reason, v);
  const src = p.l3 + IPV6_SRC_AT;
  const dst = p.l3 + IPV6_DST_AT;
  const own = outbound ? src : dst;
  const remote = outbound ? dst : src;
  decide(outbound, half(own), half(own + 8), half(remote), half(remote + 8), reason, v);
}

/** An IPv4 frame that is to be judged as traffic with `remote`, network order bytes, whoever stands in its header. */
export function statelessToward(p: Parsed, remote: u32, reason: u32, v: Verdict): void {
  const outbound = p.hook == HOOK_FROM_ENDPOINT;
  const own = load<u32>(p.l3 + (outbound ? IPV4_SRC_AT : IPV4_DST_AT));
  decide(outbound, 0, mappedLow(own), 0, mappedLow(remote), reason, v);
}

/** Reasons that speak of the frame itself: nobody would let it pass. */
function isFault(reason: u32): bool {
  return (
    reason == REASON_BAD_CHECKSUM ||
    reason == REASON_BAD_HEADER ||
    reason == REASON_BAD_DESTINATION ||
    reason == REASON_SOURCE_ROUTE
  );
}

function isMapped(high: u64, low: u64): bool {
  return high == 0 && low >> 32 == 0xffff;
}

function half(at: usize): u64 {
  return bswap<u64>(load<u64>(at));
}

function decide(
  outbound: bool,
  ownHigh: u64,
  ownLow: u64,
  remoteHigh: u64,
  remoteLow: u64,
  reason: u32,
  v: Verdict,
): void {
  const endpoint = findEndpoint(ownHigh, ownLow, nowNs());
  if (endpoint == NO_INDEX) {
    if (!outbound && isEgressAddress(ownHigh, ownLow)) return v.drop(reason);
    if (outbound && isMapped(ownHigh, ownLow) && isSpoofed(bswap<u32>(<u32>ownLow))) return v.drop(REASON_BAD_SOURCE);
    return v.pass(REASON_ENDPOINT_UNKNOWN);
  }
  const never = neverSelected(remoteHigh, remoteLow);
  if (never) return v.pass(never);
  const unselected = matchPolicy(endpoint, remoteHigh, remoteLow);
  if (unselected) return v.pass(unselected);
  if (configFlags & CONFIG_FLAG_UNSUPPORTED_PASS && !isFault(reason)) return v.pass(REASON_UNSUPPORTED_PASSED);
  v.drop(reason);
}
