import {
  CONFIG_FLAG_UNSUPPORTED_PASS,
  HOOK_FROM_ENDPOINT,
  NO_INDEX,
  REASON_BAD_CHECKSUM,
  REASON_BAD_DESTINATION,
  REASON_BAD_HEADER,
  REASON_BAD_SOURCE,
  REASON_ENDPOINT_UNKNOWN,
  REASON_LINK_LOCAL,
  REASON_NONE,
  REASON_SCTP_BAD,
  REASON_SOURCE_ROUTE,
  REASON_UNSUPPORTED_PASSED,
} from "../abi";
import { nowNs } from "../tables/clock";
import { configFlags } from "../tables/memory";
import { findEndpoint, isEgressAddress } from "../tables/policy";
import { Parsed } from "../wire/parse";
import { matchPolicy, neverSelected } from "./resolve";
import { dstHigh, dstLow, isIpv6Address, srcHigh, srcLow } from "./tuple";
import { Verdict } from "./verdict";

// Frames that the engine cannot translate. What no policy selects passes, as it would have; what one selects never leaves untranslated.

/**
 * Sources that no host may use: network 0, loopback, multicast, reserved (RFC 1812 section 5.3.7; IPv6: unspecified, loopback, multicast, RFC
 * 4291 section 2), and the gateways' own egress IPs.
 */
export function isSpoofed(addressHigh: u64, addressLow: u64): bool {
  if (isEgressAddress(addressHigh, addressLow)) return true;
  if (isIpv6Address(addressHigh, addressLow)) return addressHigh >> 56 == 0xff || (addressHigh == 0 && addressLow <= 1);
  const first = <u32>addressLow >> 24;
  return first == 0 || first == 127 || first >= 224;
}

/** @param reason what to call it where it must be dropped; REASON_LINK_LOCAL for what never leaves its link, which passes */
export function stateless(p: Parsed, reason: u32, v: Verdict): void {
  const outbound = p.hook == HOOK_FROM_ENDPOINT;
  if (outbound) statelessToward(p, dstHigh(p), dstLow(p), reason, v);
  else statelessToward(p, srcHigh(p), srcLow(p), reason, v);
}

/** A frame that is to be judged as traffic with a remote, whoever stands in its header. */
export function statelessToward(p: Parsed, remoteHigh: u64, remoteLow: u64, reason: u32, v: Verdict): void {
  const outbound = p.hook == HOOK_FROM_ENDPOINT;
  if (outbound) decide(outbound, srcHigh(p), srcLow(p), remoteHigh, remoteLow, reason, v);
  else decide(outbound, dstHigh(p), dstLow(p), remoteHigh, remoteLow, reason, v);
}

/** Reasons that speak of the frame itself: nobody would let it pass. */
function isFault(reason: u32): bool {
  return (
    reason == REASON_BAD_CHECKSUM ||
    reason == REASON_BAD_HEADER ||
    reason == REASON_BAD_DESTINATION ||
    reason == REASON_SCTP_BAD ||
    reason == REASON_SOURCE_ROUTE
  );
}

/** Why traffic between an own address and a remote is nothing to a gateway, or REASON_NONE. */
function indifference(outbound: bool, ownHigh: u64, ownLow: u64, remoteHigh: u64, remoteLow: u64): u32 {
  const endpoint = findEndpoint(ownHigh, ownLow, nowNs());
  if (endpoint == NO_INDEX)
    return !outbound && isEgressAddress(ownHigh, ownLow) ? REASON_NONE : <u32>REASON_ENDPOINT_UNKNOWN;
  const never = neverSelected(remoteHigh, remoteLow);
  return never ? never : matchPolicy(endpoint, remoteHigh, remoteLow);
}

/** True where a gateway has to do with a frame: a policy selects it, or it goes to an egress IP. */
export function concernsGateway(p: Parsed): bool {
  return p.hook == HOOK_FROM_ENDPOINT
    ? !indifference(true, srcHigh(p), srcLow(p), dstHigh(p), dstLow(p))
    : !indifference(false, dstHigh(p), dstLow(p), srcHigh(p), srcLow(p));
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
  const passes = indifference(outbound, ownHigh, ownLow, remoteHigh, remoteLow);
  // Nodes report multicast groups from the unspecified IPv6 address (RFC 3810 section 5.2.13).
  const isOdd = passes == REASON_ENDPOINT_UNKNOWN && outbound && !isIpv6Address(ownHigh, ownLow);
  if (isOdd && isSpoofed(ownHigh, ownLow)) return v.drop(REASON_BAD_SOURCE);
  if (passes) return v.pass(passes);
  if (!outbound && isEgressAddress(ownHigh, ownLow)) return stop(reason, v);
  if (configFlags & CONFIG_FLAG_UNSUPPORTED_PASS && !isFault(reason)) return v.pass(REASON_UNSUPPORTED_PASSED);
  stop(reason, v);
}

function stop(reason: u32, v: Verdict): void {
  if (reason == REASON_LINK_LOCAL) v.pass(reason);
  else v.drop(reason);
}
