import { describe, expect, test } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import { PolicyError } from "../../src/errors.js";
import { ciliumPolicy, faultsOf, list, loadYaml, node, warningsOf, writeFiles } from "./manifests.js";

const CILIUM = `apiVersion: cilium.io/v2
kind: CiliumEgressGatewayPolicy
metadata:
  name: web
spec:
  selectors:
  - podSelector:
      matchLabels:
        app: web
  destinationCIDRs:
  - 0.0.0.0/0
  egressGateway:
    nodeSelector:
      matchLabels:
        egress: "yes"
`;
const ISOVALENT = `apiVersion: isovalent.com/v1
kind: IsovalentEgressGatewayPolicy
metadata:
  name: ha
spec:
  selectors:
  - namespaceSelector: {}
  destinationCIDRs: ["192.0.2.0/24"]
  egressGroups:
  - nodeSelector: {}
    interface: eth1
`;

/** `text` with its one occurrence of `from` replaced. */
function change(text: string, from: string, to: string): string {
  expect(text.split(from)).toHaveLength(2);
  return text.replace(from, to);
}

const web = (from: string, to: string) => change(CILIUM, from, to);
const ha = (from: string, to: string) => change(ISOVALENT, from, to);
const LABEL_VALUE = 'a label value of at most 63 letters, digits, "-", "_" and "."';
const WEB = "CiliumEgressGatewayPolicy web";
const HA = "IsovalentEgressGatewayPolicy ha";

const MISTAKES: readonly (readonly [what: string, yaml: string, fault: string])[] = [
  [
    "a policy without a name",
    web("  name: web", "  labels: {}"),
    "4:3: CiliumEgressGatewayPolicy metadata.name is missing, expected a name",
  ],
  [
    "a policy with an empty name",
    web("name: web", 'name: ""'),
    '4:9: CiliumEgressGatewayPolicy metadata.name is "", expected a name',
  ],
  [
    "a policy without spec",
    CILIUM.slice(0, CILIUM.indexOf("spec:")),
    `1:1: ${WEB} spec is missing, expected an object with selectors and destinationCIDRs`,
  ],
  [
    "no selectors",
    web("  selectors:\n  - podSelector:\n      matchLabels:\n        app: web\n", ""),
    `6:3: ${WEB} spec.selectors is missing, expected a list of endpoint selectors`,
  ],
  [
    "selectors that are an object",
    web("  - podSelector:\n      matchLabels:\n        app: web", "    podSelector: {}"),
    `7:5: ${WEB} spec.selectors is an object, expected a list`,
  ],
  [
    "a rule with neither selector",
    web("- podSelector:\n      matchLabels:\n        app: web", "- nodeSelector: {}"),
    `7:5: ${WEB} spec.selectors[0] is an object, expected a podSelector or a namespaceSelector (an empty one selects everything)`,
  ],
  [
    "a rule whose only selector is null",
    web("\n      matchLabels:\n        app: web", ""),
    `7:5: ${WEB} spec.selectors[0] is an object, expected a podSelector or a namespaceSelector (an empty one selects everything)`,
  ],
  [
    "a selector that is text",
    web("\n      matchLabels:\n        app: web", " app=web"),
    `7:18: ${WEB} spec.selectors[0].podSelector is "app=web", expected a label selector with matchLabels or matchExpressions`,
  ],
  [
    "a label value that is a number",
    web("app: web", "app: 7"),
    `9:14: ${WEB} spec.selectors[0].podSelector.matchLabels.app is 7, expected ${LABEL_VALUE}`,
  ],
  [
    "a label value that is too long",
    web("app: web", `app: ${"x".repeat(64)}`),
    `9:14: ${WEB} spec.selectors[0].podSelector.matchLabels.app is "${"x".repeat(64)}", expected ${LABEL_VALUE}`,
  ],
  [
    "a label value with a space",
    web("app: web", "app: web server"),
    `9:14: ${WEB} spec.selectors[0].podSelector.matchLabels.app is "web server", expected ${LABEL_VALUE}`,
  ],
  [
    "a label key with a space",
    web("app: web", '"a pp": web'),
    `9:17: ${WEB} spec.selectors[0].podSelector.matchLabels["a pp"] is "a pp", expected a label key such as app or example.com/app`,
  ],
  [
    "an unknown operator",
    web("matchLabels:\n        app: web", "matchExpressions:\n      - {key: app, operator: Equals, values: [a]}"),
    `9:30: ${WEB} spec.selectors[0].podSelector.matchExpressions[0].operator is "Equals", expected In, NotIn, Exists or DoesNotExist`,
  ],
  [
    "In without values",
    web("matchLabels:\n        app: web", "matchExpressions:\n      - {key: app, operator: In}"),
    `9:9: ${WEB} spec.selectors[0].podSelector.matchExpressions[0].values is missing, expected at least one value for operator In`,
  ],
  [
    "Exists with values",
    web("matchLabels:\n        app: web", "matchExpressions:\n      - {key: app, operator: Exists, values: [a]}"),
    `9:46: ${WEB} spec.selectors[0].podSelector.matchExpressions[0].values is a list, expected no values for operator Exists`,
  ],
  [
    "an expression without key",
    web("matchLabels:\n        app: web", "matchExpressions:\n      - {operator: Exists}"),
    `9:9: ${WEB} spec.selectors[0].podSelector.matchExpressions[0].key is missing, expected a label key`,
  ],
  [
    "no destinations",
    web("  destinationCIDRs:\n  - 0.0.0.0/0\n", ""),
    `6:3: ${WEB} spec.destinationCIDRs is missing, expected at least one CIDR`,
  ],
  [
    "a destination without length",
    web("- 0.0.0.0/0", "- 1.1.1.1"),
    `11:5: ${WEB} spec.destinationCIDRs[0] is "1.1.1.1", expected a CIDR such as 10.0.0.0/8 or 2001:db8::/32`,
  ],
  [
    "a destination with a length too large",
    web("- 0.0.0.0/0", "- 10.0.0.0/33"),
    `11:5: ${WEB} spec.destinationCIDRs[0] is "10.0.0.0/33", expected a CIDR such as 10.0.0.0/8 or 2001:db8::/32`,
  ],
  [
    "an excluded CIDR that is a number",
    web("  egressGateway:", "  excludedCIDRs: [10]\n  egressGateway:"),
    `12:19: ${WEB} spec.excludedCIDRs[0] is 10, expected a CIDR such as 10.0.0.0/8 or 2001:db8::/32`,
  ],
  [
    "no gateway at all",
    CILIUM.slice(0, CILIUM.indexOf("  egressGateway:")),
    `6:3: ${WEB} spec.egressGateway is missing, expected a gateway, here or in egressGateways`,
  ],
  [
    "a gateway without nodeSelector",
    web('nodeSelector:\n      matchLabels:\n        egress: "yes"', "interface: eth1"),
    `13:5: ${WEB} spec.egressGateway.nodeSelector is missing, expected a label selector for gateway nodes`,
  ],
  [
    "interface and egressIP together",
    web("    nodeSelector:", "    interface: eth1\n    egressIP: 192.0.2.7\n    nodeSelector:"),
    `14:15: ${WEB} spec.egressGateway.egressIP is "192.0.2.7", expected either interface or egressIP, not both`,
  ],
  [
    "an egressIP that is no address",
    web("    nodeSelector:", "    egressIP: 10.0.0.300\n    nodeSelector:"),
    `13:15: ${WEB} spec.egressGateway.egressIP is "10.0.0.300", expected an IPv4 or IPv6 address`,
  ],
  [
    "an interface name that is too long",
    web("    nodeSelector:", "    interface: enp0s31f6-vlan1000\n    nodeSelector:"),
    `13:16: ${WEB} spec.egressGateway.interface is "enp0s31f6-vlan1000", expected the name of a network interface (at most 15 characters, no "/" and no spaces)`,
  ],
  [
    "egressGateways that is an object",
    web("  egressGateway:\n", "  egressGateways:\n"),
    `13:5: ${WEB} spec.egressGateways is an object, expected a list`,
  ],
  [
    "an unknown version of a known kind",
    web("cilium.io/v2", "cilium.io/v9"),
    `1:13: ${WEB} apiVersion is "cilium.io/v9", expected cilium.io/v2`,
  ],
  [
    "a creation time that is no time",
    web("  name: web", "  name: web\n  creationTimestamp: yesterday"),
    `5:22: ${WEB} metadata.creationTimestamp is "yesterday", expected an RFC 3339 time such as 2026-01-31T12:00:00Z`,
  ],
  [
    "timeouts that are not JSON",
    web("  name: web", "  name: web\n  annotations:\n    sluicegate.io/timeouts: udp=30s"),
    `6:29: ${WEB} metadata.annotations["sluicegate.io/timeouts"] is "udp=30s", expected a JSON object such as {"tcpEstablished":"1h","udp":"30s"}`,
  ],
  [
    "a timeout without unit",
    web("  name: web", `  name: web\n  annotations:\n    sluicegate.io/timeouts: '{"udp":"30"}'`),
    `6:29: ${WEB} metadata.annotations["sluicegate.io/timeouts"].udp is "30", expected a duration above zero such as 90s or 1h30m`,
  ],
  [
    "a timeout of no known name",
    web("  name: web", `  name: web\n  annotations:\n    sluicegate.io/timeouts: '{"tcp":"30s"}'`),
    `6:29: ${WEB} metadata.annotations["sluicegate.io/timeouts"].tcp is "30s", expected only tcpOpening, tcpEstablished, tcpClosing, udp, icmp, other, tcpReset, portHold`,
  ],
  [
    "no egress groups",
    ISOVALENT.slice(0, ISOVALENT.indexOf("  egressGroups")),
    `6:3: ${HA} spec.egressGroups is missing, expected at least one egress group`,
  ],
  [
    "an empty list of egress groups",
    ha("  egressGroups:\n  - nodeSelector: {}\n    interface: eth1", "  egressGroups: []"),
    `9:17: ${HA} spec.egressGroups is an empty list, expected at least one egress group`,
  ],
  [
    "an unknown zone affinity",
    ha("  egressGroups:", "  azAffinity: local\n  egressGroups:"),
    `9:15: ${HA} spec.azAffinity is "local", expected one of disabled, localOnly, localOnlyFirst, localPriority`,
  ],
  [
    "a negative cap",
    ha("interface: eth1", "maxGatewayNodes: -1"),
    `11:22: ${HA} spec.egressGroups[0].maxGatewayNodes is -1, expected a whole number of at least 0`,
  ],
  [
    "a pool and a fixed egress IP",
    ha("    interface: eth1", "    egressIP: 192.0.2.9\n  egressCIDRs: [192.0.2.0/28]"),
    `11:15: ${HA} spec.egressGroups[0].egressIP is "192.0.2.9", expected no egressIP where spec.egressCIDRs gives the addresses`,
  ],
  [
    "a pool that is no CIDR",
    ha("    interface: eth1", "    interface: eth1\n  egressCIDRs: [192.0.2.9]"),
    `12:17: ${HA} spec.egressCIDRs[0] is "192.0.2.9", expected a CIDR such as 10.0.0.0/8 or 2001:db8::/32`,
  ],
  [
    "a key for the second time",
    web("  destinationCIDRs:", "  selectors: []\n  destinationCIDRs:"),
    "10:3: the text is broken (duplicated mapping key), expected each key once",
  ],
  [
    "wrong indentation",
    web("  name: web", "  name: web\n name2: x"),
    "5:2: the text is broken (bad indentation of a mapping entry), expected well-formed YAML",
  ],
  [
    "a tag that runs code elsewhere",
    web("name: web", "name: !!js/function web"),
    "4:9: the text is broken (unknown scalar tag !<tag:yaml.org,2002:js/function>), expected no tags beyond those of YAML's core schema",
  ],
  ["a document without kind", "apiVersion: v1\n", "1:1: kind is missing, expected the kind of a Kubernetes object"],
  [
    "a document without apiVersion",
    "kind: Pod\n",
    "1:1: apiVersion is missing, expected an API version such as v1 or cilium.io/v2",
  ],
  ["a document that is a list", "- a\n- b\n", "1:1: the document is a list, expected a Kubernetes object"],
  [
    "a pod address that is none",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nstatus:\n  podIPs:\n  - ip: 10.0.0\n",
    '6:9: Pod default/a status.podIPs[0].ip is "10.0.0", expected an IPv4 or IPv6 address',
  ],
  [
    "a container port out of range",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{ports: [{containerPort: 70000}]}]}\n",
    "4:46: Pod default/a spec.containers[0].ports[0].containerPort is 70000, expected a whole number from 1 to 65535",
  ],
  [
    "a node address that is none",
    "apiVersion: v1\nkind: Node\nmetadata: {name: a}\nstatus:\n  addresses: [{type: InternalIP, address: node-a}]\n",
    '5:43: Node a status.addresses[0].address is "node-a", expected an IPv4 or IPv6 address',
  ],
  [
    "interfaces of a node that are not JSON",
    "apiVersion: v1\nkind: Node\nmetadata: {name: a, annotations: {sluicegate.io/interfaces: eth1}}\n",
    '3:61: Node a metadata.annotations["sluicegate.io/interfaces"] is "eth1", expected JSON such as {"eth1": ["203.0.113.10/24"], "default": "eth1"}',
  ],
  [
    "an identity without number",
    "apiVersion: cilium.io/v2\nkind: CiliumIdentity\nmetadata: {name: web}\n",
    '3:18: CiliumIdentity web metadata.name is "web", expected the number of an identity',
  ],
  [
    "a port range that leaves nothing",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cilium-config}\ndata:\n  node-port-range: 30000,65535\n",
    '5:20: ConfigMap default/cilium-config data.node-port-range is "30000,65535", expected a port range such as "30000,32767" that ends below 65535',
  ],
  [
    "a lifetime without unit",
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cilium-config}\ndata:\n  bpf-ct-timeout-regular-any: "60"\n',
    '5:31: ConfigMap default/cilium-config data.bpf-ct-timeout-regular-any is "60", expected a duration above zero such as 2h13m20s',
  ],
];

test("a member of a list that is not written out is where its list is", () => {
  const text = `apiVersion: cilium.io/v2\nkind: CiliumEgressGatewayPolicy\nmetadata: {name: web}\nspec:\n  selectors:\n      - `;
  expect(faultsOf({ "m.yaml": text })).toContainEqual(
    expect.stringMatching(/^m\.yaml:6:7: CiliumEgressGatewayPolicy web spec\.selectors\[0\] is missing/),
  );
});

describe("a mistake in YAML is reported with file, line, column and what was expected", () => {
  test.each(MISTAKES)("%s", (_what, yaml, fault) => {
    expect(faultsOf({ "policies.yaml": yaml })).toEqual([`policies.yaml:${fault}`]);
  });
});

const jsonPolicy = (from: string, to: string) =>
  change(JSON.stringify(list([ciliumPolicy("a", {}), ciliumPolicy("b", {})]), undefined, 1), from, to);
const oneLine = (object: object) => JSON.stringify(object);
const column = (text: string, part: string) => text.indexOf(part) + 1;
const NO_SELECTOR = ciliumPolicy("ä", { egressGateway: { interface: "eth1" } });
const UMLAUT = ciliumPolicy("a", {
  selectors: [{ podSelector: { matchLabels: { app: "bär" } } }, { podSelector: {} }],
});

const JSON_MISTAKES: readonly (readonly [what: string, json: string, fault: string])[] = [
  ["a missing comma", '{"kind": "Pod"\n "apiVersion": "v1"}', '2:2: the text is broken ("\\""), expected "," or "}"'],
  ["a comma too many", '{"a": [1,\n]}', '2:1: the text is broken ("]"), expected a value'],
  ["a key without quotes", "{kind: 1}", '1:2: the text is broken ("k"), expected a key in double quotes'],
  [
    "a file that was cut off",
    '{"kind": "Pod", "metadata": {',
    "1:30: the text is broken (the end of the file), expected a key in double quotes",
  ],
  [
    "a string that does not end",
    '{"kind": "Pod',
    "1:10: the text is broken (a string without end), expected a closing double quote",
  ],
  [
    "a word that is no value",
    '{\n "kind": yes\n}',
    "2:10: the text is broken (yes), expected a number, true, false, null or text in double quotes",
  ],
  [
    "an escape that JSON does not know",
    '{"kind": "P\\x"}',
    '1:12: the text is broken (\\x), expected an escape such as \\n, \\" or \\u00e4',
  ],
  [
    "a line feed in a string",
    '{"kind": "P\n"}',
    "1:12: the text is broken (byte 0x0a), expected control characters to be written as escapes",
  ],
  [
    "a key for the second time",
    '{"kind": "A", "apiVersion": "x",\n "kind": "B"}',
    '2:2: the text is broken (the key "kind" for the second time), expected each key once',
  ],
  [
    "a key for the second time, written otherwise",
    '{"kind": "A", "apiVersion": "x",\n "k\\u0069nd": "B"}',
    '2:2: the text is broken (the key "kind" for the second time), expected each key once',
  ],
  [
    "nesting that never ends",
    "[".repeat(500),
    "1:201: the text is broken (nesting too deep), expected at most 200 levels",
  ],
  [
    "a list member that is no object",
    '{"apiVersion": "v1", "kind": "List", "items": [\n  7]}',
    "2:3: the document is 7, expected a Kubernetes object",
  ],
  [
    "a fault in the second member of a list",
    jsonPolicy('"name": "b"', '"name": 5'),
    "32:13: CiliumEgressGatewayPolicy metadata.name is 5, expected a name",
  ],
  [
    "a field missing deep in an object",
    oneLine(NO_SELECTOR),
    `1:${column(oneLine(NO_SELECTOR), '{"interface"')}: CiliumEgressGatewayPolicy ä spec.egressGateway.nodeSelector is missing, expected a label selector for gateway nodes`,
  ],
  [
    "a fault behind letters beyond ASCII",
    oneLine(UMLAUT),
    `1:${column(oneLine(UMLAUT), '"bär"')}: CiliumEgressGatewayPolicy a spec.selectors[0].podSelector.matchLabels.app is "bär", expected ${LABEL_VALUE}`,
  ],
  [
    "a fault in a typed list",
    oneLine({ kind: "PodList", apiVersion: "v1", items: [{ metadata: { name: "x" }, status: { podIP: "x" } }] }),
    '1:89: Pod default/x status.podIP is "x", expected an IPv4 or IPv6 address',
  ],
];

describe("a mistake in JSON is reported with file, line, column and what was expected", () => {
  test.each(JSON_MISTAKES)("%s", (_what, json, fault) => {
    expect(faultsOf({ "dump.json": json })).toEqual([`dump.json:${fault}`]);
  });
});

describe("faults of several places", () => {
  test("are reported at once, in the order of files and lines", () => {
    const files = {
      "a.yaml": web("- 0.0.0.0/0", "- 1.1.1.1\n  - 2.2.2.2"),
      "b.json": list([ciliumPolicy("b", { destinationCIDRs: ["3.3.3.3"] })]),
      "c.yaml": `${web("app: web", "app: 1")}---\n${ha("eth1", "[]")}`,
    };
    expect(faultsOf(files).map((line) => line.replace(/ is .*/, ""))).toEqual([
      `a.yaml:11:5: ${WEB} spec.destinationCIDRs[0]`,
      `a.yaml:12:5: ${WEB} spec.destinationCIDRs[1]`,
      "b.json:17:11: CiliumEgressGatewayPolicy b spec.destinationCIDRs[0]",
      `c.yaml:9:14: ${WEB} spec.selectors[0].podSelector.matchLabels.app`,
      `c.yaml:27:16: ${HA} spec.egressGroups[0].interface`,
    ]);
  });

  test("carry file, line, column, path, value and expectation as data", () => {
    const folder = writeFiles({ "a.yaml": web("- 0.0.0.0/0", "- 1.1.1.1") });
    let caught: unknown;
    try {
      loadManifests([folder]);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(PolicyError);
    expect((caught as PolicyError).faults).toEqual([
      {
        file: `${folder}/a.yaml`,
        line: 11,
        column: 5,
        path: `${WEB} spec.destinationCIDRs[0]`,
        value: '"1.1.1.1"',
        expected: "a CIDR such as 10.0.0.0/8 or 2001:db8::/32",
      },
    ]);
  });

  test("a broken document does not hide the faults of the next", () => {
    const text = `${web("  destinationCIDRs:", "  selectors: []\n  destinationCIDRs:")}---\n${ha("eth1", "[]")}`;
    expect(faultsOf({ "a.yaml": text }).map((line) => line.replace(/ [i(].*/, ""))).toEqual([
      "a.yaml:10:3: the text",
      `a.yaml:28:16: ${HA} spec.egressGroups[0].interface`,
    ]);
  });

  test("more than a thousand are cut, and the rest is counted", () => {
    const cidrs = Array.from({ length: 1500 }, (_, index) => `bad-${index}`);
    const lines = faultsOf({ "a.json": ciliumPolicy("a", { destinationCIDRs: cidrs }) });
    expect(lines).toHaveLength(1001);
    expect(lines.at(-1)).toMatch(/: the rest is 500 more faults, expected none$/);
  });

  test("positions follow aliases and merge keys to where the value is written", () => {
    const text = `x-base: &base
  egressIP: nowhere
apiVersion: cilium.io/v2
kind: CiliumEgressGatewayPolicy
metadata: {name: web}
spec:
  selectors: [{podSelector: {}}]
  destinationCIDRs: &cidrs [nowhere]
  excludedCIDRs: *cidrs
  egressGateway:
    <<: *base
    nodeSelector: {}
`;
    expect(faultsOf({ "a.yaml": text })).toEqual([
      `a.yaml:2:13: ${WEB} spec.egressGateway.egressIP is "nowhere", expected an IPv4 or IPv6 address`,
      `a.yaml:8:29: ${WEB} spec.destinationCIDRs[0] is "nowhere", expected a CIDR such as 10.0.0.0/8 or 2001:db8::/32`,
      `a.yaml:8:29: ${WEB} spec.excludedCIDRs[0] is "nowhere", expected a CIDR such as 10.0.0.0/8 or 2001:db8::/32`,
    ]);
  });
});

describe("hostile manifests", () => {
  test("an alias bomb is a fault, not an expansion", () => {
    const levels = Array.from(
      { length: 30 },
      (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(", ")}]`,
    );
    const text = `a0: &a0 [x]\n${levels.join("\n")}\nkind: List\napiVersion: v1\nitems: *a30\n`;
    expect(faultsOf({ "bomb.yaml": text })).toEqual([
      "bomb.yaml:2:10: the text is broken (an alias that expands to more than 1000000 values), expected aliases that stay small",
    ]);
  });

  test("an anchor that contains itself is a fault", () => {
    expect(faultsOf({ "loop.yaml": "kind: List\napiVersion: v1\nitems: &i [*i]\n" })[0]).toMatch(
      /^loop.yaml:3:12: .*expands to more than/,
    );
  });

  test("YAML nested too deeply is a fault", () => {
    expect(faultsOf({ "deep.yaml": `a: ${"[".repeat(1000)}` })[0]).toMatch(
      /^deep.yaml:1:\d+: the text is broken \(nesting exceeded/,
    );
  });

  test("keys named like parts of a prototype are ordinary keys", () => {
    const text = `apiVersion: v1
kind: Namespace
metadata:
  name: __proto__
  labels: {__proto__: x, constructor: y, toString: z}
__proto__: {kind: Pod}
`;
    const model = loadYaml(text);
    expect(model.objectCounts).toEqual(new Map([["Namespace", 1]]));
    expect(({} as Record<string, unknown>).kind).toBeUndefined();
    expect(warningsOf(model)).toEqual([
      "6:1 Namespace __proto__: __proto__ is not a field that counts here, it is ignored",
    ]);
    const json = '{"apiVersion":"v1","kind":"Namespace","__proto__":{"metadata":{"name":"x"}}}';
    expect(faultsOf({ "a.json": json })).toEqual(["a.json:1:1: Namespace metadata.name is missing, expected a name"]);
  });

  test("bytes that are not UTF-8 are a fault", () => {
    expect(faultsOf({ "a.yaml": Buffer.from([0x6b, 0xff, 0xfe]) })).toEqual([
      "a.yaml:1:1: the text is broken (bytes that are not UTF-8), expected UTF-8 text",
    ]);
  });
});

describe("unknown fields", () => {
  test("are warnings with the place of the key, and what may have been meant", () => {
    const model = loadYaml(`${web("    nodeSelector:", "    interfcae: eth1\n    nodeSelector:")}---
apiVersion: v1
kind: Pod
metadata: {name: a, lables: {app: web}}
spec: {hostnetwork: true}
status: {podIP: 10.0.0.1}
`);
    expect(warningsOf(model)).toEqual([
      "13:5 CiliumEgressGatewayPolicy web: interfcae is not a field that counts here, it is ignored; did you mean interface?",
      `15:7 ${WEB}: no node matches egress=yes, its traffic is dropped, no-egress-gateway`,
      "20:21 Pod default/a: lables is not a field that counts here, it is ignored; did you mean labels?",
      "21:8 Pod default/a: hostnetwork is not a field that counts here, it is ignored; did you mean hostNetwork?",
    ]);
  });

  test("of the same sort are listed twenty times and then counted", () => {
    const nodes = Array.from({ length: 30 }, (_, index) => ({ ...node(`n${index}`, "10.0.0.1"), sepc: {} }));
    const texts = loadManifests([writeFiles({ "all.json": list(nodes) })]).warnings.map(({ text }) => text);
    expect(texts.filter((text) => text.includes("sepc is not a field"))).toHaveLength(20);
    expect(texts.at(-1)).toBe("10 more of the sort: unknown field sepc of a Node");
  });

  test("of very many sorts are listed a thousand times and then counted, each in part where it is long", () => {
    const spec = Array.from({ length: 50_000 }, (_, index) => `  ${"x".repeat(100)}${index}: 1\n`).join("");
    const texts = loadYaml(`apiVersion: v1\nkind: Node\nmetadata: {name: a}\nspec:\n${spec}`).warnings;
    expect(texts).toHaveLength(21);
    const short = spec.replaceAll("x".repeat(100), "x");
    const listed = loadYaml(`apiVersion: v1\nkind: Node\nmetadata: {name: a}\nspec:\n${short}`).warnings;
    expect(listed).toHaveLength(1001);
    expect(listed.at(-2)).toMatchObject({ line: 1004, column: 3 });
    expect(listed.at(-1)!.text).toBe("49000 more of other sorts");
  });
});
