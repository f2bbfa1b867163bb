import type { Egress, Endpoint, Policy } from "../config/types.js";
import { type Decision, uidHash } from "./interpreter.js";
import { describePolicy, type Frame, type Judge } from "./judge.js";

/**
 * Whether the policies select this endpoint and destination, and permit the gateway that was used. Asked once per connection and policy
 * epoch. @returns the decision, also where it is a mismatch
 */
export function checkDecision(judge: Judge, frame: Frame, endpoint: Endpoint, decision: Decision): void {
  if (!decision.selected) {
    const expected = `pass, ${decision.reason}`;
    judge.find(
      frame,
      "decision",
      expected,
      "snat",
      `${decision.by} decides for ${endpoint.namespace}/${endpoint.name}`,
    );
    return;
  }
  const policy = judge.model.policies[decision.policy]!;
  const fault = eligibilityFault(judge, policy, endpoint, frame.o.egress);
  if (fault)
    judge.find(
      frame,
      "egress-eligible",
      fault.expected,
      fault.got,
      `${describePolicy(policy)} decides by ${decision.by}`,
    );
}

/** Gateways of an IsovalentEgressGatewayPolicy must be healthy at every frame; a CiliumEgressGatewayPolicy knows no health. */
export function checkHealth(judge: Judge, frame: Frame, policyIndex: number, egress: Egress): void {
  const policy = judge.model.policies[policyIndex];
  const { healthy } = frame.o;
  if (!policy || !healthy || policy.kind === "CiliumEgressGatewayPolicy" || healthy.has(egress.node)) return;
  const expected = `one of ${[...healthy].sort().join(", ") || "none"}`;
  judge.find(frame, "egress-healthy", expected, egress.node, `${describePolicy(policy)} uses healthy gateways only`);
}

/** The egresses that may carry an endpoint's connections under `policy`, health aside. */
export function eligibleEgresses(judge: Judge, policy: Policy, endpoint: Endpoint): readonly number[] {
  if (policy.egresses.length === 0) return [];
  if (policy.kind === "CiliumEgressGatewayPolicy") {
    return [policy.egresses[uidHash(endpoint.uid) % policy.egresses.length]!];
  }
  if (policy.azAffinity !== "localOnly") return policy.egresses;
  const zone = judge.model.nodes.find((node) => node.name === endpoint.node)?.zone;
  return policy.egresses.filter((index) => zone !== undefined && judge.model.egresses[index]?.zone === zone);
}

function eligibilityFault(
  judge: Judge,
  policy: Policy,
  endpoint: Endpoint,
  used: number,
): { expected: string; got: string } | undefined {
  const eligible = eligibleEgresses(judge, policy, endpoint);
  if (eligible.includes(used)) return undefined;
  const names = eligible.map((index) => judge.model.egresses[index]?.node ?? `egress ${index}`);
  return {
    expected: names.length === 0 ? "none" : `one of ${names.join(", ")}`,
    got: judge.model.egresses[used]?.node ?? `egress ${used}`,
  };
}
