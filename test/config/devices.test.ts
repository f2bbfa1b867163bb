import { describe, expect, test } from "vitest";
import { type LoadOptions, loadManifests } from "../../src/config/load.js";
import { UsageError } from "../../src/errors.js";
import { addresses, ciliumPolicy, faultsOf, node, writeFiles } from "./manifests.js";

const GATEWAY = node("gw", "172.18.0.2");
const policy = (more: object) =>
  ciliumPolicy("p", { destinationCIDRs: ["0.0.0.0/0", "::/0"], egressGateway: { nodeSelector: {}, ...more } });

/** The IPv4 and IPv6 egress address of a gateway that is asked for as `more` says. */
function egress(files: Record<string, unknown>, more: object, options: LoadOptions = {}): (string | undefined)[] {
  const model = loadManifests([writeFiles({ "gw.json": GATEWAY, "policy.json": policy(more), ...files })], options);
  const [first] = model.egresses;
  return addresses([first?.egressIPv4, first?.egressIPv6]);
}

const IP_ADDR = [
  {
    ifindex: 1,
    ifname: "lo",
    addr_info: [
      { family: "inet", local: "127.0.0.1", prefixlen: 8, scope: "host" },
      { family: "inet6", local: "::1", prefixlen: 128 },
    ],
  },
  {},
  {
    ifindex: 2,
    ifname: "eth0",
    addr_info: [
      { family: "inet", local: "172.18.0.2", prefixlen: 16, scope: "global" },
      { family: "inet6", local: "fe80::1", prefixlen: 64, scope: "link" },
      { family: "inet6", local: "2001:db8::2", prefixlen: 64 },
    ],
  },
  {
    ifindex: 3,
    ifname: "vlan9@eth0",
    addr_info: [
      { family: "inet", local: "203.0.113.9", prefixlen: 24 },
      { family: "inet", local: "203.0.113.10", prefixlen: 24 },
    ],
  },
  { ifindex: 4, ifname: "wg0", addr_info: [] },
];

describe("devices of nodes", () => {
  test("come from the output of `ip -j addr` in NODE.addr.json, without loopback and link-local addresses", () => {
    expect(egress({ "gw.addr.json": IP_ADDR }, { interface: "eth0" })).toEqual(["172.18.0.2", "2001:db8::2"]);
    expect(egress({ "gw.addr.json": IP_ADDR }, { interface: "vlan9" })).toEqual(["203.0.113.9", undefined]);
    expect(egress({ "gw.addr.json": IP_ADDR }, { interface: "lo" })).toEqual([undefined, undefined]);
    expect(egress({ "gw.addr.json": IP_ADDR }, { interface: "wg0" })).toEqual([undefined, undefined]);
    expect(egress({ "gw.addr.json": IP_ADDR }, { egressIP: "203.0.113.10" })).toEqual(["203.0.113.10", undefined]);
  });

  test("of another node say nothing about this one", () => {
    expect(egress({ "other.addr.json": IP_ADDR }, { interface: "eth0" })).toEqual(["192.0.2.1", "2001:db8::1"]);
  });

  test("come from interfaces.yaml, node by node", () => {
    const text = 'gw:\n  eth1: [203.0.113.5/24, "2001:db8::5/64"]\n  eth2: 198.51.100.5/24\n  default: eth2\n';
    expect(egress({ "interfaces.yaml": text }, { interface: "eth1" })).toEqual(["203.0.113.5", "2001:db8::5"]);
    expect(egress({ "interfaces.yaml": text }, {})).toEqual(["198.51.100.5", undefined]);
  });

  test("come from --interface, several times for several addresses", () => {
    const interfaces = ["gw:eth1=203.0.113.5/24", "gw:eth1=2001:db8::5/64"];
    expect(egress({}, { interface: "eth1" }, { interfaces })).toEqual(["203.0.113.5", "2001:db8::5"]);
    expect(egress({}, { interface: "eth1" }, { interfaces: ["gw:eth1=203.0.113.5/24,2001:db8::5/64"] })).toEqual([
      "203.0.113.5",
      "2001:db8::5",
    ]);
    expect(egress({}, { egressIP: "203.0.113.99" }, { interfaces })).toEqual([undefined, undefined]);
  });

  test("of several sources add up", () => {
    const files = { "interfaces.yaml": "gw: {eth1: [203.0.113.5/24]}\n", "gw.addr.json": IP_ADDR };
    expect(egress(files, { egressIP: "203.0.113.9" })).toEqual(["203.0.113.9", undefined]);
    expect(egress(files, { egressIP: "203.0.113.5" })).toEqual(["203.0.113.5", undefined]);
  });

  test.each([
    "gw",
    "gw:eth1",
    "gw:eth1=",
    "gw:eth1=nowhere",
    "gw:eth1=10.0.0.1/33",
    ":eth1=10.0.0.1/24",
    "gw:=10.0.0.1",
    "gw:eth1=10.0.0.1/24,",
  ])("--interface %j is refused with an example", (text) => {
    expect(() => egress({}, {}, { interfaces: [text] })).toThrow(UsageError);
    expect(() => egress({}, {}, { interfaces: [text] })).toThrow(/expected NODE:DEVICE=ADDRESS\/LENGTH such as/);
  });

  test.each<[string, string, string, string]>([
    [
      "an address that is none",
      "interfaces.yaml",
      "gw:\n  eth1: [203.0.113.300/24]\n",
      '2:10: gw.eth1[0] is "203.0.113.300/24", expected an address with its prefix length such as 203.0.113.10/24',
    ],
    [
      "a device without addresses",
      "interfaces.yaml",
      "gw:\n  eth1:\n",
      "2:3: gw.eth1 is missing, expected a list of addresses with their prefix lengths",
    ],
    [
      "a node without devices",
      "interfaces.yaml",
      "gw: eth1\n",
      '1:5: gw is "eth1", expected an object such as {"eth1": ["203.0.113.10/24"], "default": "eth1"}',
    ],
    [
      "a link without a name",
      "gw.addr.json",
      '[{"ifindex": 1}]',
      "1:2: the document is an object, expected a link as `ip -j addr` prints it, with an ifname",
    ],
    [
      "a link whose address is none",
      "gw.addr.json",
      '[{"ifname": "a", "addr_info": [{"family": "inet", "local": "x"}]}]',
      '1:60: addr_info[0].local is "x", expected an IPv4 or IPv6 address',
    ],
  ])("%s is a fault with its place", (_what, file, text, fault) => {
    expect(faultsOf({ [file]: text })).toEqual([`${file}:${fault}`]);
  });
});
