import { type Prefix, prefixContains } from "../net/address.js";

/** A prefix of `egressCIDRs` that overlaps one of a policy with precedence, and so gives no address. */
export interface PoolConflict {
  /** Indexes of the policies: the one that goes without, the one in front of it. */
  readonly policy: number;
  readonly before: number;
  readonly prefix: Prefix;
  readonly beforePrefix: Prefix;
}

export interface EgressPools {
  /** What each policy may give out, by index. */
  readonly pools: readonly (readonly Prefix[])[];
  readonly conflicts: readonly PoolConflict[];
}

/**
 * Settles which prefixes of `egressCIDRs` each policy gives addresses from. One address is never given out twice: a prefix that overlaps one
 * of an earlier policy gives nothing, as in the original. Overlaps within a policy are harmless.
 * @param policies in their order of precedence
 */
export function settlePools(policies: readonly { readonly egressCIDRs?: readonly Prefix[] }[]): EgressPools {
  const settled: { readonly policy: number; readonly prefix: Prefix }[] = [];
  const conflicts: PoolConflict[] = [];
  const pools = policies.map(({ egressCIDRs = [] }, policy) =>
    egressCIDRs.filter((prefix) => {
      const earlier = settled.find((other) => other.policy !== policy && overlap(other.prefix, prefix));
      if (earlier) conflicts.push({ policy, before: earlier.policy, prefix, beforePrefix: earlier.prefix });
      else settled.push({ policy, prefix });
      return !earlier;
    }),
  );
  return { pools, conflicts };
}

function overlap(a: Prefix, b: Prefix): boolean {
  return a.family === b.family && (prefixContains(a, b.bytes) || prefixContains(b, a.bytes));
}

/**
 * Gateway nodes of a policy in the order in which they are given addresses: active ones, other healthy ones, the rest; by name within each.
 */
export function orderByNeed(
  nodes: Iterable<string>,
  active: ReadonlySet<string>,
  isHealthy: (node: string) => boolean,
): string[] {
  const need = (node: string) => (active.has(node) ? 0 : isHealthy(node) ? 1 : 2);
  return [...new Set(nodes)].sort((a, b) => need(a) - need(b) || (a < b ? -1 : a > b ? 1 : 0));
}
