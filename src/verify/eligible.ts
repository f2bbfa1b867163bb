import type { Endpoint, Policy } from "../config/types.js";
import type { Connection, Mapping } from "./connections.js";
import { egressAddressKey, type Frame } from "./judge.js";

/**
 * Whether the policies select this endpoint and destination. Asked once per connection and policy epoch.
 * @returns index of the policy that selects them; -1 where none does, which is a mismatch
 */
export function checkSelected(frame: Frame, endpoint: Endpoint): number {
  const decision = frame.decide(endpoint);
  if (decision.selected) return decision.policy;
  const why = `${decision.by} decides for ${endpoint.namespace}/${endpoint.name}`;
  frame.find("decision", `pass, ${decision.reason}`, frame.o.action, why);
  return -1;
}

/** Whether the gateway that was used is one of `allowed`; the name of the mismatch says what is the matter with it. */
export function checkChoice(frame: Frame, policy: Policy, allowed: readonly number[]): void {
  const used = frame.o.egress;
  if (allowed.includes(used)) return;
  const nodeOf = (index: number) => frame.judge.model.egresses[index]?.node ?? `egress ${index}`;
  const isMember = hasPins(frame, policy) && policy.egresses.includes(used);
  const ofMember = frame.judge.gateways.down.has(nodeOf(used)) ? "egress-healthy" : "egress-active";
  const expected = allowed.length === 0 ? "none" : `one of ${allowed.map(nodeOf).join(", ")}`;
  frame.find(isMember ? ofMember : "egress-eligible", expected, nodeOf(used), `${policy.kind} ${policy.name}`);
}

/** Nothing passes a node that answers nothing. */
export function checkReachable(frame: Frame, gateway: string, endpoint: Endpoint): void {
  const { unreachable } = frame.o;
  if (!unreachable || unreachable.size === 0) return;
  const why = "the node answered nothing at that time";
  if (unreachable.has(gateway)) frame.find("gateway-unreachable", "lost, gateway-down", gateway, why);
  const { node } = endpoint;
  if (node !== undefined && unreachable.has(node)) frame.find("endpoint-unreachable", "lost, node-down", node, why);
}

/** The member of `policy` that has the gateway and the egress IP of `mapping`. */
export function memberOf(frame: Frame, policy: Policy, { gateway, address }: Mapping): number | undefined {
  return policy.egresses.find((index) => {
    const egress = frame.judge.model.egresses[index]!;
    return egress.node === gateway && egressAddressKey(egress, frame.packet.family) === address;
  });
}

/** The egress that the connection surely still is pinned to: one that is healthy and a member as before. */
export function pinOf(frame: Frame, policy: Policy, connection?: Connection): number | undefined {
  const { judge, nowMs } = frame;
  if (!connection?.mapping || connection.unseen === "gateway" || !hasPins(frame, policy)) return undefined;
  const isPinned = judge.table.keepsPin(connection, nowMs) && !judge.gateways.down.has(connection.mapping.gateway);
  return isPinned ? memberOf(frame, policy, connection.mapping) : undefined;
}

/** True where connections are pinned, to gateways of which it is known how they stand. */
function hasPins({ judge }: Frame, { kind }: Policy): boolean {
  return kind === "IsovalentEgressGatewayPolicy" && !judge.options.foreign;
}

/** All egresses that the frame's connection may be on: its pin, else what a new one may be given, and what one of unknown age may have. */
export function mayCarry(frame: Frame, policy: Policy, endpoint: Endpoint, current?: Connection): readonly number[] {
  const { gateways } = frame.judge;
  const pin = pinOf(frame, policy, current);
  if (pin !== undefined) return [pin];
  return current ? gateways.healthy(policy, endpoint) : gateways.active(policy, endpoint);
}
