import type { Endpoint, Policy } from "../config/types.js";
import type { Connection, Mapping } from "./connections.js";
import { describePolicy, egressAddressKey, type Frame, type Judge } from "./judge.js";

/**
 * Whether the policies select this endpoint and destination. Asked once per connection and policy epoch.
 * @returns index of the policy that selects them; -1 where none does, which is a mismatch
 */
export function checkSelected(judge: Judge, frame: Frame, endpoint: Endpoint): number {
  const decision = judge.decide(frame, endpoint);
  if (decision.selected) return decision.policy;
  const why = `${decision.by} decides for ${endpoint.namespace}/${endpoint.name}`;
  judge.find(frame, "decision", `pass, ${decision.reason}`, frame.o.action, why);
  return -1;
}

/** Whether the gateway that was used is one of `allowed`; the name of the mismatch says what is the matter with it. */
export function checkChoice(judge: Judge, frame: Frame, policy: Policy, allowed: readonly number[]): void {
  const used = frame.o.egress;
  if (allowed.includes(used)) return;
  const nodeOf = (index: number) => judge.model.egresses[index]?.node ?? `egress ${index}`;
  const isMember =
    policy.kind !== "CiliumEgressGatewayPolicy" && !judge.options.foreign && policy.egresses.includes(used);
  const ofMember = judge.gateways.down.has(nodeOf(used)) ? "egress-healthy" : "egress-active";
  const expected = allowed.length === 0 ? "none" : `one of ${allowed.map(nodeOf).join(", ")}`;
  judge.find(frame, isMember ? ofMember : "egress-eligible", expected, nodeOf(used), describePolicy(policy));
}

/** Nothing passes a node that answers nothing. */
export function checkReachable(judge: Judge, frame: Frame, gateway: string, endpoint: Endpoint): void {
  const { unreachable } = frame.o;
  if (!unreachable || unreachable.size === 0) return;
  const why = "the node answered nothing at that time";
  if (unreachable.has(gateway)) judge.find(frame, "gateway-unreachable", "lost, gateway-down", gateway, why);
  const { node } = endpoint;
  if (node !== undefined && unreachable.has(node))
    judge.find(frame, "endpoint-unreachable", "lost, node-down", node, why);
}

/** The member of `policy` that has the gateway and the egress IP of `mapping`. */
export function memberOf(
  judge: Judge,
  frame: Frame,
  policy: Policy,
  { gateway, address }: Mapping,
): number | undefined {
  return policy.egresses.find((index) => {
    const egress = judge.model.egresses[index]!;
    return egress.node === gateway && egressAddressKey(egress, frame.packet.family) === address;
  });
}

/** The egress that the connection surely still is pinned to: one that is healthy and a member as before. */
export function pinOf(
  judge: Judge,
  frame: Frame,
  policy: Policy,
  connection: Connection | undefined,
): number | undefined {
  if (!connection?.mapping || policy.kind === "CiliumEgressGatewayPolicy" || judge.options.foreign) return undefined;
  const isSure = connection.unseen !== "gateway" && judge.table.keepsPin(connection, frame.nowMs);
  if (!isSure || judge.gateways.down.has(connection.mapping.gateway)) return undefined;
  return memberOf(judge, frame, policy, connection.mapping);
}

/** All egresses that the frame's connection may be on: its pin, else what a new one may be given, and what one of unknown age may have. */
export function mayCarry(
  judge: Judge,
  frame: Frame,
  policy: Policy,
  endpoint: Endpoint,
  connection: Connection | undefined,
): readonly number[] {
  const pin = pinOf(judge, frame, policy, connection);
  if (pin !== undefined) return [pin];
  return connection ? judge.gateways.healthy(policy, endpoint) : judge.gateways.active(policy, endpoint);
}
