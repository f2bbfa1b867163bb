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

/**
 * Whether the gateway that was used is the one that the frame's connection is pinned to; else one that takes new connections, or that may
 * have kept this one. @param current the connection, where it is known
 */
export function checkGateway(frame: Frame, policy: Policy, endpoint: Endpoint, current?: Connection): void {
  const { judge, o } = frame;
  const { gateways, model } = judge;
  const nodeOf = (index: number) => model.egresses[index]?.node ?? `egress ${index}`;
  const used = nodeOf(o.egress);
  const pins = pinsOf(frame, policy, current);
  // One that a saved state knew may have been pinned there.
  const mayStay = current ? current.pin === used && !judge.table.hasLostPin(current) : judge.options.resumed;
  const others = mayStay ? gateways.healthy(policy, endpoint) : gateways.active(policy, endpoint);
  const allowed = pins.length > 0 ? pins : others;
  if (allowed.includes(o.egress)) return;
  const isMember = hasPins(frame, policy) && policy.egresses.includes(o.egress);
  const ofMember = gateways.down.has(used) ? "egress-healthy" : pins.length > 0 ? "pin-moved" : "egress-active";
  const expected = allowed.length === 0 ? "none" : `one of ${allowed.map(nodeOf).join(", ")}`;
  frame.find(isMember ? ofMember : "egress-eligible", expected, used, `${policy.kind} ${policy.name}`);
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

/** The members of `policy` that have the gateway and the egress IP of `mapping`: of one family several may. */
export function membersOf(frame: Frame, policy: Policy, { gateway, address }: Mapping): readonly number[] {
  return policy.egresses.filter((index) => {
    const egress = frame.judge.model.egresses[index]!;
    return egress.node === gateway && egressAddressKey(egress, frame.packet.family) === address;
  });
}

/**
 * The egresses that the connection surely has to stay on: those of the healthy gateway that it is pinned to, and of them those with its
 * egress IP while its mapping is there. Empty where it may go elsewhere.
 */
export function pinsOf(frame: Frame, policy: Policy, connection?: Connection): readonly number[] {
  const { table, gateways, model } = frame.judge;
  if (!connection?.mapping || !hasPins(frame, policy) || !table.keepsPin(connection, frame.nowMs)) return [];
  if (gateways.down.has(connection.pin!)) return [];
  const ofGateway = policy.egresses.filter((index) => model.egresses[index]!.node === connection.pin);
  const members = table.hasLostMapping(connection) ? [] : membersOf(frame, policy, connection.mapping);
  return members.length > 0 ? members : ofGateway;
}

/** True where connections are pinned, to gateways of which it is known how they stand. */
function hasPins({ judge }: Frame, { kind }: Policy): boolean {
  return kind === "IsovalentEgressGatewayPolicy" && !judge.options.foreign;
}
