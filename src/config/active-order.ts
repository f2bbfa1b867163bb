import type { AzAffinity, Egress, EgressGroup, Policy } from "./types.js";

/** What the order of a policy's gateways hangs on, save the zone of the endpoint. */
export interface GatewayOrder {
  readonly egresses: readonly Pick<Egress, "node" | "zone">[];
  readonly policy: Pick<Policy, "egresses" | "azAffinity"> & { readonly groups?: readonly Group[] };
  /** Whether an egress may be active at all: its gateway is up and not drained. */
  isCandidate(egress: number): boolean;
}

type Group = Pick<EgressGroup, "egresses" | "maxGatewayNodes">;

/**
 * For each candidate of `policy` that endpoints in a zone can ever reach, the further gateway failures that it waits for; 0 = it takes new
 * connections now. Within a group gateways come in by node name, up to `maxGatewayNodes` at a time; zone affinity decides who is in line.
 * A gateway of several groups comes in with the first that asks for it. Every candidate of a CiliumEgressGatewayPolicy waits for none.
 * @param zone of the endpoint; undefined = none
 * @returns by index into `egresses`
 */
export function failuresUntilActive(
  { egresses, policy, isCandidate }: GatewayOrder,
  zone: string | undefined,
): Map<number, number> {
  const isLocal = (egress: number) => zone !== undefined && egresses[egress]!.zone === zone;
  const everyone: Group = { egresses: policy.egresses, maxGatewayNodes: undefined };
  const groups = (policy.groups ?? [everyone]).map(({ egresses: members, maxGatewayNodes }) => {
    const candidates = members.filter(isCandidate);
    return {
      local: candidates.filter(isLocal),
      all: candidates,
      remote: candidates.filter((egress) => !isLocal(egress)),
      cap: maxGatewayNodes ?? members.length,
    };
  });
  const localNodes = new Set(groups.flatMap(({ local }) => local.map((egress) => egresses[egress]!.node)));
  const failures = new Map<number, number>();
  for (const group of groups) {
    for (const { members, after } of queues(policy.azAffinity, group, localNodes.size)) {
      members.forEach((egress, place) => {
        const waitsFor = after + Math.max(0, place - group.cap + 1);
        failures.set(egress, Math.min(waitsFor, failures.get(egress) ?? waitsFor));
      });
    }
  }
  return failures;
}

/** Egresses of the policy that take new connections of endpoints in `zone`, in no particular order. */
export function activeEgresses(order: GatewayOrder, zone: string | undefined): number[] {
  return [...failuresUntilActive(order, zone)].flatMap(([egress, failures]) => (failures === 0 ? [egress] : []));
}

/**
 * Nodes of the egresses that take new connections of some endpoint, wherever it is. Endpoints of a zone without a gateway, and those without
 * a zone, have the same ones.
 */
export function activeNodes(order: GatewayOrder): Set<string> {
  const zones = new Set([undefined, ...order.egresses.map(({ zone }) => zone)]);
  const active = [...zones].flatMap((zone) => activeEgresses(order, zone));
  return new Set(active.map((egress) => order.egresses[egress]!.node));
}

interface Candidates {
  readonly local: readonly number[];
  readonly all: readonly number[];
  readonly remote: readonly number[];
}

/** Who stands in line, and after how many failures the line moves. Gateways of other zones stand back until no group has a local one. */
function queues(
  affinity: AzAffinity,
  { local, all, remote }: Candidates,
  localNodes: number,
): { readonly members: readonly number[]; readonly after: number }[] {
  switch (affinity) {
    case "disabled":
      return [{ members: all, after: 0 }];
    case "localOnly":
      return [{ members: local, after: 0 }];
    case "localPriority":
      return [{ members: [...local, ...remote], after: 0 }];
    case "localOnlyFirst":
      return [
        { members: local, after: 0 },
        { members: remote, after: localNodes },
      ];
  }
}
