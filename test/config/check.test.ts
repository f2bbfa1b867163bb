import { describe, expect, test } from "vitest";
import { checkModel, formatWarning, renderCheckJson, renderCheckTable } from "../../src/config/check.js";
import { ciliumPolicy, GATEWAY_LABELS, groupPolicy, load, node, pod } from "./manifests.js";

const labels = GATEWAY_LABELS;
const EGRESS_1 = { "sluicegate.io/interfaces": '{"eth1":["203.0.113.1/24"]}' };
const EGRESS_2 = { "sluicegate.io/interfaces": '{"eth1":["203.0.113.2/24"]}' };
const GATEWAYS = [
  node("gw-1", "172.18.0.2", { labels: { ...labels, "topology.kubernetes.io/zone": "z1" }, annotations: EGRESS_1 }),
  node("gw-2", "172.18.0.3", { labels, annotations: EGRESS_2 }),
];
/** Their UIDs hash to gateway 0 and 1 of two. */
const FIRST = pod("first", "10.0.0.1", { uid: "00000000-0000-0000-0000-000000000001" });
const SECOND = pod("second", ["10.0.0.2", "2001:db8::2"], { uid: "00000000-0000-0000-0000-000000000002" });
const interfaceOf = (selector: object) => ({ nodeSelector: { matchLabels: selector }, interface: "eth1" });

describe("checkModel", () => {
  test("shows each endpoint with the one gateway that the original's hash gives it", () => {
    const entries = [
      interfaceOf({ "topology.kubernetes.io/zone": "z1" }),
      {
        nodeSelector: { matchExpressions: [{ key: "topology.kubernetes.io/zone", operator: "DoesNotExist" }] },
        interface: "eth1",
      },
    ];
    const spec = { destinationCIDRs: ["192.0.2.0/24"], excludedCIDRs: ["192.0.2.7/32"], egressGateways: entries };
    const { rows } = checkModel(load([...GATEWAYS, FIRST, SECOND, ciliumPolicy("web", spec)]));
    expect(renderCheckTable(rows)).toBe(
      [
        "Source IP   Destination CIDR   Egress IP     Gateway IP      Health        Zone   Policy   Assumed",
        "10.0.0.1    192.0.2.7/32       0.0.0.0       Excluded CIDR   -             -      web      no",
        "10.0.0.1    192.0.2.0/24       203.0.113.1   172.18.0.2      not checked   z1     web      no",
        "10.0.0.2    192.0.2.7/32       0.0.0.0       Excluded CIDR   -             -      web      no",
        "10.0.0.2    192.0.2.0/24       203.0.113.2   172.18.0.3      not checked   -      web      no",
        "",
      ].join("\n"),
    );
  });

  test("shows every member of a group, who is on standby, and what is known of health", () => {
    const groups = [{ ...interfaceOf(labels), maxGatewayNodes: 1 }];
    const unknown = checkModel(load([...GATEWAYS, FIRST, groupPolicy("ha", { egressGroups: groups })])).rows;
    expect(unknown.map(({ gatewayNode, health, active }) => [gatewayNode, health, active])).toEqual([
      ["gw-1", "unknown", true],
      ["gw-2", "unknown", false],
    ]);
    const status = { groupStatuses: [{ healthyGatewayIPs: ["172.18.0.3"] }] };
    const { rows } = checkModel(load([...GATEWAYS, FIRST, groupPolicy("ha", { egressGroups: groups }, { status })]));
    expect(rows.map(({ gatewayNode, health, active }) => [gatewayNode, health, active])).toEqual([
      ["gw-1", "unhealthy", false],
      ["gw-2", "healthy", true],
    ]);
    expect(renderCheckTable(rows)).toContain("unhealthy, standby   z1");
  });

  test("keeps drained gateways on standby", () => {
    const drained = node("gw-0", "172.18.0.9", {
      labels,
      unschedulable: true,
      annotations: { "sluicegate.io/interfaces": '{"eth1":["203.0.113.9/24"]}' },
    });
    const groups = [{ ...interfaceOf(labels), maxGatewayNodes: 1 }];
    const { rows } = checkModel(load([...GATEWAYS, drained, FIRST, groupPolicy("ha", { egressGroups: groups })]));
    expect(rows.map(({ gatewayNode, active }) => [gatewayNode, active])).toEqual([
      ["gw-0", false],
      ["gw-1", true],
      ["gw-2", false],
    ]);
  });

  test("shows who takes the connections of an endpoint in its zone", () => {
    const worker = node("worker", "172.18.1.1", { labels: { "topology.kubernetes.io/zone": "z1" } });
    const local = pod("local", "10.0.0.1", { node: "worker" });
    const active = (azAffinity: string) => {
      const groups = { egressGroups: [interfaceOf(labels)], azAffinity };
      const { rows } = checkModel(load([...GATEWAYS, worker, local, SECOND, groupPolicy("ha", groups)]));
      return rows.map((row) => `${row.sourceIP} ${row.gatewayNode} ${row.active}`);
    };
    const remote = ["10.0.0.2 gw-1 true", "10.0.0.2 gw-2 true"];
    expect(active("disabled")).toEqual(["10.0.0.1 gw-1 true", "10.0.0.1 gw-2 true", ...remote]);
    expect(active("localOnlyFirst")).toEqual(["10.0.0.1 gw-1 true", "10.0.0.1 gw-2 false", ...remote]);
    expect(active("localOnly")).toEqual([
      "10.0.0.1 gw-1 true",
      "10.0.0.1 gw-2 false",
      "10.0.0.2 gw-1 false",
      "10.0.0.2 gw-2 false",
    ]);
  });

  test("says Not Found without gateway, and shows no address without egress IP", () => {
    const objects = [
      ...GATEWAYS,
      FIRST,
      ciliumPolicy("lost", {
        destinationCIDRs: ["192.0.2.0/24"],
        egressGateway: { nodeSelector: { matchLabels: { no: "node" } } },
      }),
      ciliumPolicy("mute", {
        destinationCIDRs: ["198.51.100.0/24"],
        egressGateway: { nodeSelector: {}, egressIP: "203.0.113.99" },
      }),
    ];
    expect(checkModel(load(objects)).rows.map(({ egressIP, gatewayIP, note }) => [egressIP, gatewayIP, note])).toEqual([
      ["0.0.0.0", "Not Found", undefined],
      ["0.0.0.0", "172.18.0.2", "node gw-1 does not hold egressIP 203.0.113.99: it has no IPv4 address"],
    ]);
  });

  test("pairs addresses with destinations of their own family only", () => {
    const spec = { destinationCIDRs: ["0.0.0.0/0", "::/0"], egressGateway: { nodeSelector: {}, interface: "eth1" } };
    const { rows } = checkModel(load([...GATEWAYS, SECOND, ciliumPolicy("p", spec)]));
    expect(rows.map(({ sourceIP, destinationCIDR, egressIP }) => [sourceIP, destinationCIDR, egressIP])).toEqual([
      ["10.0.0.2", "0.0.0.0/0", "203.0.113.1"],
      ["2001:db8::2", "::/0", "::"],
    ]);
  });

  test("leaves former owners of an address out and counts them", () => {
    const old = pod("old", "10.0.0.1", { uid: "x", created: "2026-01-01T00:00:00Z", deleted: "2026-01-02T00:00:00Z" });
    const young = pod("young", "10.0.0.1", { uid: "y", created: "2026-01-03T00:00:00Z" });
    const report = checkModel(load([...GATEWAYS, old, young, ciliumPolicy("p", {})]));
    expect(report.rows.map(({ endpoint }) => endpoint)).toEqual(["default/young"]);
    expect(report.pastOwners).toBe(1);
  });

  test("marks assumed addresses", () => {
    const { rows } = checkModel(load([node("gw", "172.18.0.2", { labels }), FIRST, ciliumPolicy("p", {})]));
    expect(rows).toMatchObject([
      {
        egressIP: "172.18.0.2",
        assumed: true,
        note: "the device of the default route of gw is not known, its InternalIP is taken",
      },
    ]);
  });

  test("warns of a policy that decides for nobody", () => {
    const idle = ciliumPolicy("idle", { selectors: [{ podSelector: { matchLabels: { no: "pod" } } }] });
    const texts = checkModel(load([...GATEWAYS, FIRST, idle, ciliumPolicy("busy", {})])).warnings.map(
      ({ text }) => text,
    );
    expect(texts.filter((text) => text.includes("decides for no endpoint"))).toEqual([
      "CiliumEgressGatewayPolicy idle decides for no endpoint of these manifests",
    ]);
  });

  test("says so where nothing is selected", () => {
    expect(renderCheckTable(checkModel(load([FIRST])).rows)).toBe("No entries found.\n");
  });

  test("writes JSON with the original's names of fields in front", () => {
    const document = JSON.parse(renderCheckJson(checkModel(load([...GATEWAYS, FIRST, ciliumPolicy("p", {})]))));
    expect(document).toMatchObject({
      schema: "sluicegate.io/check/v1",
      rows: [
        {
          SourceIP: "10.0.0.1",
          DestCIDR: "0.0.0.0/0",
          EgressIP: "172.18.0.2",
          GatewayIP: "172.18.0.2",
          policy: "p",
          assumed: true,
        },
      ],
      settings: { snatPorts: { value: { low: 32768, high: 65535 } } },
      ignoredKinds: {},
    });
  });
});

describe("prerequisites", () => {
  const GOOD = { "enable-egress-gateway": "true", "enable-bpf-masquerade": "true", "kube-proxy-replacement": "true" };
  const warningsWith = (data: Record<string, string> | undefined, policy = ciliumPolicy("p", {})) => {
    const config = data ? [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "cilium-config" }, data }] : [];
    return checkModel(load([...GATEWAYS, FIRST, SECOND, policy, ...config])).warnings.map(formatWarning);
  };

  test("that are met give no warning, in old spellings either", () => {
    expect(warningsWith(GOOD)).toEqual([]);
    expect(
      warningsWith({
        "enable-ipv4-egress-gateway": "true",
        "enable-bpf-masquerade": "true",
        "kube-proxy-replacement": "strict",
      }),
    ).toEqual([]);
  });

  test.each<[string, Record<string, string>, RegExp]>([
    [
      "egress gateway off",
      { "enable-egress-gateway": "false" },
      /enable-egress-gateway is not true, no egress policy has any effect/,
    ],
    ["BPF masquerade off", { "enable-bpf-masquerade": "false" }, /enable-bpf-masquerade is not true/],
    ["masquerade off", { "enable-ipv4-masquerade": "false" }, /enable-ipv4-masquerade is false/],
    [
      "kube-proxy not replaced",
      { "kube-proxy-replacement": "false" },
      /kube-proxy-replacement is false, BPF masquerading needs the replacement/,
    ],
    ["identities in a kvstore", { "identity-allocation-mode": "kvstore" }, /identity-allocation-mode uses a kvstore/],
    ["endpoint slices", { "enable-cilium-endpoint-slice": "true" }, /do not see endpoints in slices/],
    ["no IPv4", { "enable-ipv4": "false" }, /the tunnel to a gateway is IPv4/],
    [
      "a policy map that is too small",
      { "egress-gateway-policy-map-max": "1" },
      /the policies need 2 entries, more than egress-gateway-policy-map-max \(1\)/,
    ],
  ])("warn of %s", (_what, data, text) => {
    const warnings = warningsWith({ ...GOOD, ...data });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(text);
  });

  test("warn of IPv6 destinations without IPv6", () => {
    const policy = ciliumPolicy("p", {
      destinationCIDRs: ["::/0"],
      egressGateway: { nodeSelector: {}, egressIP: "2001:db8::9" },
    });
    expect(warningsWith(GOOD, policy).some((text) => text.includes("enable-ipv6 is not true"))).toBe(true);
    expect(warningsWith({ ...GOOD, "enable-ipv6": "true" }, policy).some((text) => text.includes("enable-ipv6"))).toBe(
      false,
    );
  });

  test("are said to be unchecked without cilium-config", () => {
    expect(warningsWith(undefined)).toEqual([
      "no ConfigMap cilium-config in the manifests: prerequisites are unchecked, settings are defaults",
    ]);
  });
});
