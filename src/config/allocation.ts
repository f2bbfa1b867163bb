import { type AddressBytes, type Family, formatAddress } from "../net/address.js";
import { allocateAddresses } from "./address-pool.js";
import { addressKey } from "./addresses.js";
import { familiesOf, type Member } from "./egress.js";
import { type EgressPools, orderByNeed, settlePools } from "./egress-pools.js";
import type { FaultLog } from "./fault-log.js";
import { firstOfFamily } from "./read-cluster.js";
import type { PolicyRecord } from "./records.js";

/** Who needs an address when the manifests come into force. */
export interface InitialNeed {
  /** Names of gateway nodes that take new connections of some endpoint, by policy. */
  readonly active: readonly ReadonlySet<string>[];
  isHealthy(node: string): boolean;
}

/** Divides `egressCIDRs` between the gateways of each policy as long as they last, see docs/high-availability.md, Egress IPs. */
export function allocatePools(
  policies: readonly PolicyRecord[],
  members: readonly (readonly Member[])[],
  { active, isHealthy }: InitialNeed,
  log: FaultLog,
): void {
  const settled = settlePools(policies);
  warnOverlaps(policies, settled, log);
  const fixed = policies.flatMap(({ egressCIDRs }, index) => (egressCIDRs.length > 0 ? [] : members[index]!));
  const taken = fixed
    .flatMap(({ resolved }) => [resolved.egressIPv4, resolved.egressIPv6])
    .flatMap((address) => (address ? [addressKey(address)] : []));
  policies.forEach((policy, index) => {
    if (policy.egressCIDRs.length === 0) return;
    const names = members[index]!.map(({ resolved }) => resolved.node.name);
    const order = orderByNeed(names, active[index]!, isHealthy);
    for (const family of familiesWanted(policy)) {
      const previous = allocatedBefore(policy, members[index]!, family);
      const state = { previous, active: active[index]!, taken };
      const given = allocateAddresses(settled.pools[index]!, family, order, state);
      for (const { resolved } of members[index]!) {
        resolved[family === 4 ? "egressIPv4" : "egressIPv6"] = given.get(resolved.node.name);
      }
      warnExhausted(policy, family, order, { active: active[index]!, given, pool: settled.pools[index]! }, log);
    }
  });
}

function familiesWanted(policy: PolicyRecord): Family[] {
  const { wantsIPv4, wantsIPv6 } = familiesOf(policy.destinations);
  return [...(wantsIPv4 ? [4 as const] : []), ...(wantsIPv6 ? [6 as const] : [])];
}

/** Addresses that the cluster's operator had given out when the manifests were dumped. */
function allocatedBefore(policy: PolicyRecord, members: readonly Member[], family: Family): Map<string, AddressBytes> {
  const before = new Map<string, AddressBytes>();
  for (const { resolved } of members) {
    const gatewayIP = firstOfFamily(resolved.node.internalIPs, 4);
    for (const status of gatewayIP ? policy.status : []) {
      const address = firstOfFamily(status.egressIPByGatewayIP.get(formatAddress(gatewayIP!)) ?? [], family);
      if (address) before.set(resolved.node.name, address);
    }
  }
  return before;
}

function warnOverlaps(policies: readonly PolicyRecord[], { conflicts }: EgressPools, log: FaultLog): void {
  for (const { policy, before, prefix, beforePrefix } of conflicts) {
    const { field } = policies[policy]!;
    const other = policies[before]!.field.label;
    const text = `${field.label}: ${prefix.text} overlaps ${beforePrefix.text} of ${other}, which comes first: it gives no address`;
    log.warn("egressCIDRs overlap", text, field.get("spec").get("egressCIDRs").place("value"));
  }
}

interface Outcome {
  readonly active: ReadonlySet<string>;
  readonly given: ReadonlyMap<string, AddressBytes>;
  readonly pool: EgressPools["pools"][number];
}

function warnExhausted(
  policy: PolicyRecord,
  family: Family,
  nodes: readonly string[],
  { active, given, pool }: Outcome,
  log: FaultLog,
): void {
  if ([...active].every((node) => given.has(node))) return;
  const hasPool = pool.some((prefix) => prefix.family === family);
  const what = hasPool ? `gives only ${given.size} IPv${family} addresses` : `has no IPv${family} range`;
  const text = `${policy.field.label}: egressCIDRs ${what} for ${nodes.length} gateways, the others drop their traffic, no-egress-ip`;
  log.warn("egressCIDRs exhausted", text, policy.field.get("spec").get("egressCIDRs").place("value"));
}
