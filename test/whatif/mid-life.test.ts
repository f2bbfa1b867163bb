import { expect, test } from "vitest";
import type { Policy, PolicyModel } from "../../src/config/types.js";
import type { LoggedConnection } from "../../src/whatif/logged-connection.js";
import { type Effect, MidLife } from "../../src/whatif/mid-life.js";
import type { Way } from "../../src/whatif/names.js";
import { egress, endpoint, model, NOON, node, policy, policySet, prefix } from "../engine/model.js";

const POD = "10.1.0.7";
const REMOTE = "198.51.100.20";
const via = (name: string, egressIP: string): Way => ({ kind: "gateway", gateway: { node: name, egressIP } });
const OLD = via("gw-a", "203.0.113.1");
const NEW = via("gw-b", "203.0.113.2");

/** Manifests after the change: one policy for everything, over these egresses. */
function after(members: number[], fields: Partial<Policy> = {}): PolicyModel {
  return model({
    nodes: [node("gw-a", "172.18.0.11"), node("gw-b", "172.18.0.12")],
    egresses: [
      egress("gw-a", "203.0.113.1"),
      egress("gw-b", "203.0.113.2"),
      egress("gw-a", "203.0.113.9"),
      egress("gw-b", "203.0.113.1"),
    ],
    policies: [policy("out", members, { destinations: [prefix("0.0.0.0/0")], ...fields })],
    policySets: [policySet({ "0.0.0.0/0": 0 })],
    endpoints: [endpoint("web", [POD])],
  });
}

function running(fields: Partial<LoggedConnection> = {}): LoggedConnection {
  return {
    protocol: 6,
    endpoint: POD,
    remote: REMOTE,
    isOutbound: true,
    firstNs: 0,
    framesOut: 2,
    framesIn: 2,
    ...fields,
  } as LoggedConnection;
}

test.each<[string, PolicyModel, Effect]>([
  ["stays where its gateway is one of the policy's still", after([0, 1]), "none"],
  ["is cut where its gateway is not", after([1]), "cut"],
  ["is cut where its gateway has another address in the policy", after([1, 2]), "cut"],
  ["is cut where its address is another gateway's in the policy", after([1, 3]), "cut"],
  [
    "is cut under the original's kind of policy, which keeps nothing",
    after([0, 1], { kind: "CiliumEgressGatewayPolicy" }),
    "cut",
  ],
])("a running connection that a change sends to another gateway %s", (_, manifests, effect) => {
  expect(new MidLife(manifests, NOON).effect(running(), OLD, NEW)).toBe(effect);
});

test("a running connection of an address that nobody owns by then is kept by no policy", () => {
  const manifests = after([0, 1]);
  const gone = { ...manifests, endpoints: [endpoint("web", [POD], { toNs: NOON - 1n })] };
  expect(new MidLife(gone, NOON).effect(running(), OLD, NEW)).toBe("cut");
});
