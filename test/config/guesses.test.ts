import { describe, expect, test } from "vitest";
import { ciliumPolicy, GATEWAY_LABELS, load, node, pod, warningsOf } from "./manifests.js";

const NODES = [
  node("a", "172.18.0.1", { labels: GATEWAY_LABELS }),
  node("b", "172.18.0.2", { labels: GATEWAY_LABELS }),
];
const gateway = { nodeSelector: { matchLabels: GATEWAY_LABELS }, egressIP: "203.0.113.1" };
const POD = pod("web", "10.0.0.1", { uid: "u", labels: { "pod-template-hash": "x" } });
const ENDPOINT = {
  apiVersion: "cilium.io/v2",
  kind: "CiliumEndpoint",
  metadata: { name: "web", uid: "cep" },
  status: {
    identity: { id: 7, labels: ["k8s:pod-template-hash=x"] },
    networking: { addressing: [{ ipv4: "10.0.0.1" }] },
  },
};

describe("guesses from Pods without CiliumEndpoints", () => {
  test("a gateway chosen by the UID of a Pod is a warning; one gateway, or the UID of a CiliumEndpoint, is not", () => {
    const two = ciliumPolicy("p", { egressGateway: null, egressGateways: [gateway, gateway] });
    expect(warningsOf(load([...NODES, POD, two])).join()).toMatch(/which of its 2 gateways 1 pods use is a guess/);
    expect(warningsOf(load([...NODES, POD, ENDPOINT, two]))).toEqual([]);
    expect(warningsOf(load([...NODES, POD, ciliumPolicy("p", { egressGateway: gateway })]))).toEqual([]);
  });

  test("a selector by a label that identities leave out is a warning, unless the identity has it", () => {
    const selectors = [{ podSelector: { matchLabels: { "pod-template-hash": "x" } } }];
    const policy = ciliumPolicy("p", { selectors, egressGateway: gateway });
    expect(warningsOf(load([...NODES, POD, policy])).join()).toMatch(
      /selects by pod-template-hash, a label that Cilium leaves out/,
    );
    expect(warningsOf(load([...NODES, POD, ENDPOINT, policy]))).toEqual([]);
  });
});
