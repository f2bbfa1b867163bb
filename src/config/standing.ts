import { activeEgresses, activeNodes } from "./active-order.js";
import { sameAddress } from "./addresses.js";
import type { ClusterNode, Policy, PolicyModel } from "./types.js";

/** How a gateway stands before any event: what the manifests tell about health and about who takes new connections. */
export interface Standing {
  /** `unknown` where no status says anything; Cilium's own policies know no health at all. */
  readonly health: "healthy" | "unhealthy" | "unknown" | "not checked";
  /** Takes new connections of endpoints in the zone asked for, under its group's cap, zone affinity, drain and health. */
  readonly active: boolean;
}

/** Health of gateway nodes by name, as far as `status.groupStatuses` tells: a gateway that a list of healthy ones lacks is unhealthy. */
export function initialHealth({
  egresses,
  policies,
}: Pick<PolicyModel, "egresses" | "policies">): Map<string, "healthy" | "unhealthy"> {
  const health = new Map<string, "healthy" | "unhealthy">();
  for (const { groups = [], groupStatuses = [] } of policies) {
    groups.forEach((group, number) => {
      const healthy = groupStatuses[number]?.healthyGatewayIPs ?? [];
      if (healthy.length === 0) return;
      for (const egress of group.egresses) {
        const { node, gatewayIP } = egresses[egress]!;
        const isListed = gatewayIP !== undefined && healthy.some((address) => sameAddress(address, gatewayIP));
        if (!isListed) health.set(node, "unhealthy");
        else if (!health.has(node)) health.set(node, "healthy");
      }
    });
  }
  return health;
}

/** What of a model standings hang on. */
export interface StandingModel extends Pick<PolicyModel, "egresses" | "policies"> {
  readonly nodes: readonly { readonly name: string; readonly drain?: ClusterNode["drain"] | undefined }[];
}

/** Looks up standings by policy, egress index and zone of the endpoint; each is worked out once. */
export class Standings {
  readonly #model: StandingModel;
  readonly #draining: ReadonlySet<string>;
  readonly #health: ReadonlyMap<string, "healthy" | "unhealthy">;
  readonly #active = new Map<Policy, Map<string | undefined, ReadonlySet<number>>>();

  constructor(model: StandingModel) {
    this.#model = model;
    this.#draining = new Set(model.nodes.flatMap(({ name, drain }) => (drain ? [name] : [])));
    this.#health = initialHealth(model);
  }

  get(policy: Policy, egress: number, zone: string | undefined): Standing {
    if (policy.kind === "CiliumEgressGatewayPolicy") return { health: "not checked", active: true };
    const health = this.#health.get(this.#model.egresses[egress]!.node) ?? "unknown";
    return { health, active: this.#activeIn(policy, zone).has(egress) };
  }

  /** Neither drained nor known to be unhealthy. */
  isAvailable(egress: number): boolean {
    const { node } = this.#model.egresses[egress]!;
    return !this.#draining.has(node) && this.isHealthy(node);
  }

  /** Not known to be unhealthy. */
  isHealthy(node: string): boolean {
    return this.#health.get(node) !== "unhealthy";
  }

  /** Nodes that take new connections of some endpoint under `policy`. */
  activeNodes(policy: Policy): Set<string> {
    const { egresses } = this.#model;
    return activeNodes({ egresses, policy, isCandidate: (egress) => this.isAvailable(egress) });
  }

  #activeIn(policy: Policy, zone: string | undefined): ReadonlySet<number> {
    const ofPolicy = this.#active.get(policy) ?? new Map<string | undefined, ReadonlySet<number>>();
    this.#active.set(policy, ofPolicy);
    const known = ofPolicy.get(zone);
    if (known) return known;
    const { egresses } = this.#model;
    const active = new Set(
      activeEgresses({ egresses, policy, isCandidate: (egress) => this.isAvailable(egress) }, zone),
    );
    ofPolicy.set(zone, active);
    return active;
  }
}
