import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as abi from "../../assembly/abi.js";
import { compilePolicy, nodeTable } from "../../src/engine/blob.js";
import { describePolicy, sectionCounts } from "../../src/engine/describe-blob.js";
import { fnv1a64 } from "../../src/engine/egress-key.js";
import { familyOf, formatAddress } from "../../src/net/address.js";
import {
  address,
  CILIUM_TIMEOUTS,
  egress,
  endpoint,
  model,
  NOON,
  node,
  policy,
  policySet,
  prefix,
  smallModel,
  withSettings,
} from "./model.js";

const FOR_EVER = 0xffff_ffff_ffff_ffffn;

describe("the policy blob of a small model", () => {
  const blob = compilePolicy(smallModel());
  const read = describePolicy(blob);

  test("has the pinned bytes: a change here is a change of the format", () => {
    expect(createHash("sha256").update(blob).digest("hex")).toBe(
      "a64bf3fa729e3eca12cdfc1ee0dd0d91a31bc74143e57367085ffd4b9574760d",
    );
  });

  test("starts with magic, version, its own length and the NAT ports", () => {
    const view = new DataView(blob.buffer);
    expect(Buffer.from(blob.subarray(0, 4)).toString("latin1")).toBe("SGP1");
    expect(view.getUint32(4, true)).toBe(1);
    expect(view.getUint32(8, true)).toBe(blob.length);
    expect([read.snatLow, read.snatHigh]).toEqual([32768, 65535]);
  });

  test("keeps every section aligned to 8 bytes, inside the blob and apart from the others", () => {
    const view = new DataView(blob.buffer);
    const starts = sectionCounts(blob).map((_, id) => view.getUint32(abi.BLOB_SECTIONS_AT + id * 8 + 4, true));
    expect(starts.every((at) => at % 8 === 0 && at >= abi.BLOB_HEADER_SIZE && at <= blob.length)).toBe(true);
    expect([...starts].sort((a, b) => a - b)).toEqual(starts);
  });

  test("numbers zones by name from 1 and appends nodes that only an endpoint names", () => {
    expect(nodeTable(smallModel()).map((row) => row.name)).toEqual(["gw-a", "gw-b", "worker", "elsewhere"]);
    expect(read.nodes).toEqual([
      { address: "172.18.0.3", zone: 1 },
      { address: "172.18.0.4", zone: 2 },
      { address: "172.18.0.2", zone: 1 },
      { address: undefined, zone: 0 },
    ]);
  });

  test("knows no zone of a gateway whose Node object is gone", () => {
    const gone = nodeTable(model({ nodes: [], egresses: [egress("gw-a", "203.0.113.10", { zone: "eu-1a" })] }));
    expect(gone).toEqual([{ name: "gw-a", zone: undefined, address: undefined }]);
  });

  test("keys an egress by node and address", () => {
    expect(read.egresses).toEqual([
      { ipv4: "203.0.113.10", ipv6: undefined, key: fnv1a64("gw-a/203.0.113.10"), node: 0 },
      { ipv4: "203.0.113.20", ipv6: undefined, key: fnv1a64("gw-b/203.0.113.20"), node: 1 },
      { ipv4: undefined, ipv6: "2001:db8::20", key: fnv1a64("gw-b/2001:db8::20"), node: 1 },
    ]);
  });

  test("gives a policy its kind, members and lifetime row", () => {
    expect(read.policies).toEqual([
      { kind: abi.POLICY_KIND_ISOVALENT, members: [0, 1], timeoutRow: 1 },
      { kind: abi.POLICY_KIND_CILIUM, members: [1], timeoutRow: 0 },
    ]);
    expect(read.timeouts).toEqual([
      [60_000, 8_000_000, 10_000, 10_000, 60_000, 60_000, 60_000, 0],
      [60_000, 8_000_000, 10_000, 10_000, 30_000, 60_000, 60_000, 0],
    ]);
  });

  test("holds what no policy selects in set 0, each prefix once, and the policies' prefixes in sets from 1", () => {
    const set = (number: number) =>
      read.prefixes.filter((row) => row.set === number).map((row) => [row.text, row.value]);
    expect(set(abi.CLUSTER_SET)).toEqual([
      ["::1/128", abi.REASON_LOOPBACK],
      ["10.0.0.0/112", abi.REASON_CLUSTER_INTERNAL],
      ["127.0.0.0/104", abi.REASON_LOOPBACK],
      ["169.254.0.0/112", abi.REASON_LINK_LOCAL],
      ["172.18.0.2/128", abi.REASON_CLUSTER_INTERNAL],
      ["224.0.0.0/100", abi.REASON_MULTICAST],
      ["255.255.255.255/128", abi.REASON_BROADCAST],
      ["fe80::/10", abi.REASON_LINK_LOCAL],
      ["ff00::/8", abi.REASON_MULTICAST],
    ]);
    expect(set(1)).toEqual([
      ["::/0", 0],
      ["0.0.0.0/96", 0],
      ["192.168.0.0/112", abi.PREFIX_EXCLUDED],
    ]);
    expect(set(2)).toEqual([["198.51.100.0/120", 1]]);
  });

  test("gives each address of an endpoint a row of its own, sorted by address and then by time", () => {
    const rows = read.endpoints.map(({ address, set, node, from, to }) => ({ address, set, node, from, to }));
    expect(rows).toEqual([
      { address: "10.0.1.7", set: 1, node: 2, from: 0n, to: FOR_EVER },
      { address: "10.0.1.8", set: 2, node: 3, from: 0n, to: FOR_EVER },
      { address: "10.0.1.9", set: 0, node: abi.NO_INDEX, from: 0n, to: NOON },
      { address: "10.0.1.9", set: 0, node: abi.NO_INDEX, from: NOON, to: FOR_EVER },
      { address: "fd00::7", set: 1, node: 2, from: 0n, to: FOR_EVER },
    ]);
    expect(read.changes).toEqual([NOON]);
  });

  test("lists service ports as protocol and number, each once", () => {
    const [web, db] = read.endpoints;
    expect(web).toMatchObject({ ports: [(6 << 16) | 8080, (17 << 16) | 53], identity: 4711 });
    expect(db?.ports).toEqual([]);
  });
});

describe("compilePolicy", () => {
  test("hashes the UID as the original does", () => {
    const uids = ["a", "foobar", "7c22952d-25a0-409d-952c-60895b5c2a90"];
    const endpoints = uids.map((uid, i) => endpoint(`e${i}`, [`10.0.0.${i}`], { uid, policySet: -1 }));
    const { endpoints: rows } = describePolicy(compilePolicy(model({ endpoints })));
    expect(rows.map((row) => row.uidHash)).toEqual([0xe40c292c, 0xbf9cf968, 0x4989084b]);
  });

  test("an empty model compiles: fixed prefixes and the default lifetimes remain", () => {
    const read = describePolicy(compilePolicy(model({})));
    expect(read.prefixes.length).toBe(7);
    expect(read.timeouts.length).toBe(1);
    expect(read.endpoints).toEqual([]);
  });

  test("profile rfc keeps a mapping four minutes after a reset, profile cilium as long as a closing one", () => {
    const reset = (natProfile: "rfc" | "cilium") =>
      describePolicy(compilePolicy(model({}), { natProfile })).timeouts[0]![abi.TIMEOUT_TCP_RESET];
    expect(reset("rfc")).toBe(240_000);
    expect(reset("cilium")).toBe(CILIUM_TIMEOUTS.tcpClosing);
  });

  test("the profile of the settings counts where none is given", () => {
    const base = model({});
    const settings = { ...base.settings, natProfile: { value: "rfc" as const, source: "test" } };
    expect(describePolicy(compilePolicy({ ...base, settings })).timeouts[0]![abi.TIMEOUT_TCP_RESET]).toBe(240_000);
  });

  test("policies with equal overrides share a lifetime row; overrides equal to the defaults share row 0", () => {
    const policies = [
      policy("a", [], { timeouts: { udp: 1000 } }),
      policy("b", [], { timeouts: { icmp: 2000 } }),
      policy("c", [], { timeouts: { udp: 1000 } }),
      policy("d", [], { timeouts: { udp: CILIUM_TIMEOUTS.udp } }),
    ];
    const read = describePolicy(compilePolicy(model({ policies })));
    expect(read.policies.map((row) => row.timeoutRow)).toEqual([1, 2, 1, 0]);
    expect(read.timeouts.length).toBe(3);
  });

  test("255 different overrides fit and 256 are refused", () => {
    const policies = (count: number) =>
      Array.from({ length: count }, (_, i) => policy(`p${i}`, [], { timeouts: { udp: 1000 + i } }));
    expect(describePolicy(compilePolicy(model({ policies: policies(255) }))).timeouts.length).toBe(256);
    expect(() => compilePolicy(model({ policies: policies(256) }))).toThrow(
      "have 256 different sets of timeouts, expected at most 255",
    );
  });

  test("an endpoint that owns its address for no time at all has no row", () => {
    const endpoints = [endpoint("brief", ["10.0.0.1"], { policySet: -1, fromNs: NOON, toNs: NOON })];
    const read = describePolicy(compilePolicy(model({ endpoints })));
    expect(read.endpoints).toEqual([]);
    expect(read.changes).toEqual([]);
  });

  test("the same model in two compilations gives the same bytes", () => {
    expect(compilePolicy(smallModel())).toEqual(compilePolicy(smallModel()));
  });

  test.each([
    [
      "two owners at once",
      { endpoints: [endpoint("a", ["10.0.0.1"], { policySet: -1 }), endpoint("b", ["10.0.0.1"], { policySet: -1 })] },
      "endpoint address 10.0.0.1: owned by default/a and default/b at once",
    ],
    [
      "a policy set that is not there",
      { endpoints: [endpoint("a", ["10.0.0.1"])] },
      "endpoint default/a: policy set 0, expected -1 to -1",
    ],
    [
      "an egress that is not there",
      { policies: [policy("p", [3])] },
      "policy p: egress 3 does not exist, expected one of 0",
    ],
    [
      "a policy that is not there",
      { policySets: [policySet({ "0.0.0.0/0": 5 })] },
      "policy set 0: 0.0.0.0/0 refers to policy 5",
    ],
    [
      "one prefix twice",
      {
        policies: [policy("p", [])],
        policySets: [
          { entries: [...policySet({ "10.0.0.0/8": 0 }).entries, ...policySet({ "10.0.0.0/8": 0 }).entries] },
        ],
      },
      "policy set 0: has 10.0.0.0/8 twice",
    ],
    [
      "a time before the epoch",
      { endpoints: [endpoint("a", ["10.0.0.1"], { policySet: -1, fromNs: -1n })] },
      "endpoint default/a: owns its addresses from -1",
    ],
    [
      "too many egresses",
      { nodes: [node("n", "10.0.0.1")], egresses: Array.from({ length: 65536 }, () => egress("n")) },
      "has 65536 egresses (gateway and address pairs), expected at most 65535",
    ],
  ])("refuses %s and names it", (_, fields, message) => {
    expect(() => compilePolicy(model(fields))).toThrow(message);
  });

  test.each([
    [{ low: 0, high: 100 }, CILIUM_TIMEOUTS, "NAT ports are 0 to 100"],
    [{ low: 200, high: 100 }, CILIUM_TIMEOUTS, "NAT ports are 200 to 100"],
    [{ low: 1, high: 65536 }, CILIUM_TIMEOUTS, "NAT ports are 1 to 65536"],
    [{ low: 1, high: 2 }, { ...CILIUM_TIMEOUTS, udp: 0 }, "settings: timeout udp is 0 ms, expected 1 to 1073741823"],
    [{ low: 1, high: 2 }, { ...CILIUM_TIMEOUTS, icmp: 2 ** 30 }, "settings: timeout icmp is 1073741824 ms"],
  ])("refuses settings %j", (ports, timeouts, message) => {
    expect(() => compilePolicy(withSettings(model({}), ports, timeouts))).toThrow(message);
  });
});

describe("describePolicy", () => {
  const octets = fc.uint8Array({ minLength: 16, maxLength: 16 });

  test("reads back any endpoints that compilePolicy wrote", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(octets, { maxLength: 40, selector: (bytes) => Buffer.from(bytes).toString("hex") }),
        (all) => {
          const endpoints = all.map((bytes, i) =>
            endpoint(`e${i}`, [], { addresses: [bytes], identity: i, policySet: -1 }),
          );
          const rows = describePolicy(compilePolicy(model({ endpoints }))).endpoints;
          const expected = all.map((bytes, i) => ({ bytes, i })).sort((a, b) => Buffer.compare(a.bytes, b.bytes));
          expect(rows.map((row) => [row.address, row.identity])).toEqual(
            expected.map(({ bytes, i }) => [formatAddress(bytes), i]),
          );
        },
      ),
    );
  });

  test("refuses every truncation of a blob", () => {
    const blob = compilePolicy(smallModel());
    const lastSectionEnd = blob.length;
    for (let length = 0; length < lastSectionEnd; length++) {
      expect(() => describePolicy(blob.subarray(0, length))).toThrow(/^policy blob: /);
    }
  });

  test("refuses another magic and another version", () => {
    for (const at of [abi.BLOB_MAGIC_AT, abi.BLOB_VERSION_AT]) {
      const blob = compilePolicy(smallModel());
      blob[at]!++;
      expect(() => describePolicy(blob)).toThrow("expected 31504753, version 1");
    }
  });
});

test("the model's helper addresses are of the families that the tests take them for", () => {
  expect([familyOf(address("10.0.1.7")), familyOf(address("fd00::7")), prefix("::/0").length]).toEqual([4, 6, 0]);
});
