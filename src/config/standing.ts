import { formatAddress } from "../net/address.js";
import type { GroupStatus, Policy, PolicyModel } from "./types.js";

/** How a gateway stands before any event: what the manifests tell about health and about who takes new connections. */
export interface Standing {
  /** `unknown` where no status says anything; Cilium's own policies know no health at all. */
  readonly health: "healthy" | "unhealthy" | "unknown" | "not checked";
  /** Takes new connections, under its group's cap and drain. Zones are not looked at: they differ by endpoint. */
  readonly active: boolean;
}

/** Looks up standings by policy and egress index; each is worked out once. */
export class Standings {
  readonly #model: PolicyModel;
  readonly #draining: ReadonlySet<string>;
  readonly #known = new Map<Policy, Map<number, Standing>>();

  constructor(model: PolicyModel) {
    this.#model = model;
    this.#draining = new Set(model.nodes.flatMap(({ name, drain }) => (drain ? [name] : [])));
  }

  get(policy: Policy, egress: number): Standing {
    let ofPolicy = this.#known.get(policy);
    if (!ofPolicy) {
      ofPolicy = this.#settle(policy);
      this.#known.set(policy, ofPolicy);
    }
    return ofPolicy.get(egress) ?? { health: "unknown", active: false };
  }

  /** Neither drained nor known to be unhealthy. */
  isAvailable(egress: number, status: GroupStatus | undefined): boolean {
    const { node } = this.#model.egresses[egress]!;
    return !this.#draining.has(node) && this.#health(egress, status) !== "unhealthy";
  }

  #settle(policy: Policy): Map<number, Standing> {
    const standings = new Map<number, Standing>();
    if (policy.kind === "CiliumEgressGatewayPolicy") {
      for (const egress of policy.egresses) standings.set(egress, { health: "not checked", active: true });
      return standings;
    }
    (policy.groups ?? []).forEach((group, number) => {
      const status = policy.groupStatuses?.[number];
      const available = group.egresses.filter((egress) => this.isAvailable(egress, status));
      const active = new Set(available.slice(0, group.maxGatewayNodes));
      for (const egress of group.egresses) {
        const wasActive = standings.get(egress)?.active ?? false;
        standings.set(egress, { health: this.#health(egress, status), active: wasActive || active.has(egress) });
      }
    });
    return standings;
  }

  #health(egress: number, status: GroupStatus | undefined): Standing["health"] {
    if (!status || status.healthyGatewayIPs.length === 0) return "unknown";
    const { gatewayIP } = this.#model.egresses[egress]!;
    const isHealthy =
      gatewayIP && status.healthyGatewayIPs.some((healthy) => formatAddress(healthy) === formatAddress(gatewayIP));
    return isHealthy ? "healthy" : "unhealthy";
  }
}
