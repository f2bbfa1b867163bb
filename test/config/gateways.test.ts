import { describe, expect, test } from "vitest";
import type { Policy, PolicyModel } from "../../src/config/types.js";
import { formatAddress } from "../../src/net/address.js";
import { ciliumPolicy, faultsOf, GATEWAY_LABELS, groupPolicy, list, load, node, pod, warningsOf } from "./manifests.js";

const POD = pod("web", "10.0.0.1", { labels: { app: "web" } });
const labels = GATEWAY_LABELS;
/** Three gateways whose order by name differs from that by address. */
const NODES = [
  node("node-a", "172.18.0.30", { labels: { ...labels, name: "a", "topology.kubernetes.io/zone": "z1" } }),
  node("node-b", "172.18.0.4", { labels: { ...labels, name: "b" } }),
  node("node-c", "172.18.0.100", { labels: { ...labels, name: "c", "topology.kubernetes.io/zone": "" } }),
];
const byName = (name: string, more: object = {}) => ({ nodeSelector: { matchLabels: { name } }, ...more });
const interfaces = (devices: object) => ({ "sluicegate.io/interfaces": JSON.stringify(devices) });

/** `node IPv4 IPv6 [assumed]` of each egress of a policy, `-` for a missing address. */
function egresses(model: PolicyModel, policy: Policy = model.policies[0]!): string[] {
  return policy.egresses.map((index) => {
    const { node: name, egressIPv4, egressIPv6, assumed } = model.egresses[index]!;
    const text = [egressIPv4, egressIPv6].map((address) => (address ? formatAddress(address) : "-"));
    return [name, ...text, ...(assumed ? ["assumed"] : [])].join(" ");
  });
}

const known = (devices: object, name = "node-a") =>
  node(name, "172.18.0.30", { labels, annotations: interfaces(devices) });

describe("gateways of a CiliumEgressGatewayPolicy", () => {
  test("the first matching node by name serves, with its zone and first IPv4 InternalIP", () => {
    const model = load([POD, ...NODES.toReversed(), ciliumPolicy("p", {})]);
    expect(egresses(model)).toEqual(["node-a 172.18.0.30 - assumed"]);
    expect(model.egresses[0]).toMatchObject({ zone: "z1" });
    expect(formatAddress(model.egresses[0]!.gatewayIP!)).toBe("172.18.0.30");
  });

  test("a list gives one per entry, sorted by gateway IP as a number", () => {
    const model = load([POD, ...NODES, ciliumPolicy("p", { egressGateways: [byName("a"), byName("c"), byName("b")] })]);
    expect(egresses(model).map((line) => line.split(" ")[0])).toEqual(["node-b", "node-a", "node-c"]);
  });

  test("a list wins over the single field, which is then ignored with a warning; an empty list does not", () => {
    const both = load([
      POD,
      ...NODES,
      ciliumPolicy("p", { egressGateways: [byName("b")], egressGateway: byName("c") }),
    ]);
    expect(egresses(both)).toEqual(["node-b 172.18.0.4 - assumed"]);
    expect(warningsOf(both)[0]).toMatch(/egressGateway is ignored because egressGateways is given$/);
    const empty = load([POD, ...NODES, ciliumPolicy("p", { egressGateways: [], egressGateway: byName("c") })]);
    expect(egresses(empty)).toEqual(["node-c 172.18.0.100 - assumed"]);
  });

  test("an entry without a node is skipped; without any, there is no gateway", () => {
    const model = load([
      POD,
      ...NODES,
      ciliumPolicy("p", { egressGateway: null, egressGateways: [byName("x"), byName("b")] }),
    ]);
    expect(egresses(model)).toEqual(["node-b 172.18.0.4 - assumed"]);
    expect(warningsOf(model)[0]).toMatch(/no node matches name=x, this entry is skipped$/);
    const none = load([POD, ...NODES, ciliumPolicy("p", { egressGateway: byName("x") })]);
    expect(egresses(none)).toEqual([]);
    expect(warningsOf(none)[0]).toMatch(/no node matches name=x, its traffic is dropped, no-egress-gateway$/);
  });

  test("two entries on one node both count, so that the number of gateways is that of the original", () => {
    const model = load([POD, ...NODES, ciliumPolicy("p", { egressGateways: [byName("a"), byName("a"), byName("b")] })]);
    expect(egresses(model)).toHaveLength(3);
  });

  test("CiliumNode labels decide where there are any, those of the Node otherwise", () => {
    const ciliumNode = (name: string, nodeLabels: object) => ({
      apiVersion: "cilium.io/v2",
      kind: "CiliumNode",
      metadata: { name, labels: nodeLabels },
      spec: {
        addresses: [
          { type: "InternalIP", ip: "172.18.0.30" },
          { type: "CiliumInternalIP", ip: "10.0.0.99" },
        ],
      },
    });
    const plain = node("node-a", "172.18.0.30", { labels });
    expect(egresses(load([POD, ciliumNode("node-a", { other: "x" }), plain, ciliumPolicy("p", {})]))).toEqual([]);
    expect(egresses(load([POD, plain, ciliumNode("node-a", {}), ciliumPolicy("p", {})]))).toHaveLength(1);
    const alone = load([POD, ciliumNode("node-a", labels), ciliumPolicy("p", {})]);
    expect(egresses(alone)).toEqual(["node-a 172.18.0.30 - assumed"]);
    expect(alone.clusterPrefixes.map(({ prefix, why }) => `${prefix.text} ${why}`)).toEqual([
      "172.18.0.30/32 node",
      "10.0.0.99/32 node",
      "10.0.0.1/32 pod",
    ]);
  });
});

describe("egress addresses", () => {
  const families = { destinationCIDRs: ["0.0.0.0/0", "::/0"] };
  const gateway = (more: object) => ({ egressGateway: { nodeSelector: { matchLabels: labels }, ...more } });
  const DEVICES = {
    eth0: ["172.18.0.30/24", "2001:db8:a::30/64"],
    eth1: ["203.0.113.10/24", "203.0.113.11/24", "2001:db8:b::10/64"],
    eth2: ["198.51.100.5/24"],
  };

  test.each<[string, object, string]>([
    [
      "an interface gives its first address of each family",
      { interface: "eth1" },
      "node-a 203.0.113.10 2001:db8:b::10",
    ],
    ["an interface without IPv6 gives none", { interface: "eth2" }, "node-a 198.51.100.5 -"],
    ["an interface that is not there gives none", { interface: "eth9" }, "node-a - -"],
    [
      "an egress IP brings the other family of its device along",
      { egressIP: "203.0.113.11" },
      "node-a 203.0.113.11 2001:db8:b::10",
    ],
    ["an IPv6 egress IP, too", { egressIP: "2001:db8:b::10" }, "node-a 203.0.113.10 2001:db8:b::10"],
    ["an egress IP that the node does not hold gives none", { egressIP: "203.0.113.99" }, "node-a - -"],
    ["nothing named: the device that holds the InternalIP is assumed", {}, "node-a 172.18.0.30 2001:db8:a::30 assumed"],
  ])("where devices are known: %s", (_what, more, expected) => {
    expect(egresses(load([POD, known(DEVICES), ciliumPolicy("p", { ...families, ...gateway(more) })]))).toEqual([
      expected,
    ]);
  });

  test("nothing named: a stated default device is no assumption", () => {
    const model = load([
      POD,
      known({ ...DEVICES, default: "eth1" }),
      ciliumPolicy("p", { ...families, ...gateway({}) }),
    ]);
    expect(egresses(model)).toEqual(["node-a 203.0.113.10 2001:db8:b::10"]);
    const wrong = load([POD, known({ ...DEVICES, default: "eth7" }), ciliumPolicy("p", gateway({}))]);
    expect(egresses(wrong)).toEqual(["node-a - -"]);
    expect(warningsOf(wrong)[0]).toMatch(
      /the default device eth7 of node-a has no IPv4 address, its traffic is dropped, no-egress-ip$/,
    );
  });

  test("only families of the destinations are resolved", () => {
    const only = (cidr: string) =>
      egresses(
        load([POD, known(DEVICES), ciliumPolicy("p", { destinationCIDRs: [cidr], ...gateway({ interface: "eth1" }) })]),
      );
    expect(only("192.0.2.0/24")).toEqual(["node-a 203.0.113.10 -"]);
    expect(only("2001:db8::/32")).toEqual(["node-a - 2001:db8:b::10"]);
  });

  test("where devices are unknown, an egress IP is on its node, an interface gets placeholders, nothing named the InternalIP", () => {
    const policies = [
      ciliumPolicy("a-fixed", gateway({ egressIP: "203.0.113.7" })),
      ciliumPolicy("b-interface", { ...families, ...gateway({ interface: "eth1" }) }),
      ciliumPolicy("c-other", { ...families, ...gateway({ interface: "eth2" }) }),
      ciliumPolicy("d-same", gateway({ interface: "eth1" })),
      ciliumPolicy("e-nothing", gateway({})),
    ];
    const model = load([POD, ...NODES, ...policies]);
    expect(model.policies.map((policy) => egresses(model, policy)[0])).toEqual([
      "node-a 203.0.113.7 -",
      "node-a 192.0.2.1 2001:db8::1 assumed",
      "node-a 192.0.2.2 2001:db8::2 assumed",
      "node-a 192.0.2.1 - assumed",
      "node-a 172.18.0.30 - assumed",
    ]);
    expect(model.egresses[1]!.note).toBe(
      "the addresses of interface eth1 of node-a are not known, a placeholder stands in",
    );
  });

  test("placeholders keep clear of addresses that occur in the manifests", () => {
    const taken = [pod("p1", "192.0.2.1"), ciliumPolicy("fixed", gateway({ egressIP: "192.0.2.2" }))];
    const model = load([...taken, ...NODES, ciliumPolicy("z", gateway({ interface: "eth1" }))]);
    expect(egresses(model, model.policies[1])).toEqual(["node-a 192.0.2.3 - assumed"]);
  });

  test("beyond 254 interfaces placeholders are exhausted, with a warning each", () => {
    const entries = Array.from({ length: 255 }, (_, index) =>
      ciliumPolicy(`p${index}`, gateway({ interface: `eth${index}` })),
    );
    const model = load([POD, ...NODES, ...entries]);
    expect(model.egresses.filter(({ egressIPv4 }) => egressIPv4 === undefined)).toHaveLength(1);
    expect(warningsOf(model).filter((text) => text.includes("has no IPv4 address"))).toHaveLength(1);
  });

  test("a gateway without an IPv4 InternalIP is a warning", () => {
    const model = load([
      POD,
      node("v6", "2001:db8::5", { labels }),
      ciliumPolicy("p", gateway({ egressIP: "203.0.113.7" })),
    ]);
    expect(model.egresses[0]!.gatewayIP).toBeUndefined();
    expect(warningsOf(model).join()).toMatch(/gateway node v6 has no IPv4 InternalIP/);
  });
});

describe("gateways of an IsovalentEgressGatewayPolicy", () => {
  test("all matching nodes of all groups are members, by node name; groups keep their caps", () => {
    const groups = [
      { ...byName("c"), maxGatewayNodes: 2 },
      { nodeSelector: { matchLabels: labels }, egressIP: undefined, interface: "eth1" },
    ];
    const model = load([POD, ...NODES, groupPolicy("ha", { egressGroups: groups, azAffinity: "localPriority" })]);
    const policy = model.policies[0]!;
    expect(egresses(model)).toEqual([
      "node-a 192.0.2.1 - assumed",
      "node-b 192.0.2.2 - assumed",
      "node-c 172.18.0.100 - assumed",
      "node-c 192.0.2.3 - assumed",
    ]);
    expect(policy.azAffinity).toBe("localPriority");
    expect(policy.groups!.map(({ egresses: members, maxGatewayNodes }) => [members, maxGatewayNodes])).toEqual([
      [[2], 2],
      [[0, 1, 3], undefined],
    ]);
  });

  test("a member of two groups with one address counts once", () => {
    const group = { ...byName("b"), egressIP: "203.0.113.7" };
    const model = load([POD, ...NODES, groupPolicy("ha", { egressGroups: [group, group] })]);
    expect(egresses(model)).toEqual(["node-b 203.0.113.7 -"]);
  });

  test("a zone label without text is no zone", () => {
    const model = load([POD, ...NODES, groupPolicy("ha", {})]);
    expect(model.egresses.map(({ zone }) => zone)).toEqual(["z1", undefined, undefined]);
    expect(model.nodes.map(({ zone }) => zone)).toEqual(["z1", undefined, undefined]);
  });

  test("one egress IP on several nodes is with the first by name, claimed by the others, with a warning", () => {
    const model = load([
      POD,
      ...NODES,
      groupPolicy("ha", { egressGroups: [{ nodeSelector: {}, egressIP: "203.0.113.7" }] }),
    ]);
    expect(egresses(model)).toEqual(["node-a 203.0.113.7 -", "node-b - -", "node-c - -"]);
    expect(model.egresses.map(({ claimsIPv4 }) => claimsIPv4 && formatAddress(claimsIPv4))).toEqual([
      undefined,
      "203.0.113.7",
      "203.0.113.7",
    ]);
    expect(warningsOf(model).join()).toMatch(
      /egress IP 203.0.113.7 is to be on nodes node-a, node-b, node-c: one has it at a time, node-a to begin with/,
    );
  });

  test("egressCIDRs give one address per gateway by node name, over several ranges, in both families", () => {
    const spec = {
      destinationCIDRs: ["0.0.0.0/0", "::/0"],
      egressCIDRs: ["203.0.113.8/31", "2001:db8:f::/64", "198.51.100.0/30"],
    };
    expect(egresses(load([POD, ...NODES, groupPolicy("ha", spec)]))).toEqual([
      "node-a 203.0.113.8 2001:db8:f::",
      "node-b 203.0.113.9 2001:db8:f::1",
      "node-c 198.51.100.0 2001:db8:f::2",
    ]);
  });

  test("exhausted egressCIDRs leave gateways without address, with a warning, unless the cap keeps those idle", () => {
    const spec = { egressCIDRs: ["203.0.113.8/31"] };
    const model = load([POD, ...NODES, groupPolicy("ha", spec)]);
    expect(egresses(model)).toEqual(["node-a 203.0.113.8 -", "node-b 203.0.113.9 -", "node-c - -"]);
    expect(warningsOf(model).join()).toMatch(
      /egressCIDRs gives only 2 IPv4 addresses for 3 gateways, the others drop their traffic, no-egress-ip/,
    );
    const capped = groupPolicy("ha", {
      ...spec,
      egressGroups: [{ nodeSelector: { matchLabels: labels }, maxGatewayNodes: 2 }],
    });
    expect(warningsOf(load([POD, ...NODES, capped]))).toEqual([]);
  });

  test("addresses that the cluster had given out before stay where they are", () => {
    const status = {
      groupStatuses: [{ egressIPByGatewayIP: { "172.18.0.100": "203.0.113.8", "172.18.0.4": "192.0.2.99" } }],
    };
    const model = load([POD, ...NODES, groupPolicy("ha", { egressCIDRs: ["203.0.113.8/30"] }, { status })]);
    expect(egresses(model)).toEqual(["node-a 203.0.113.9 -", "node-b 203.0.113.10 -", "node-c 203.0.113.8 -"]);
  });

  test("the status of the groups is kept", () => {
    const status = {
      groupStatuses: [
        {
          activeGatewayIPs: ["172.18.0.30"],
          activeGatewayIPsByAZ: { z1: ["172.18.0.30"] },
          healthyGatewayIPs: ["172.18.0.30", "172.18.0.4"],
          egressIPByGatewayIP: { "172.18.0.30": ["203.0.113.8", "2001:db8::8"] },
        },
      ],
    };
    const [group] = load([POD, ...NODES, groupPolicy("ha", {}, { status })]).policies[0]!.groupStatuses!;
    const texts = (addresses: readonly Uint8Array[]) => addresses.map(formatAddress);
    expect(texts(group!.activeGatewayIPs)).toEqual(["172.18.0.30"]);
    expect(texts(group!.activeGatewayIPsByAZ.get("z1")!)).toEqual(["172.18.0.30"]);
    expect(texts(group!.healthyGatewayIPs)).toEqual(["172.18.0.30", "172.18.0.4"]);
    expect(texts(group!.egressIPByGatewayIP.get("172.18.0.30")!)).toEqual(["203.0.113.8", "2001:db8::8"]);
  });

  test("sixty-four gateways are allowed, one more is a fault", () => {
    const nodes = (count: number) =>
      Array.from({ length: count }, (_, index) =>
        node(`n${String(index).padStart(2, "0")}`, `172.18.1.${index}`, { labels }),
      );
    expect(load([...nodes(64), groupPolicy("ha", {})]).policies[0]!.egresses).toHaveLength(64);
    const objects = list([groupPolicy("ha", {}), ...nodes(65)]);
    expect(faultsOf({ "a.json": objects })).toEqual([
      'a.json:21:29: IsovalentEgressGatewayPolicy ha spec.egressGroups[0].nodeSelector is "egress=yes: 65 gateways", expected at most 64 gateways in a policy',
    ]);
    const entries = Array.from({ length: 65 }, (_, index) => byName(`n${index}`));
    expect(faultsOf({ "a.json": ciliumPolicy("p", { egressGateways: entries }) })).toEqual([
      "a.json:472:7: CiliumEgressGatewayPolicy p spec.egressGateways[64] is an object, expected at most 64 gateways",
    ]);
  });

  test("the sixty-four are counted over all groups: a node once for each address that it has", () => {
    const nodes = Array.from({ length: 40 }, (_, index) =>
      node(`n${String(index).padStart(2, "0")}`, `172.18.1.${index}`, { labels }),
    );
    const groups = (...interfaces: (string | undefined)[]) =>
      groupPolicy("ha", {
        egressGroups: interfaces.map((name) => ({ nodeSelector: { matchLabels: labels }, interface: name })),
      });
    expect(load([...nodes, groups("eth1", "eth1", "eth1")]).policies[0]!.egresses).toHaveLength(40);
    expect(faultsOf({ "a.json": list([groups("eth1", "eth1", "eth2"), ...nodes]) })).toEqual([
      expect.stringMatching(
        /egressGroups\[2\].nodeSelector is "egress=yes: 80 gateways", expected at most 64 gateways/,
      ),
    ]);
  });

  test("active gateways are given addresses first, then healthy ones: drained and unhealthy ones wait", () => {
    const drained = node("node-a", "172.18.0.30", { labels, unschedulable: true });
    const [, second, third] = NODES;
    const pool = (cidr: string, more: object = {}) =>
      egresses(load([POD, drained, second!, third!, groupPolicy("ha", { egressCIDRs: [cidr] }, more)]));
    expect(pool("203.0.113.8/30")).toEqual(["node-a 203.0.113.10 -", "node-b 203.0.113.8 -", "node-c 203.0.113.9 -"]);
    expect(pool("203.0.113.8/31")).toEqual(["node-a - -", "node-b 203.0.113.8 -", "node-c 203.0.113.9 -"]);
    const status = { groupStatuses: [{ healthyGatewayIPs: ["172.18.0.30", "172.18.0.100"] }] };
    expect(pool("203.0.113.8/31", { status })).toEqual(["node-a 203.0.113.9 -", "node-b - -", "node-c 203.0.113.8 -"]);
  });

  test("a range that overlaps one of an older policy gives nothing, with a warning", () => {
    const policy = (name: string, created: string, egressCIDRs: readonly string[]) =>
      groupPolicy(name, { egressCIDRs }, { metadata: { name, creationTimestamp: created } });
    const model = load([
      POD,
      ...NODES,
      policy("young", "2026-02-01T00:00:00Z", ["203.0.113.8/29", "198.51.100.0/30"]),
      policy("old", "2026-01-01T00:00:00Z", ["203.0.113.8/30"]),
    ]);
    expect(model.policies.map((each) => egresses(model, each)[0])).toEqual([
      "node-a 203.0.113.8 -",
      "node-a 198.51.100.0 -",
    ]);
    expect(warningsOf(model).join()).toMatch(
      /policy young: 203.0.113.8\/29 overlaps 203.0.113.8\/30 of IsovalentEgressGatewayPolicy old, which comes first: it gives no address/i,
    );
  });

  test("an address that is fixed for some gateway is not given out of a range", () => {
    const fixed = groupPolicy("fixed", { egressGroups: [{ ...byName("c"), egressIP: "203.0.113.8" }] });
    const model = load([POD, ...NODES, fixed, groupPolicy("pool", { egressCIDRs: ["203.0.113.8/30"] })]);
    expect(egresses(model, model.policies[1])).toEqual([
      "node-a 203.0.113.9 -",
      "node-b 203.0.113.10 -",
      "node-c 203.0.113.11 -",
    ]);
  });

  test("drained and cordoned nodes are marked", () => {
    const model = load([
      node("a", "172.18.0.1", { annotations: { "sluicegate.io/drain": "true" }, unschedulable: true }),
      node("b", "172.18.0.2", { unschedulable: true }),
      node("c", "172.18.0.3", { annotations: { "sluicegate.io/drain": "false" } }),
    ]);
    expect(model.nodes.map(({ drain }) => drain)).toEqual(["annotation", "cordon", undefined]);
  });

  test("timeouts of the annotation are taken in milliseconds", () => {
    const metadata = {
      annotations: { "sluicegate.io/timeouts": '{"tcpEstablished":"1h","udp":"1.5s","portHold":"0s"}' },
    };
    expect(load([ciliumPolicy("p", {}, metadata)]).policies[0]!.timeouts).toEqual({
      tcpEstablished: 3_600_000,
      udp: 1500,
      portHold: 0,
    });
  });
});
