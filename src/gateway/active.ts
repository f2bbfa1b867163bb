import { activeEgresses } from "../config/active-order.js";
import type { Policy, PolicyModel } from "../config/types.js";
import { engineState, type NodeStatuses, UP } from "./status.js";

/** Who takes new connections under one policy. */
export interface PolicyActive {
  /**
   * Positions in `policy.egresses`, ascending, by zone of the endpoint; undefined = an endpoint without zone. Has every zone of the model.
   * An empty list = `no-egress-gateway`.
   */
  readonly byZone: ReadonlyMap<string | undefined, readonly number[]>;
}

/**
 * Members that take new connections, by policy index: under an IsovalentEgressGatewayPolicy those whose node is active, by the rules of
 * docs/high-availability.md (Groups, caps and zones); under a CiliumEgressGatewayPolicy, which knows no health, always all.
 */
export function activeMembers(model: PolicyModel, statuses: NodeStatuses): readonly PolicyActive[] {
  const zones = zonesOf(model);
  const isCandidate = (egress: number) => engineState(statuses.get(model.egresses[egress]!.node) ?? UP) === "active";
  return model.policies.map((policy) => {
    const knowsZones = policy.kind !== "CiliumEgressGatewayPolicy" && policy.azAffinity !== "disabled";
    const anywhere = membersIn(model, policy, undefined, isCandidate);
    const inZone = (zone: string | undefined) => (knowsZones ? membersIn(model, policy, zone, isCandidate) : anywhere);
    return { byZone: new Map(zones.map((zone) => [zone, inZone(zone)])) };
  });
}

/** Undefined first, then by name. */
function zonesOf({ nodes, egresses }: PolicyModel): (string | undefined)[] {
  const named = new Set([...nodes, ...egresses].flatMap(({ zone }) => zone ?? []));
  return [undefined, ...[...named].sort()];
}

function membersIn(
  { egresses }: PolicyModel,
  policy: Policy,
  zone: string | undefined,
  isCandidate: (egress: number) => boolean,
): readonly number[] {
  if (policy.kind === "CiliumEgressGatewayPolicy") return [...policy.egresses.keys()];
  const active = new Set(activeEgresses({ egresses, policy, isCandidate }, zone));
  return policy.egresses.flatMap((egress, position) => (active.has(egress) ? [position] : []));
}
