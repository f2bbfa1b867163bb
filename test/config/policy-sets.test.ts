import { describe, expect, test } from "vitest";
import type { PolicyModel } from "../../src/config/types.js";
import { ciliumPolicy, GATEWAY_LABELS, load, namespace, node, pod, warningsOf } from "./manifests.js";

const GATEWAY = node("gateway", "172.18.0.2", { labels: GATEWAY_LABELS });
const WORKER_A = node("worker-a", "172.18.0.3", { labels: { pool: "a" } });
const WORKER_B = node("worker-b", "172.18.0.4", { labels: { pool: "b", big: "yes" } });
const PODS = [
  pod("web", "10.0.0.1", { namespace: "shop", labels: { app: "web" }, node: "worker-a" }),
  pod("db", "10.0.0.2", { namespace: "shop", labels: { app: "db" }, node: "worker-b" }),
  pod("web", "10.0.0.3", { namespace: "test", labels: { app: "web", stage: "test" }, node: "worker-b" }),
];
const CLUSTER = [
  GATEWAY,
  WORKER_A,
  WORKER_B,
  namespace("shop", { team: "sales" }),
  namespace("test", { team: "qa" }),
  ...PODS,
];

/** Names (`namespace/name`) of the endpoints that some policy selects. */
function selected(model: PolicyModel): string[] {
  return model.endpoints
    .filter(({ policySet }) => policySet >= 0)
    .map((endpoint) => `${endpoint.namespace}/${endpoint.name}`);
}

function entriesOf(model: PolicyModel, podName: string): string[] {
  const endpoint = model.endpoints.find(({ name }) => name === podName)!;
  return model.policySets[endpoint.policySet]!.entries.map(
    ({ prefix, excluded, policy }) => `${prefix.text} ${model.policies[policy]!.name}${excluded ? " excluded" : ""}`,
  );
}

describe("selectors of a policy", () => {
  test.each<[string, object[], string[]]>([
    [
      "a podSelector alone reaches into all namespaces",
      [{ podSelector: { matchLabels: { app: "web" } } }],
      ["shop/web", "test/web"],
    ],
    ["an empty podSelector takes every pod", [{ podSelector: {} }], ["shop/web", "shop/db", "test/web"]],
    [
      "an empty namespaceSelector takes every namespace",
      [{ namespaceSelector: {} }],
      ["shop/web", "shop/db", "test/web"],
    ],
    [
      "a namespaceSelector goes by labels of the namespace",
      [{ namespaceSelector: { matchLabels: { team: "sales" } } }],
      ["shop/web", "shop/db"],
    ],
    [
      "the name of a namespace is one of its labels",
      [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "test" } } }],
      ["test/web"],
    ],
    [
      "both selectors of a rule have to match",
      [{ namespaceSelector: { matchLabels: { team: "sales" } }, podSelector: { matchLabels: { app: "web" } } }],
      ["shop/web"],
    ],
    [
      "rules add up",
      [{ podSelector: { matchLabels: { stage: "test" } } }, { podSelector: { matchLabels: { app: "db" } } }],
      ["shop/db", "test/web"],
    ],
    [
      "a podSelector can name the namespace",
      [{ podSelector: { matchLabels: { "io.kubernetes.pod.namespace": "shop" } } }],
      ["shop/web", "shop/db"],
    ],
    [
      "operators of namespaceSelectors work on prefixed keys",
      [{ namespaceSelector: { matchExpressions: [{ key: "team", operator: "NotIn", values: ["qa"] }] } }],
      ["shop/web", "shop/db"],
    ],
    [
      "DoesNotExist takes pods without the label",
      [{ podSelector: { matchExpressions: [{ key: "stage", operator: "DoesNotExist" }] } }],
      ["shop/web", "shop/db"],
    ],
    [
      "In takes any of its values, Exists any value",
      [
        { podSelector: { matchExpressions: [{ key: "app", operator: "In", values: ["db", "cache"] }] } },
        { podSelector: { matchExpressions: [{ key: "stage", operator: "Exists" }] } },
      ],
      ["shop/db", "test/web"],
    ],
    [
      "null selectors count as missing ones",
      [{ podSelector: null, namespaceSelector: {} }],
      ["shop/web", "shop/db", "test/web"],
    ],
    [
      "nodeSelectors are pooled over all rules: any of them will do for every rule",
      [
        { podSelector: { matchLabels: { app: "web" } }, nodeSelector: { matchLabels: { pool: "a" } } },
        { podSelector: { matchLabels: { app: "db" } }, nodeSelector: { matchLabels: { big: "yes" } } },
      ],
      ["shop/web", "shop/db", "test/web"],
    ],
    [
      "one nodeSelector holds for rules without one, too",
      [
        { podSelector: {}, nodeSelector: { matchLabels: { pool: "b" } } },
        { podSelector: { matchLabels: { app: "web" } } },
      ],
      ["shop/db", "test/web"],
    ],
    [
      "a nodeSelector that matches no node selects nothing",
      [{ podSelector: {}, nodeSelector: { matchLabels: { pool: "c" } } }],
      [],
    ],
  ])("%s", (_what, selectors, expected) => {
    expect(selected(load([...CLUSTER, ciliumPolicy("p", { selectors })]))).toEqual(expected);
  });

  test("a pod on an unknown node matches no policy with a nodeSelector, but others", () => {
    const stray = pod("stray", "10.0.0.9", { node: "nowhere" });
    const rule = { podSelector: {}, nodeSelector: {} };
    expect(selected(load([stray, GATEWAY, ciliumPolicy("p", { selectors: [rule] })]))).toEqual([]);
    expect(selected(load([stray, GATEWAY, ciliumPolicy("p", {})]))).toEqual(["default/stray"]);
  });
});

describe("policy sets", () => {
  test("are shared by endpoints with the same list of policies", () => {
    const model = load([
      ...CLUSTER,
      ciliumPolicy("all", { destinationCIDRs: ["192.0.2.0/24"] }),
      ciliumPolicy("web", {
        selectors: [{ podSelector: { matchLabels: { app: "web" } } }],
        destinationCIDRs: ["198.51.100.0/24"],
      }),
    ]);
    expect(model.policySets).toHaveLength(2);
    expect(model.endpoints.map(({ policySet }) => policySet)).toEqual([0, 1, 0]);
    expect(entriesOf(model, "db")).toEqual(["192.0.2.0/24 all"]);
    expect(entriesOf(model, "web")).toEqual(["192.0.2.0/24 all", "198.51.100.0/24 web"]);
  });

  test("of one policy, excluded wins over the same destination", () => {
    const model = load([
      ...CLUSTER,
      ciliumPolicy("p", { destinationCIDRs: ["192.0.2.0/24"], excludedCIDRs: ["192.0.2.0/24"] }),
    ]);
    expect(entriesOf(model, "web")).toEqual(["192.0.2.0/24 p excluded"]);
  });

  test("hold longer and shorter prefixes of all policies, whoever excluded them", () => {
    const model = load([
      ...CLUSTER,
      ciliumPolicy("a", { destinationCIDRs: ["0.0.0.0/0"], excludedCIDRs: ["192.0.2.0/24"] }),
      ciliumPolicy("b", { destinationCIDRs: ["192.0.2.128/25", "2001:db8::/32"] }),
    ]);
    expect(entriesOf(model, "web")).toEqual([
      "192.0.2.0/24 a excluded",
      "0.0.0.0/0 a",
      "192.0.2.128/25 b",
      "2001:db8::/32 b",
    ]);
  });

  test.each<[string, string | undefined, string | undefined, string, RegExp]>([
    ["the older", "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "b", /being older$/],
    ["the first by name, at equal age", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "a", /being first by name$/],
    ["the first by name, without ages", undefined, undefined, "a", /being first by name$/],
    ["the one with a known age", undefined, "2026-01-01T00:00:00Z", "b", /being older$/],
  ])("of two policies on one prefix %s wins, with a warning that names both", (_what, ageA, ageB, winner, reason) => {
    const model = load([
      ...CLUSTER,
      ciliumPolicy("b", { excludedCIDRs: ["192.0.2.0/24"] }, { creationTimestamp: ageB }),
      ciliumPolicy("a", { destinationCIDRs: ["192.0.2.0/24"] }, { creationTimestamp: ageA }),
    ]);
    const entry = entriesOf(model, "web").find((line) => line.startsWith("192.0.2.0/24"));
    expect(entry).toBe(winner === "a" ? "192.0.2.0/24 a" : "192.0.2.0/24 b excluded");
    const conflicts = warningsOf(model).filter((text) => text.includes("leaves open"));
    expect(conflicts).toHaveLength(1);
    expect(conflicts[0]).toMatch(/CiliumEgressGatewayPolicy a\b.*192\.0\.2\.0\/24/);
    expect(conflicts[0]).toMatch(/CiliumEgressGatewayPolicy b\b/);
    expect(conflicts[0]).toMatch(reason);
  });

  test("do not depend on the order of objects", () => {
    const objects = [
      ...CLUSTER,
      ciliumPolicy("a", { destinationCIDRs: ["192.0.2.0/24", "0.0.0.0/0"] }),
      ciliumPolicy("b", { destinationCIDRs: ["192.0.2.0/24"] }, { creationTimestamp: "2026-01-01T00:00:00Z" }),
    ];
    const forward = load(objects);
    const backward = load(objects.toReversed());
    expect(backward.policies).toEqual(forward.policies);
    expect(backward.egresses).toEqual(forward.egresses);
    const sets = (model: PolicyModel) =>
      new Map(model.endpoints.map(({ namespace, name }) => [`${namespace}/${name}`, entriesOf(model, name)]));
    expect(sets(backward)).toEqual(sets(forward));
  });
});

describe("a policy given twice", () => {
  test("counts once: the higher generation, else the last; a difference is a warning", () => {
    const first = ciliumPolicy("p", { destinationCIDRs: ["192.0.2.0/24"] }, { generation: 2 });
    const second = ciliumPolicy("p", { destinationCIDRs: ["198.51.100.0/24"] }, { generation: 1 });
    const model = load([...CLUSTER, first, second]);
    expect(model.policies.map(({ destinations }) => destinations.map(({ text }) => text))).toEqual([["192.0.2.0/24"]]);
    expect(warningsOf(model).filter((text) => text.includes("given twice"))).toHaveLength(1);
    expect(warningsOf(load([...CLUSTER, first, first]))).toEqual([]);
  });
});
