import * as abi from "../../assembly/abi.js";
import type { ClusterPrefix } from "../config/types.js";
import { type Prefix, parsePrefix, prefixContains } from "../net/address.js";
import { hexOf } from "../net/bytes.js";

/** A destination that no policy ever selects, with the REASON_* under which its frames pass. */
export interface UnselectedPrefix {
  readonly prefix: Prefix;
  readonly reason: number;
}

/**
 * Destinations that no policy selects in any cluster (IANA special-purpose registries, RFC 6890, RFC 5771, RFC 4291). 0.0.0.0/8 is not
 * among them: as a destination it is no address at all, and a policy for 0.0.0.0/0 treats it as the original does.
 */
const FIXED: readonly (readonly [cidr: string, reason: number])[] = [
  ["127.0.0.0/8", abi.REASON_LOOPBACK],
  ["::1/128", abi.REASON_LOOPBACK],
  ["169.254.0.0/16", abi.REASON_LINK_LOCAL],
  ["fe80::/10", abi.REASON_LINK_LOCAL],
  ["224.0.0.0/4", abi.REASON_MULTICAST],
  ["ff00::/8", abi.REASON_MULTICAST],
  ["255.255.255.255/32", abi.REASON_BROADCAST],
];

/**
 * What policy set 0 holds: the fixed prefixes and the cluster's own. Each prefix once; a fixed one keeps its own reason where the
 * cluster claims it or a part of it, such as a link-local address of a pod.
 */
export function unselectedPrefixes(cluster: readonly ClusterPrefix[]): UnselectedPrefix[] {
  const byKey = new Map<string, UnselectedPrefix>();
  for (const [cidr, reason] of FIXED) {
    const prefix = parsePrefix(cidr)!;
    byKey.set(prefixKey(prefix), { prefix, reason });
  }
  const fixed = [...byKey.values()];
  for (const { prefix } of cluster) {
    const key = prefixKey(prefix);
    if (!fixed.some((row) => holds(row.prefix, prefix)))
      byKey.set(key, { prefix, reason: abi.REASON_CLUSTER_INTERNAL });
  }
  return [...byKey.values()];
}

function holds(outer: Prefix, inner: Prefix): boolean {
  return outer.family === inner.family && outer.length <= inner.length && prefixContains(outer, inner.bytes);
}

/** Two prefixes with the same key are the same prefix. */
function prefixKey(prefix: Prefix): string {
  return `${hexOf(prefix.bytes)}/${prefix.length}`;
}
