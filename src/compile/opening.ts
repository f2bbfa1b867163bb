import { nodeTable, zoneTable } from "../engine/blob.js";
import type { GatewayState } from "../engine/engine.js";
import type { GatewayPicture } from "../gateway/control.js";

/** What an engine that has just loaded a policy is to be told: after `loadPolicy` all gateways are active, for every policy and zone. */
export interface Opening {
  /** Gateways that are not: drained, cordoned or found unhealthy. */
  readonly gateways: readonly { readonly node: number; readonly state: GatewayState }[];
  /** Policies and zones of endpoints (0 = none) for which not all members take new connections: caps, zone affinity, health. */
  readonly active: readonly { readonly policy: number; readonly zone: number; readonly members: readonly number[] }[];
}

/** @param picture what is in force at the start */
export function openingOf({ model, nodes, active }: GatewayPicture): Opening {
  const gateways = nodeTable(model).flatMap(({ name }, node) => {
    const state = nodes.get(name) ?? "active";
    return state === "active" ? [] : [{ node, state }];
  });
  const zones = [undefined, ...zoneTable(model)];
  const narrowed = model.policies.flatMap(({ kind, egresses }, policy) => {
    if (kind === "CiliumEgressGatewayPolicy") return [];
    return zones.flatMap((name, zone) => {
      const members = active[policy]!.byZone.get(name);
      return !members || members.length === egresses.length ? [] : [{ policy, zone, members }];
    });
  });
  return { gateways, active: narrowed };
}
