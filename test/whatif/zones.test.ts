import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import type { PolicyModel } from "../../src/config/types.js";
import { compareZones, type ZonesReport } from "../../src/whatif/zones.js";
import { dualStack } from "../replay/dual-stack.js";
import { captureOf, REMOTE } from "../replay/traffic.js";
import { withFile, withFolder } from "../support/capture-read.js";
import { ethernet, ipv4, ipv4FragmentsOf, patterned, udp } from "../support/frames.js";

const MODEL = loadManifests(["pcaps/manifests"]);

function zonesOf(model: PolicyModel): Promise<ZonesReport> {
  return compareZones({ captures: ["pcaps/web/in.pcap"], model });
}

/** The shop's policy in a cluster whose gateways are all in one zone. */
function withGatewaysIn(zone: string): PolicyModel {
  return {
    ...MODEL,
    nodes: MODEL.nodes.map((node) => (node.name.startsWith("gw-") ? { ...node, zone } : node)),
    egresses: MODEL.egresses.map((egress) => ({ ...egress, zone })),
  };
}

/** The shop's policy with a range of addresses that does not suffice for its gateways. */
function withRange(range: string): Promise<PolicyModel> {
  return withFolder(async (folder) => {
    cpSync("pcaps/manifests", folder, { recursive: true });
    const file = join(folder, "policies.yaml");
    const [shop, ...others] = readFileSync(file, "utf8").split("---\n");
    const own = shop!
      .replaceAll("      interface: eth1\n", "")
      .replace("spec:\n", `spec:\n  egressCIDRs: [${range}]\n`);
    writeFileSync(file, [own, ...others].join("---\n"));
    return loadManifests([folder]);
  });
}

function rowOf({ affinities }: ZonesReport, azAffinity: string) {
  return affinities.find((row) => row.azAffinity === azAffinity)!;
}

test("local affinities keep traffic within its zone where each zone has a gateway", async () => {
  const report = await zonesOf(MODEL);
  expect(report.policies).toEqual([{ policy: "shop-egress", azAffinity: "disabled" }]);
  const [disabled, localOnly] = [rowOf(report, "disabled"), rowOf(report, "localOnly")];
  expect(localOnly.crossZone.bytes).toBeLessThan(disabled.crossZone.bytes / 2);
  expect(localOnly.dropped.connections).toBe(0);
  expect(rowOf(report, "localOnlyFirst").crossZone).toEqual(localOnly.crossZone);
  // No cap holds back the others, so priority alone changes nothing.
  expect(rowOf(report, "localPriority").crossZone).toEqual(disabled.crossZone);
});

test("what crosses zones under localOnly is of policies that have no affinity", async () => {
  const { pairs, crossZone, sameZone } = rowOf(await zonesOf(MODEL), "localOnly");
  const crossing = pairs.filter(({ from, to }) => from !== to);
  expect(crossing.reduce((sum, { connections }) => sum + connections, 0)).toBe(crossZone.connections);
  // billing and lab: 12 connections by gw-b, 30 by gw-c and gw-d, none of them in its pod's zone.
  expect(crossZone.connections).toBe(42);
  expect(sameZone.connections).toBe(60);
});

test("localOnly drops where a zone has no gateway, localOnlyFirst goes elsewhere", async () => {
  const report = await zonesOf(withGatewaysIn("zone-2"));
  const [only, first] = [rowOf(report, "localOnly"), rowOf(report, "localOnlyFirst")];
  expect(only.dropped.connections).toBeGreaterThan(30);
  expect(only.dropped.frames).toBeGreaterThanOrEqual(only.dropped.connections);
  expect(first.dropped).toEqual({ connections: 0, frames: 0 });
  expect(first.connections).toBe(only.connections + only.dropped.connections);
});

test("what a gateway without egress IP drops is dropped, too", async () => {
  const { affinities } = await zonesOf(await withRange("203.0.113.64/31"));
  const all = rowOf(await zonesOf(MODEL), "disabled").connections;
  for (const { connections, dropped } of affinities) {
    expect(dropped.connections).toBeGreaterThan(0);
    expect(connections + dropped.connections).toBe(all);
  }
});

test("fragments that are dropped count as frames of one connection", async () => {
  const pod = "10.1.0.7";
  const datagram = ipv4({ src: pod, dst: REMOTE }, udp({ srcPort: 40_000, dstPort: 5000, payload: patterned(3000) }));
  const pieces = ipv4FragmentsOf(datagram, [1200, 1200]).map((packet, i) => ({ us: i, frame: ethernet(packet) }));
  const model = await dualStack([pod]);
  const report = await withFile(captureOf(pieces), (path) => compareZones({ captures: [path], model }));
  // Nobody has a zone.
  expect(rowOf(report, "localOnly").dropped).toEqual({ connections: 1, frames: 3 });
  expect(rowOf(report, "localOnlyFirst").dropped).toEqual({ connections: 0, frames: 0 });
});

test("each row's bytes are the sum of its shares", async () => {
  for (const row of (await zonesOf(MODEL)).affinities) {
    expect(row.crossZone.bytes + row.sameZone.bytes + row.unknownZone.bytes).toBe(row.bytes);
    expect(row.busiest!.connections).toBeLessThanOrEqual(row.connections);
  }
});

test("where nobody knows the pod's zone, or nobody the gateway's, traffic crosses no zone and stays in none", async () => {
  const whole = rowOf(await zonesOf(MODEL), "disabled");
  const gatewaysUnknown = { ...MODEL, egresses: MODEL.egresses.map((egress) => ({ ...egress, zone: undefined })) };
  const podsUnknown = { ...MODEL, nodes: MODEL.nodes.map((node) => ({ ...node, zone: undefined })) };
  for (const model of [gatewaysUnknown, podsUnknown]) {
    const { unknownZone, crossZone, sameZone } = rowOf(await zonesOf(model), "disabled");
    expect([crossZone, sameZone].map(({ connections }) => connections)).toEqual([0, 0]);
    expect(unknownZone).toEqual({ connections: whole.connections, bytes: whole.bytes });
  }
});
