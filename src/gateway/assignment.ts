import { activeNodes } from "../config/active-order.js";
import { allocateAddresses } from "../config/address-pool.js";
import { familiesOf } from "../config/egress.js";
import { orderByNeed, settlePools } from "../config/egress-pools.js";
import type { Egress, Policy, PolicyModel } from "../config/types.js";
import type { AddressBytes, Family, Prefix } from "../net/address.js";
import { type FixedHolders, placeFixedAddresses } from "./fixed-addresses.js";
import { engineState, type NodeStatuses, UP } from "./status.js";

/** Addresses that the gateways of one policy have out of its `egressCIDRs`, by family and node name. */
type PoolAddresses = Readonly<Record<Family, ReadonlyMap<string, AddressBytes>>>;

/** Who has which address: what the next assignment keeps as far as it can. */
export interface AddressMemory {
  /** By name of the policy. */
  readonly pools: ReadonlyMap<string, PoolAddresses>;
  readonly holders: FixedHolders;
}

/** A gateway that takes new connections and drops them, `no-egress-ip`, because `egressCIDRs` have no address left for it. */
export interface Shortage {
  /** Index of the policy. */
  readonly policy: number;
  readonly node: string;
  readonly family: Family;
}

/** Who has which egress IP at an instant. */
export interface Assignment {
  /** The model with its egress IPs as they are now, in a list of egresses of its own. */
  readonly model: PolicyModel;
  readonly memory: AddressMemory;
  /** By policy, then family, then node name. */
  readonly shortages: readonly Shortage[];
}

/**
 * Gives out egress IPs by how nodes stand. Addresses of `egressCIDRs` go to active gateways first, then stay with healthy ones, then go to the
 * others; each node keeps its own unless an active one would go without. A fixed address of several nodes is on the first healthy one.
 * @param before what was in force; without it, and for policies that are new to it, nodes are taken to have had the addresses that `model` says
 */
export function assignAddresses(model: PolicyModel, statuses: NodeStatuses, before?: AddressMemory): Assignment {
  const isHealthy = (node: string) => engineState(statuses.get(node) ?? UP) !== "down";
  const isActive = (node: string) => engineState(statuses.get(node) ?? UP) === "active";
  const fixed = placeFixedAddresses(model, isHealthy, before?.holders);
  const { pools: prefixes } = settlePools(model.policies);
  const egresses = [...fixed.egresses];
  const pools = new Map<string, PoolAddresses>();
  const shortages: Shortage[] = [];
  const policies = model.policies.map((policy, index) => {
    if ((policy.egressCIDRs ?? []).length === 0) return policy;
    const active = activeNodes({
      egresses: model.egresses,
      policy,
      isCandidate: (egress) => isActive(model.egresses[egress]!.node),
    });
    const names = policy.egresses.map((egress) => model.egresses[egress]!.node);
    const pool = {
      prefixes: prefixes[index]!,
      taken: fixed.taken,
      active,
      order: orderByNeed(names, active, isHealthy),
    };
    const given = divide(pool, policy, before?.pools.get(policy.name) ?? addressesIn(model, policy));
    pools.set(policy.name, given);
    shortages.push(...shortagesOf(policy, active, given).map((shortage) => ({ policy: index, ...shortage })));
    return moveInto(egresses, policy, model, given);
  });
  return { model: { ...model, egresses, policies }, memory: { pools, holders: fixed.holders }, shortages };
}

interface Pool {
  readonly prefixes: readonly Prefix[];
  /** Keys of addresses that are not given out. */
  readonly taken: ReadonlySet<string>;
  readonly active: ReadonlySet<string>;
  /** Gateway nodes in the order of their need. */
  readonly order: readonly string[];
}

/** A family that the policy's destinations do not have gets no addresses. */
function divide({ prefixes, taken, active, order }: Pool, policy: Policy, previous: PoolAddresses): PoolAddresses {
  const families = wantedFamilies(policy);
  const give = (family: Family) =>
    families.includes(family)
      ? allocateAddresses(prefixes, family, order, { previous: previous[family], active, taken })
      : new Map<string, AddressBytes>();
  return { 4: give(4), 6: give(6) };
}

function wantedFamilies({ destinations }: Policy): readonly Family[] {
  const { wantsIPv4, wantsIPv6 } = familiesOf(destinations);
  return [...(wantsIPv4 ? [4 as const] : []), ...(wantsIPv6 ? [6 as const] : [])];
}

function addressesIn({ egresses }: PolicyModel, policy: Policy): PoolAddresses {
  const previous = { 4: new Map<string, AddressBytes>(), 6: new Map<string, AddressBytes>() };
  for (const index of policy.egresses) {
    const { node, egressIPv4, egressIPv6 } = egresses[index]!;
    if (egressIPv4) previous[4].set(node, egressIPv4);
    if (egressIPv6) previous[6].set(node, egressIPv6);
  }
  return previous;
}

function shortagesOf(policy: Policy, active: ReadonlySet<string>, given: PoolAddresses): Omit<Shortage, "policy">[] {
  const names = [...active].sort();
  return wantedFamilies(policy).flatMap((family) =>
    names.flatMap((node) => (given[family].has(node) ? [] : [{ node, family }])),
  );
}

/** Appends the policy's gateways with their addresses to `egresses`. @returns the policy that points to them */
function moveInto(egresses: Egress[], policy: Policy, model: PolicyModel, given: PoolAddresses): Policy {
  const moved = new Map<number, number>();
  for (const index of policy.egresses) {
    const { claimsIPv4: _ipv4, claimsIPv6: _ipv6, ...egress } = model.egresses[index]!;
    const addresses = { egressIPv4: given[4].get(egress.node), egressIPv6: given[6].get(egress.node) };
    moved.set(index, egresses.push({ ...egress, ...addresses }) - 1);
  }
  const move = (index: number) => moved.get(index)!;
  const groups = (policy.groups ?? []).map((group) => ({ ...group, egresses: group.egresses.map(move) }));
  return { ...policy, egresses: policy.egresses.map(move), groups };
}
