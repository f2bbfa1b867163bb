import { describe, expect, test } from "vitest";
import {
  allowlist,
  renderAllowlistCsv,
  renderAllowlistJson,
  renderAllowlistTable,
} from "../../src/config/allowlist.js";
import type { PolicyModel } from "../../src/config/types.js";
import { ciliumPolicy, GATEWAY_LABELS, groupPolicy, load, node, pod } from "./manifests.js";

/** Six gateways: a1 a2 a3 in zone a, b1 b2 in zone b, x without zone; egress IPs 203.0.113.1 … 6 in that order. */
const GATEWAYS = ["a1", "a2", "a3", "b1", "b2", "x"].map((name, index) =>
  node(name, `172.18.0.${index + 1}`, {
    labels: { ...GATEWAY_LABELS, name, ...(name === "x" ? {} : { "topology.kubernetes.io/zone": name[0]! }) },
    annotations: { "sluicegate.io/interfaces": `{"eth1":["203.0.113.${index + 1}/24"]}` },
  }),
);
const WORKERS = [
  node("worker-a", ["172.18.1.1", "2001:db8:1::1"], { labels: { "topology.kubernetes.io/zone": "a" } }),
  node("worker-b", "172.18.1.2", { labels: { "topology.kubernetes.io/zone": "b" } }),
];
const CLUSTER = [
  ...GATEWAYS,
  ...WORKERS,
  pod("one", "10.0.0.1", { node: "worker-a" }),
  pod("two", "10.0.0.2", { node: "worker-a" }),
];
const GROUP = { nodeSelector: { matchLabels: GATEWAY_LABELS }, interface: "eth1" };
const ha = (group: object, more: object = {}) => groupPolicy("ha", { egressGroups: [{ ...GROUP, ...group }], ...more });

/** Last byte of each egress address with the failures it waits for. */
function reached(model: PolicyModel, failures: number): string[] {
  const rows = allowlist(model, failures).rows.filter(({ via }) => via === "egress");
  return rows.map(({ address, failures: needed }) => `${address.split(".").at(-1)}@${needed}`);
}

describe("allowlist", () => {
  test("has all gateways of a group without cap, whatever fails", () => {
    const model = load([...CLUSTER, ha({})]);
    expect(reached(model, 0)).toEqual(["1@0", "2@0", "3@0", "4@0", "5@0", "6@0"]);
    expect(reached(model, 3)).toEqual(reached(model, 0));
  });

  test("adds the next by name with each failure under a cap", () => {
    const model = load([...CLUSTER, ha({ maxGatewayNodes: 2 })]);
    expect(reached(model, 0)).toEqual(["1@0", "2@0"]);
    expect(reached(model, 1)).toEqual(["1@0", "2@0", "3@1"]);
    expect(reached(model, 9)).toEqual(["1@0", "2@0", "3@1", "4@2", "5@3", "6@4"]);
  });

  test.each<[string, string[], string[]]>([
    ["localOnly", ["1@0", "2@0"], ["1@0", "2@0", "3@1"]],
    ["localOnlyFirst", ["1@0", "2@0"], ["1@0", "2@0", "3@1", "4@3", "5@3", "6@4"]],
    ["localPriority", ["1@0", "2@0"], ["1@0", "2@0", "3@1", "4@2", "5@3", "6@4"]],
  ])("follows %s from the endpoint's zone", (azAffinity, none, four) => {
    const model = load([...CLUSTER, ha({ maxGatewayNodes: 2 }, { azAffinity })]);
    expect(reached(model, 0)).toEqual(none);
    expect(reached(model, 4)).toEqual(four);
  });

  test("counts local gateways of all groups before one of another zone comes in", () => {
    const [a, b] = ["a", "b"].map((zone) => ({
      nodeSelector: { matchLabels: { ...GATEWAY_LABELS, "topology.kubernetes.io/zone": zone } },
      interface: "eth1",
    }));
    const spec = { egressGroups: [a, b], azAffinity: "localOnlyFirst" };
    expect(reached(load([...CLUSTER, groupPolicy("ha", spec)]), 9)).toEqual(["1@0", "2@0", "3@0", "4@3", "5@3"]);
  });

  test("unites the zones of all endpoints", () => {
    const third = pod("three", "10.0.0.3", { node: "worker-b" });
    const list = allowlist(load([...CLUSTER, third, ha({ maxGatewayNodes: 1 }, { azAffinity: "localOnly" })]), 0);
    expect(list.rows.map(({ address, endpoints }) => [address, endpoints])).toEqual([
      ["203.0.113.1", 2],
      ["203.0.113.4", 1],
    ]);
  });

  test("counts a drained gateway as one that may come back, and the one in its place as active", () => {
    const drained = node("a0", "172.18.0.9", {
      labels: GATEWAY_LABELS,
      unschedulable: true,
      annotations: { "sluicegate.io/interfaces": '{"eth1":["203.0.113.9/24"]}' },
    });
    expect(reached(load([...CLUSTER, drained, ha({ maxGatewayNodes: 1 })]), 0)).toEqual(["1@0", "9@0"]);
  });

  test("gives the addresses of a pool in the order in which gateways come in", () => {
    const model = load([...CLUSTER, ha({ maxGatewayNodes: 2 }, { egressCIDRs: ["198.51.100.0/29"] })]);
    expect(reached(model, 0)).toEqual(["0@0", "1@0"]);
    expect(reached(model, 1)).toEqual(["0@0", "1@0", "2@1"]);
    const small = load([...CLUSTER, ha({ maxGatewayNodes: 2 }, { egressCIDRs: ["198.51.100.0/31"] })]);
    expect(reached(small, 3)).toEqual(["0@0", "1@0"]);
  });

  test("has one shared egress IP once, whoever holds it", () => {
    const model = load([
      ...GATEWAYS.map((gateway) => ({
        ...gateway,
        metadata: { ...(gateway as { metadata: object }).metadata, annotations: {} },
      })),
      ...CLUSTER.slice(6),
      ha({ interface: undefined, egressIP: "203.0.113.50" }),
    ]);
    expect(reached(model, 2)).toEqual(["50@0"]);
  });

  test("has every gateway of a Cilium policy, at no failure and at any number: they never fail over", () => {
    const entries = ["b1", "a2"].map((name) => ({ nodeSelector: { matchLabels: { name } }, interface: "eth1" }));
    const model = load([...CLUSTER, ciliumPolicy("p", { egressGateways: entries })]);
    expect(reached(model, 0)).toEqual(["2@0", "4@0"]);
    expect(reached(model, 5)).toEqual(["2@0", "4@0"]);
  });

  test("shows node addresses for excluded destinations and for those that no policy names", () => {
    const spec = { destinationCIDRs: ["192.0.2.0/24"], excludedCIDRs: ["192.0.2.128/25"] };
    const list = allowlist(
      load([...CLUSTER, pod("six", "2001:db8:2::1", { node: "worker-a" }), ha({ maxGatewayNodes: 1 }, spec)]),
      0,
    );
    expect(
      list.rows.map(({ destination, family, address, via, policy, endpoints }) => [
        destination,
        family,
        address,
        via,
        policy,
        endpoints,
      ]),
    ).toEqual([
      ["192.0.2.0/24", 4, "203.0.113.1", "egress", "ha", 2],
      ["192.0.2.128/25", 4, "172.18.1.1", "node", "ha", 2],
      ["other", 4, "172.18.1.1", "node", undefined, 2],
      ["other", 6, "2001:db8:1::1", "node", undefined, 1],
    ]);
  });

  test("notes what is dropped instead, and endpoints on unknown nodes", () => {
    const objects = [
      ...GATEWAYS,
      pod("lost", "10.0.0.9"),
      ciliumPolicy("none", {
        destinationCIDRs: ["192.0.2.0/24"],
        egressGateway: { nodeSelector: { matchLabels: { no: "node" } } },
      }),
      ciliumPolicy("mute", {
        destinationCIDRs: ["198.51.100.0/24"],
        egressGateway: { nodeSelector: {}, interface: "eth7" },
      }),
    ];
    const { rows, notes } = allowlist(load(objects), 0);
    expect(rows).toEqual([]);
    expect(notes).toEqual([
      "mute: gateway a1 has no egress IP, its traffic to 198.51.100.0/24 is dropped",
      "none: no gateway, traffic to 192.0.2.0/24 is dropped",
      "1 endpoints also show addresses of nodes that the manifests do not name",
    ]);
  });
});

describe("renderings of the allowlist", () => {
  const LIST = allowlist(load([...CLUSTER, ha({ maxGatewayNodes: 1 }, { destinationCIDRs: ["0.0.0.0/0"] })]), 1);

  test("as a table end with the notes", () => {
    expect(renderAllowlistTable(LIST)).toBe(
      [
        "Destination   Source IP     Via      Node   Zone   Policy   Failures   Endpoints   Assumed   Why",
        "0.0.0.0/0     203.0.113.1   egress   a1     a      ha       0          2           no        active gateway",
        "0.0.0.0/0     203.0.113.2   egress   a2     a      ha       1          2           no        after 1 failure",
        "",
        "note: a new pod shows the address of its own node until its policy is programmed",
        "note: node addresses are InternalIPs; a node that leaves by another device shows the address of that",
        "",
      ].join("\n"),
    );
    expect(renderAllowlistTable(allowlist(load(CLUSTER), 0))).toBe("No endpoint is selected by any policy.\n");
  });

  test("as CSV have one line per row and a header", () => {
    expect(renderAllowlistCsv(LIST).split("\r\n")).toEqual([
      "destination,source_ip,via,node,zone,policy,failures,endpoints,assumed,why",
      "0.0.0.0/0,203.0.113.1,egress,a1,a,ha,0,2,no,active gateway",
      "0.0.0.0/0,203.0.113.2,egress,a2,a,ha,1,2,no,after 1 failure",
      "",
    ]);
  });

  test("as JSON hold rows, notes and the number of failures", () => {
    expect(JSON.parse(renderAllowlistJson(LIST))).toMatchObject({
      schema: "sluicegate.io/allowlist/v1",
      failures: 1,
      rows: [
        { destination: "0.0.0.0/0", address: "203.0.113.1", via: "egress", node: "a1", failures: 0, endpoints: 2 },
        { failures: 1 },
      ],
      notes: LIST.notes,
    });
  });
});
