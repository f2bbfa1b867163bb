import { addressKey } from "../config/addresses.js";
import type { Egress, Policy, PolicyModel } from "../config/types.js";

/**
 * Append-only list of egresses shared by all models of a run, so that an index keeps its meaning while addresses move and manifests change.
 * Two egresses are one when the engine cannot tell them apart: same node, zone, gateway IP and egress IPs. What they say for people
 * (`note`, `assumed`, `interfaceName`, claims) is that of the first.
 */
export class EgressRegistry {
  readonly #egresses: Egress[] = [];
  readonly #indexes = new Map<string, number>();

  /** All egresses of all models so far. */
  get egresses(): readonly Egress[] {
    return this.#egresses;
  }

  /**
   * The same model with its policies and groups pointing into this list; what they point to is appended where it is new. The result has the
   * list as it is now. Adopting a model twice changes nothing.
   */
  adopt(model: PolicyModel): PolicyModel {
    const indexes = new Map<number, number>();
    const adopted = (egress: number): number => {
      const index = indexes.get(egress) ?? this.#indexOf(model.egresses[egress]!);
      indexes.set(egress, index);
      return index;
    };
    const policies = model.policies.map((policy) => movePolicy(policy, adopted));
    return { ...model, policies, egresses: [...this.#egresses] };
  }

  #indexOf(egress: Egress): number {
    const { node, zone, gatewayIP, egressIPv4, egressIPv6 } = egress;
    const addresses = [gatewayIP, egressIPv4, egressIPv6].map((address) => address && addressKey(address));
    const key = JSON.stringify([node, zone ?? null, ...addresses.map((address) => address ?? null)]);
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    this.#indexes.set(key, this.#egresses.length);
    return this.#egresses.push(egress) - 1;
  }
}

/** A CiliumEgressGatewayPolicy keeps members that are equal: the number of them decides which one an endpoint uses. */
function movePolicy(policy: Policy, move: (egress: number) => number): Policy {
  const egresses = policy.egresses.map(move);
  if (policy.kind === "CiliumEgressGatewayPolicy") return { ...policy, egresses };
  const groups = (policy.groups ?? []).map((group) => ({ ...group, egresses: group.egresses.map(move) }));
  return { ...policy, egresses: [...new Set(egresses)], groups };
}
