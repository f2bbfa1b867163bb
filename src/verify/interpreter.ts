import type { Endpoint, Policy, PolicyModel, PolicySetEntry } from "../config/types.js";
import { type AddressBytes, type Family, familyOf, type Prefix, parsePrefix, prefixContains } from "../net/address.js";
import { mappedAddressKey } from "../net/tuple.js";

/** What the policies say about one endpoint and one destination. */
export interface Decision {
  readonly selected: boolean;
  /** Why not, by the name that the engine's reasons use; empty when selected. */
  readonly reason: string;
  /** Index into `PolicyModel.policies`; -1 when not selected. */
  readonly policy: number;
  /** The prefix that decided, for messages. */
  readonly by: string;
}

/** Destinations that no policy ever selects, with the reason under which their frames pass. */
const NEVER_SELECTED: readonly (readonly [text: string, reason: string])[] = [
  ["127.0.0.0/8", "loopback"],
  ["::1/128", "loopback"],
  ["169.254.0.0/16", "link-local"],
  ["fe80::/10", "link-local"],
  ["224.0.0.0/4", "multicast"],
  ["ff00::/8", "multicast"],
  ["255.255.255.255/32", "broadcast"],
];

/** Decisions kept at once; a scan over more destinations starts over rather than grow. */
const MAX_DECISIONS = 1 << 17;

/**
 * A plain reading of the policies, one prefix after the other, with none of the tables that the engine builds: whatever it decides
 * otherwise than the engine is a fault of one of the two. Decisions are remembered, never derived from each other.
 */
export class PolicyInterpreter {
  readonly model: PolicyModel;
  readonly #owners = new Map<string, Endpoint[]>();
  readonly #policiesOfSet = new Map<number, readonly number[]>();
  readonly #decisions = new Map<number, Map<string, Decision>>();
  #decisionCount = 0;
  readonly #never = NEVER_SELECTED.map(([text, reason]) => ({ prefix: parsePrefix(text)!, reason }));
  /** Whole addresses of the cluster (one lookup), and its wider prefixes (one after the other). */
  readonly #clusterAddresses = new Set<string>();
  readonly #clusterPrefixes: Prefix[] = [];

  constructor(model: PolicyModel) {
    this.model = model;
    for (const endpoint of model.endpoints) this.#addOwner(endpoint);
    for (const { prefix } of model.clusterPrefixes) {
      if (prefix.length === 128) this.#clusterAddresses.add(mappedAddressKey(prefix.bytes, prefix.family));
      else this.#clusterPrefixes.push(prefix);
    }
  }

  /** True where an address, given as `addressKey`, has one owner from its first frame on for good. */
  hasOneOwner(key: string): boolean {
    const owners = this.#owners.get(key);
    return owners?.length === 1 && owners[0]!.toNs === undefined;
  }

  /** The endpoint that owns an address, given as `addressKey`, at `timeNs`; of several the one that came last. */
  ownerOfKey(key: string, timeNs: bigint): Endpoint | undefined {
    let owner: Endpoint | undefined;
    for (const candidate of this.#owners.get(key) ?? []) {
      const { fromNs, toNs } = candidate;
      if ((fromNs !== undefined && timeNs < fromNs) || (toNs !== undefined && timeNs >= toNs)) continue;
      if (!owner || (fromNs ?? 0n) >= (owner.fromNs ?? 0n)) owner = candidate;
    }
    return owner;
  }

  /** Policy for frames of `endpoint` to `destination`: the longest prefix over all policies that select the endpoint. */
  decide(endpoint: Endpoint, destination: AddressBytes, family: Family): Decision {
    const key = mappedAddressKey(destination, family);
    const known = this.#decisions.get(endpoint.policySet)?.get(key);
    if (known) return known;
    if (this.#decisionCount++ % MAX_DECISIONS === 0) this.#decisions.clear();
    const never = this.#neverSelected(destination, family, key);
    const decision = never ?? this.#scan(endpoint.policySet, destination, family);
    const ofSet = this.#decisions.get(endpoint.policySet) ?? new Map<string, Decision>();
    this.#decisions.set(endpoint.policySet, ofSet.set(key, decision));
    return decision;
  }

  #neverSelected(destination: AddressBytes, family: Family, key: string): Decision | undefined {
    const never = this.#never.find(({ prefix }) => covering(destination, family)(prefix));
    if (never) return unselected(never.reason, never.prefix.text);
    if (this.#clusterAddresses.has(key)) return unselected("cluster-internal", "an address of the cluster");
    const inside = this.#clusterPrefixes.find(covering(destination, family));
    return inside && unselected("cluster-internal", inside.text);
  }

  #scan(policySet: number, destination: AddressBytes, family: Family): Decision {
    const covers = covering(destination, family);
    const { entries } = this.model.policySets[policySet] ?? { entries: [] };
    // What waits to be programmed is said by the set alone; else its policies are read as they were written.
    const found: readonly PolicySetEntry[] = entries.some(({ notYet }) => notYet)
      ? entries.filter(({ prefix }) => covers(prefix))
      : this.#policiesOf(policySet).flatMap((policy) => {
          const { destinations, excluded } = this.model.policies[policy]!;
          return [
            ...destinations.filter(covers).map((prefix) => ({ prefix, excluded: false, policy })),
            ...excluded.filter(covers).map((prefix) => ({ prefix, excluded: true, policy })),
          ];
        });
    if (found.length === 0) return unselected("no-policy", "no prefix of any policy");
    const { prefix, excluded, policy, notYet } = found.reduce((best, other) =>
      this.#wins(other, best) ? other : best,
    );
    const by = `${prefix.text} of policy ${this.model.policies[policy]!.name}`;
    if (excluded || notYet) return unselected(excluded ? "excluded" : "not-yet-programmed", by);
    return { selected: true, reason: "", policy, by };
  }

  /** Longest prefix; on the same prefix the exclusion within one policy, the older and then the first-named of two policies. */
  #wins(a: PolicySetEntry, b: PolicySetEntry): boolean {
    if (a.prefix.length !== b.prefix.length) return a.prefix.length > b.prefix.length;
    if (a.policy === b.policy) return a.excluded;
    return isOlder(this.model.policies[a.policy]!, this.model.policies[b.policy]!);
  }

  #policiesOf(policySet: number): readonly number[] {
    let policies = this.#policiesOfSet.get(policySet);
    if (!policies) {
      policies = [...new Set((this.model.policySets[policySet]?.entries ?? []).map((entry) => entry.policy))];
      this.#policiesOfSet.set(policySet, policies);
    }
    return policies;
  }

  #addOwner(endpoint: Endpoint): void {
    for (const address of endpoint.addresses) {
      const key = mappedAddressKey(address, familyOf(address));
      this.#owners.set(key, [...(this.#owners.get(key) ?? []), endpoint]);
    }
  }
}

/** FNV-1a-32 over the UTF-8 bytes of a UID: number of the egress that an endpoint of a CiliumEgressGatewayPolicy uses, modulo their count. */
export function uidHash(uid: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(uid)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

function covering(destination: AddressBytes, family: Family): (prefix: Prefix) => boolean {
  return (prefix) => prefix.family === family && prefixContains(prefix, destination);
}

function unselected(reason: string, by: string): Decision {
  return { selected: false, reason, policy: -1, by };
}

function isOlder(a: Policy, b: Policy): boolean {
  const [timeA, timeB] = [a, b].map(({ createdAt }) => Date.parse(createdAt ?? "") || Number.POSITIVE_INFINITY);
  if (timeA !== timeB) return timeA! < timeB!;
  return a.name < b.name;
}
