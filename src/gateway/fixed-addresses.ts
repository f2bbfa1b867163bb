import { addressKey } from "../config/addresses.js";
import type { Egress, PolicyModel } from "../config/types.js";
import type { AddressBytes } from "../net/address.js";

/** Node that has an address, by `addressKey`, of addresses that several nodes may have. */
export type FixedHolders = ReadonlyMap<string, string>;

/** The nodes that may have one fixed address. */
interface Tenants {
  readonly nodes: Set<string>;
  /** False where only policies name it that know no health. */
  isWatched: boolean;
}

export interface FixedPlacement {
  /** As in the model, with each shared address on its holder and claimed by the others. Same indexes. */
  readonly egresses: readonly Egress[];
  readonly holders: FixedHolders;
  /** Keys of all fixed addresses, shared or not. */
  readonly taken: ReadonlySet<string>;
}

/**
 * Puts each address that is fixed for several nodes (one `egressIP`, or one address on a device of each) on the first healthy one by name. Where
 * none is healthy it stays where it was. Where only CiliumEgressGatewayPolicies name it, nobody watches health: it stays with the first.
 * @param before holders so far
 */
export function placeFixedAddresses(
  model: PolicyModel,
  isHealthy: (node: string) => boolean,
  before: FixedHolders = new Map(),
): FixedPlacement {
  const tenantsOf = collectTenants(model);
  const holders = new Map<string, string>();
  for (const [key, { nodes, isWatched }] of tenantsOf) {
    if (nodes.size < 2) continue;
    const byName = [...nodes].sort();
    const last = before.get(key);
    const fallback = last !== undefined && nodes.has(last) ? last : byName[0]!;
    holders.set(key, isWatched ? (byName.find(isHealthy) ?? fallback) : byName[0]!);
  }
  return {
    egresses: model.egresses.map((egress) => place(egress, holders)),
    holders,
    taken: new Set(tenantsOf.keys()),
  };
}

function collectTenants({ policies, egresses }: PolicyModel): Map<string, Tenants> {
  const tenantsOf = new Map<string, Tenants>();
  for (const policy of policies) {
    if ((policy.egressCIDRs ?? []).length > 0) continue;
    for (const index of policy.egresses) {
      const { node, egressIPv4, egressIPv6, claimsIPv4, claimsIPv6 } = egresses[index]!;
      for (const address of [egressIPv4 ?? claimsIPv4, egressIPv6 ?? claimsIPv6]) {
        if (!address) continue;
        const tenants = tenantsOf.get(addressKey(address)) ?? { nodes: new Set(), isWatched: false };
        tenants.nodes.add(node);
        tenants.isWatched ||= policy.kind === "IsovalentEgressGatewayPolicy";
        tenantsOf.set(addressKey(address), tenants);
      }
    }
  }
  return tenantsOf;
}

function place(egress: Egress, holders: FixedHolders): Egress {
  const { claimsIPv4, claimsIPv6, ...rest } = egress;
  const ipv4 = placeOne(egress.node, egress.egressIPv4 ?? claimsIPv4, holders);
  const ipv6 = placeOne(egress.node, egress.egressIPv6 ?? claimsIPv6, holders);
  return {
    ...rest,
    egressIPv4: ipv4.owned,
    egressIPv6: ipv6.owned,
    ...(ipv4.claimed && { claimsIPv4: ipv4.claimed }),
    ...(ipv6.claimed && { claimsIPv6: ipv6.claimed }),
  };
}

interface Place {
  readonly owned?: AddressBytes | undefined;
  readonly claimed?: AddressBytes;
}

function placeOne(node: string, address: AddressBytes | undefined, holders: FixedHolders): Place {
  const holder = address && holders.get(addressKey(address));
  return address && holder !== undefined && holder !== node ? { claimed: address } : { owned: address };
}
