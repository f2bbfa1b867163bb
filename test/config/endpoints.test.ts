import { describe, expect, test } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import type { Endpoint, PolicyModel } from "../../src/config/types.js";
import { addresses, ciliumPolicy, load, namespace, node, pod, warningsOf, writeFiles } from "./manifests.js";

interface CiliumEndpointParts {
  readonly uid?: string;
  readonly id?: number;
  readonly labels?: readonly string[];
  readonly node?: string;
  readonly podUid?: string;
  readonly created?: string;
}

function ciliumEndpoint(name: string, ips: readonly string[], parts: CiliumEndpointParts = {}): object {
  const owner = parts.podUid === undefined ? undefined : [{ kind: "Pod", uid: parts.podUid, apiVersion: "v1", name }];
  return {
    apiVersion: "cilium.io/v2",
    kind: "CiliumEndpoint",
    metadata: { name, namespace: "default", uid: parts.uid, ownerReferences: owner, creationTimestamp: parts.created },
    status: {
      identity: parts.id === undefined ? undefined : { id: parts.id, labels: parts.labels },
      networking: {
        node: parts.node,
        addressing: [{ ipv4: ips.find((ip) => !ip.includes(":")), ipv6: ips.find((ip) => ip.includes(":")) ?? "" }],
      },
    },
  };
}

function ciliumIdentity(id: number, labels: Record<string, string>): object {
  return {
    apiVersion: "cilium.io/v2",
    kind: "CiliumIdentity",
    metadata: { name: String(id) },
    "security-labels": labels,
  };
}

const selects = (labels: object) => ciliumPolicy("p", { selectors: [{ podSelector: { matchLabels: labels } }] });
const isSelected = (model: PolicyModel) => model.endpoints.map(({ policySet }) => policySet >= 0);
const second = (text: string) => BigInt(Date.parse(text)) * 1_000_000n;

/** `name from-to` with seconds after 2026-01-01, `…` without bound. */
function tenures(model: PolicyModel): string[] {
  const start = second("2026-01-01T00:00:00Z");
  const text = (ns: bigint | undefined) => (ns === undefined ? "…" : String((ns - start) / 1_000_000_000n));
  return model.endpoints.map(
    (endpoint: Endpoint) =>
      `${endpoint.name} ${addresses(endpoint.addresses).join(",")} ${text(endpoint.fromNs)}-${text(endpoint.toNs)}`,
  );
}
const at = (seconds: number) =>
  new Date(Date.parse("2026-01-01T00:00:00Z") + seconds * 1000).toISOString().replace(".000", "");

describe("pods", () => {
  test("own all their addresses, with node, UID and identity-like labels", () => {
    const model = load([pod("web", ["10.0.0.1", "2001:db8::1"], { uid: "u-1", node: "n" }), pod("old", [], {})]);
    expect(model.endpoints).toHaveLength(1);
    expect(model.endpoints[0]).toMatchObject({
      namespace: "default",
      name: "web",
      uid: "u-1",
      node: "n",
      identity: 0,
      policySet: -1,
    });
    expect(addresses(model.endpoints[0]!.addresses)).toEqual(["10.0.0.1", "2001:db8::1"]);
    expect(model.skippedPods).toEqual(new Map([["no-address", 1]]));
  });

  test("with only podIP have that", () => {
    const bare = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, status: { podIP: "10.0.0.5" } };
    expect(addresses(load([bare]).endpoints[0]!.addresses)).toEqual(["10.0.0.5"]);
  });

  test("on the host network are never endpoints, finished ones own nothing", () => {
    const model = load([
      pod("host", "172.18.0.3", { hostNetwork: true }),
      pod("done", "10.0.0.1", { phase: "Succeeded" }),
      pod("broken", "10.0.0.2", { phase: "Failed" }),
      pod("pending", "10.0.0.3", { phase: "Pending" }),
    ]);
    expect(model.endpoints.map(({ name }) => name)).toEqual(["pending"]);
    expect(model.skippedPods).toEqual(
      new Map([
        ["host-network", 1],
        ["finished", 2],
      ]),
    );
    expect(model.clusterPrefixes.map(({ prefix }) => prefix.text)).toEqual(["10.0.0.3/32"]);
  });

  test("without UID hash by namespace and name", () => {
    expect(load([pod("a", "10.0.0.1", { namespace: "n" })]).endpoints[0]!.uid).toBe("n/a");
  });

  test("carry the labels that Cilium would add: namespace, its labels, service account, cluster", () => {
    const objects = [pod("a", "10.0.0.1", { namespace: "n" }), namespace("n", { team: "x" })];
    for (const labels of [
      { "io.kubernetes.pod.namespace": "n" },
      { "io.cilium.k8s.namespace.labels.team": "x" },
      { "io.cilium.k8s.policy.serviceaccount": "default" },
      { "io.cilium.k8s.policy.cluster": "default" },
    ]) {
      expect(isSelected(load([...objects, selects(labels)]))).toEqual([true]);
    }
    const config = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "cilium-config" },
      data: { "cluster-name": "west" },
    };
    expect(isSelected(load([...objects, config, selects({ "io.cilium.k8s.policy.cluster": "west" })]))).toEqual([true]);
  });
});

describe("service ports", () => {
  const ports = (model: PolicyModel) =>
    model.endpoints[0]!.servicePorts.map(({ protocol, port }) => `${port}/${protocol}`);
  const service = (spec: object, ns = "default") => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "s", namespace: ns },
    spec,
  });
  const WEB = pod("web", "10.0.0.1", {
    labels: { app: "web", tier: "front" },
    ports: [
      { containerPort: 8080, name: "http" },
      { containerPort: 53, name: "dns", protocol: "UDP" },
      { containerPort: 53, name: "dns" },
    ],
  });

  test("are containerPorts of all containers", () => {
    expect(ports(load([WEB]))).toEqual(["53/TCP", "53/UDP", "8080/TCP"]);
  });

  test("are targetPorts of Services that select the pod: numbers, names, and the port itself where there is none", () => {
    const spec = {
      selector: { app: "web" },
      ports: [
        { port: 80, targetPort: 9090 },
        { port: 443 },
        { port: 81, targetPort: "http" },
        { port: 1, targetPort: "7000", protocol: "SCTP" },
        { port: 2, targetPort: "dns", protocol: "UDP" },
        { port: 3, targetPort: "nope" },
      ],
    };
    expect(ports(load([WEB, service(spec)]))).toEqual([
      "53/TCP",
      "53/UDP",
      "443/TCP",
      "7000/SCTP",
      "8080/TCP",
      "9090/TCP",
    ]);
  });

  test("do not come from Services of another namespace, with another selector or with none", () => {
    const port = { ports: [{ port: 80 }] };
    const others = [
      service({ selector: { app: "web" }, ...port }, "other"),
      service({ selector: { app: "web", tier: "back" }, ...port }),
      service(port),
    ];
    expect(ports(load([WEB, ...others]))).toEqual(["53/TCP", "53/UDP", "8080/TCP"]);
  });
});

describe("CiliumEndpoints", () => {
  const POD = pod("web", "10.0.0.99", {
    uid: "pod-uid",
    labels: { app: "pod-label" },
    node: "from-pod",
    created: at(0),
    ports: [{ containerPort: 80 }],
  });

  test("are the truth about addresses, labels, identity, node and UID; the Pod gives ports and life span", () => {
    const model = load([
      POD,
      node("from-cep", "172.18.0.7"),
      ciliumEndpoint("web", ["10.0.0.1", "2001:db8::1"], {
        uid: "cep-uid",
        id: 4711,
        labels: ["k8s:app=stale"],
        node: "172.18.0.7",
        created: at(50),
      }),
      ciliumIdentity(4711, { "k8s:app": "web", "k8s:io.kubernetes.pod.namespace": "default" }),
      selects({ app: "web" }),
    ]);
    expect(model.endpoints).toHaveLength(1);
    expect(model.endpoints[0]).toMatchObject({
      uid: "cep-uid",
      identity: 4711,
      node: "from-cep",
      servicePorts: [{ protocol: "TCP", port: 80 }],
      policySet: 0,
    });
    expect(tenures(model)).toEqual(["web 10.0.0.1,2001:db8::1 0-…"]);
  });

  test.each<[string, object, object[], boolean[]]>([
    [
      "their own copy of the labels where the identity is not there",
      { app: "web" },
      [ciliumEndpoint("web", ["10.0.0.1"], { id: 1, labels: ["k8s:app=web"] })],
      [true],
    ],
    [
      "not the pod's labels",
      { app: "pod-label" },
      [ciliumEndpoint("web", ["10.0.0.1"], { id: 1, labels: ["k8s:app=web"] })],
      [false],
    ],
    [
      "labels of other sources under the name of their source",
      { "container.app": "web" },
      [ciliumEndpoint("web", ["10.0.0.1"], { id: 1, labels: ["container:app=web"] })],
      [true],
    ],
    [
      "labels without source or value as they are",
      { app: "" },
      [ciliumEndpoint("web", ["10.0.0.1"], { id: 1, labels: ["app"] })],
      [true],
    ],
  ])("go by %s", (_what, labels, endpoints, expected) => {
    expect(isSelected(load([POD, ...endpoints, selects(labels)]))).toEqual(expected);
  });

  test("without identity are selected by nothing, with a warning, but own their address", () => {
    const model = load([
      ciliumEndpoint("web", ["10.0.0.1"]),
      ciliumPolicy("p", {}),
      node("g", "172.18.0.2", { labels: { egress: "yes" } }),
    ]);
    expect(isSelected(model)).toEqual([false]);
    expect(warningsOf(model).join()).toMatch(/CiliumEndpoint default\/web has no identity with known labels yet/);
    expect(model.skippedPods).toEqual(new Map([["no-identity", 1]]));
  });

  test("without a Pod stand for themselves", () => {
    expect(tenures(load([ciliumEndpoint("web", ["10.0.0.1"], { id: 1, labels: [], created: at(5) })]))).toEqual([
      "web 10.0.0.1 5-…",
    ]);
  });

  test("of a finished pod own nothing", () => {
    expect(
      load([pod("web", "10.0.0.1", { phase: "Failed" }), ciliumEndpoint("web", ["10.0.0.1"], { id: 1 })]).endpoints,
    ).toEqual([]);
  });

  test("belong to the pod in their owner reference, by UID, when a name was used twice", () => {
    const model = load([
      pod("web", "10.0.0.1", { uid: "old", created: at(0), deleted: at(10) }),
      pod("web", "10.0.0.2", { uid: "new", created: at(20) }),
      ciliumEndpoint("web", ["10.0.0.2"], { id: 7, uid: "cep", podUid: "new", labels: ["k8s:a=b"] }),
    ]);
    expect(model.endpoints.map(({ uid, identity }) => [uid, identity])).toEqual([
      ["old", 0],
      ["cep", 7],
    ]);
  });
});

describe("ownership of addresses", () => {
  test("goes from creation to deletion, and on to the next pod", () => {
    const model = load([
      pod("b", "10.0.0.1", { created: at(20) }),
      pod("a", "10.0.0.1", { created: at(0), deleted: at(10) }),
    ]);
    expect(tenures(model)).toEqual(["b 10.0.0.1 20-…", "a 10.0.0.1 0-10"]);
    expect(warningsOf(model)).toEqual([]);
  });

  test("passes at the creation of the younger where two live pods claim one address, with a warning", () => {
    const model = load([pod("young", "10.0.0.1", { created: at(20) }), pod("old", "10.0.0.1", { created: at(0) })]);
    expect(tenures(model)).toEqual(["young 10.0.0.1 20-…", "old 10.0.0.1 0-20"]);
    expect(warningsOf(model)).toEqual([
      "4:5 10.0.0.1 is claimed by Pod default/old and Pod default/young at one time; the younger, Pod default/young, owns it from its creation on",
    ]);
  });

  test("is cut for the disputed address only", () => {
    const model = load([
      pod("old", ["10.0.0.1", "2001:db8::1"], { created: at(0) }),
      pod("young", "10.0.0.1", { created: at(20) }),
    ]);
    expect(tenures(model)).toEqual(["old 10.0.0.1 0-20", "old 2001:db8::1 0-…", "young 10.0.0.1 20-…"]);
  });

  test("of three pods in turn never overlaps", () => {
    const names = ["a", "b", "c"];
    const model = load(
      names.map((name, index) => pod(name, "10.0.0.1", { created: at(index * 10), deleted: at(index * 10 + 15) })),
    );
    expect(tenures(model)).toEqual(["a 10.0.0.1 0-10", "b 10.0.0.1 10-20", "c 10.0.0.1 20-35"]);
  });

  test("without creation times goes to the pod read last", () => {
    const model = load([pod("a", "10.0.0.1"), pod("b", "10.0.0.1")]);
    expect(tenures(model)).toEqual(["b 10.0.0.1 …-…"]);
    expect(warningsOf(model)).toHaveLength(1);
  });

  test("of one pod in two dumps is one span, which ends as the later dump says", () => {
    const before = pod("a", "10.0.0.1", { uid: "u", created: at(0) });
    const after = pod("a", "10.0.0.1", { uid: "u", created: at(0), deleted: at(30) });
    for (const order of [
      [before, after],
      [after, before],
    ]) {
      const model = loadManifests([writeFiles({ "1.json": order[0], "2.json": order[1] })]);
      expect(tenures(model)).toEqual(["a 10.0.0.1 0-30"]);
    }
    const finished = pod("a", "10.0.0.1", { uid: "u", created: at(0), phase: "Succeeded" });
    expect(load([finished, before]).endpoints).toEqual([]);
  });

  test("of pods in two dumps is consecutive where the first was gone in the second", () => {
    const first = { "1.json": pod("a", "10.0.0.1", { uid: "u1", created: at(0) }) };
    const second = { "2.json": pod("b", "10.0.0.1", { uid: "u2", created: at(40) }) };
    expect(tenures(loadManifests([writeFiles({ ...first, ...second })]))).toEqual([
      "a 10.0.0.1 0-40",
      "b 10.0.0.1 40-…",
    ]);
  });

  test("can be given to the last owner for all times", () => {
    const objects = [
      pod("b", "10.0.0.1", { created: at(20), deleted: at(30) }),
      pod("a", "10.0.0.1", { created: at(0), deleted: at(10) }),
    ];
    const model = load(objects, { ignoreOwnershipTimes: true });
    expect(tenures(model)).toEqual(["b 10.0.0.1 …-…"]);
    expect(model.ignoresOwnershipTimes).toBe(true);
  });
});

describe("cluster-internal destinations", () => {
  test("are nodes, podCIDRs, pods, all cluster IPs and service CIDRs, but no egress IPs", () => {
    const model = load(
      [
        node("n", ["172.18.0.2", "2001:db8::2"], {
          podCIDRs: ["10.1.0.0/24", "2001:db8:1::/64"],
          labels: { egress: "yes" },
        }),
        { ...node("m", "172.18.0.3"), spec: { podCIDR: "10.2.0.0/24" } },
        pod("a", "10.1.0.7"),
        {
          apiVersion: "v1",
          kind: "Service",
          metadata: { name: "s" },
          spec: { clusterIP: "10.96.0.1", clusterIPs: ["10.96.0.1", "2001:db8:96::1"] },
        },
        {
          apiVersion: "v1",
          kind: "Service",
          metadata: { name: "headless" },
          spec: { clusterIP: "None", clusterIPs: ["None"] },
        },
        { apiVersion: "v1", kind: "Service", metadata: { name: "old" }, spec: { clusterIP: "10.96.0.2" } },
        ciliumPolicy("p", { egressGateway: { nodeSelector: {}, egressIP: "203.0.113.9" } }),
      ],
      { serviceCIDRs: ["10.96.0.0/12"] },
    );
    expect(model.clusterPrefixes.map(({ prefix, why }) => `${prefix.text} ${why}`)).toEqual([
      "172.18.0.2/32 node",
      "2001:db8::2/128 node",
      "10.1.0.0/24 pod-cidr",
      "2001:db8:1::/64 pod-cidr",
      "172.18.0.3/32 node",
      "10.2.0.0/24 pod-cidr",
      "10.1.0.7/32 pod",
      "10.96.0.1/32 service",
      "2001:db8:96::1/128 service",
      "10.96.0.2/32 service",
      "10.96.0.0/12 service",
    ]);
  });

  test("include pod ranges of CiliumNodes, pools too", () => {
    const ciliumNode = {
      apiVersion: "cilium.io/v2",
      kind: "CiliumNode",
      metadata: { name: "n" },
      spec: { ipam: { podCIDRs: ["10.1.0.0/24"], pools: { allocated: [{ pool: "x", cidrs: ["10.9.0.0/27"] }] } } },
    };
    expect(load([ciliumNode]).clusterPrefixes.map(({ prefix }) => prefix.text)).toEqual(["10.1.0.0/24", "10.9.0.0/27"]);
  });
});
