import { describe, expect, it } from "vitest";
import type { Egress, PolicyModel } from "../../src/config/types.js";
import { parseAddress } from "../../src/net/address.js";
import type { ReplayOptions } from "../../src/replay/options.js";
import { ethernet, icmpMessage, ipv4, ipv6, patterned, udp } from "../support/frames.js";
import { clusterModel } from "./cluster.js";
import { dualStack } from "./dual-stack.js";
import type { ReplayResult } from "./outputs-read.js";
import { replayFrames, SECOND, scenarioOf, talk } from "./scenarios.js";
import { ENDPOINT, inbound, outbound, question, REMOTE, type TimedFrame } from "./traffic.js";

// What random scripts have found, each as the shortest story that shows it.

const TWO = { "gw-a": "203.0.113.1", "gw-b": "203.0.113.2" };

/** Replays in both topologies, which have to come to the same. */
async function both(
  frames: readonly TimedFrame[],
  options: Omit<ReplayOptions, "captures" | "outDir">,
): Promise<ReplayResult> {
  const [single, cluster] = await Promise.all(
    (["single", "cluster"] as const).map((topology) =>
      replayFrames(frames, { connections: 256, topology, ...options }),
    ),
  );
  expect(cluster.external).toEqual(single.external);
  expect(cluster.endpoint).toEqual(single.endpoint);
  for (const { report } of [single, cluster]) expect(report.verification.mismatches).toEqual([]);
  expect(cluster.report.broken).toEqual(single.report.broken);
  expect(cluster.report.rebound).toEqual(single.report.rebound);
  return single;
}

/** The model with gateways that have no egress IP. */
function withoutAddresses(model: PolicyModel): PolicyModel {
  return { ...model, egresses: model.egresses.map((egress) => ({ ...egress, egressIPv4: undefined })) };
}

/** The model with its endpoint as another pod, with the same address, on another node. */
function withHeir(model: PolicyModel, node: string): PolicyModel {
  const endpoints = model.endpoints.map((endpoint) => ({ ...endpoint, uid: `${endpoint.uid}-heir`, node }));
  return { ...model, endpoints };
}

describe("answers to what was dropped", () => {
  it("cannot have come, and open no connection from outside, as whose replies the endpoint's frames would leave untranslated", async () => {
    const model = withoutAddresses(await clusterModel({ pods: [ENDPOINT], gateways: TWO }));
    const frames = [...question(0), ...question(50_000)];
    const { report, endpoint, external } = await both(frames, { model });
    expect(report.reasons).toEqual({ "no-egress-ip": 2, "answer-to-dropped": 2 });
    expect([...endpoint, ...external]).toEqual([]);
  });

  it("do not pass either where the policy has let go of their flow by then", async () => {
    const model = withoutAddresses(await clusterModel({ pods: [ENDPOINT], gateways: TWO }));
    const later = await clusterModel({ pods: [ENDPOINT], gateways: TWO, excluded: [`${REMOTE}/32`] });
    const { report } = await both(question(0), { model, ...scenarioOf([[0.0005, later]]) });
    expect(report.reasonActions).toEqual({ "no-egress-ip": { drop: 1 }, "answer-to-dropped": { skipped: 1 } });
  });
});

describe("a connection that nobody could carry for a while", () => {
  it("is listed when it goes on elsewhere", async () => {
    const model = await clusterModel({ pods: [ENDPOINT], gateways: TWO });
    const { frames } = talk({ endpoint: ENDPOINT, port: 40_000, remote: REMOTE }, 0, 12 * SECOND, 200_000);
    const before = await replayFrames(frames, { model });
    const [first, second] = before.external[0].interfaceName === "gw-a" ? ["gw-a", "gw-b"] : ["gw-b", "gw-a"];
    const outages = scenarioOf([
      [2.05, "gw-a", "node-down"],
      [2.05, "gw-b", "node-down"],
      [7.05, second, "node-up"],
    ]);
    const { report } = await both(frames, { model, ...outages });
    expect(report.reasons["no-egress-gateway"]).toBeGreaterThan(5);
    expect(report.broken).toMatchObject([{ from: { node: first }, to: { node: second }, cause: "failover" }]);
  });
});

describe("an address that has another owner", () => {
  const opening = [
    { us: 0, frame: inbound("SYN", { port: 8080, remotePort: 40_000 }) },
    { us: 100, frame: outbound("SYN ACK", { port: 8080, remotePort: 40_000 }) },
  ];

  it("leaves to it nothing of the connections that others had opened", async () => {
    const base = await clusterModel({ pods: [ENDPOINT], gateways: TWO, worker: "worker" });
    const later = withHeir(base, "gw-a");
    const mid = { us: 2 * SECOND, frame: outbound("PSH ACK", { port: 8080, remotePort: 40_000 }) };
    const { report } = await both([...opening, mid], { model: base, ...scenarioOf([[1, later]]) });
    expect(report.frames.snat).toBe(1);
  });

  it("nor of their errors", async () => {
    const model = await clusterModel({ pods: [ENDPOINT], gateways: TWO, worker: "worker" });
    const [asked, answered] = question(0);
    const quoted = answered.frame.subarray(14, 14 + 28);
    const message = icmpMessage({ type: 3, code: 3, inner: quoted });
    const error = { us: 2 * SECOND, frame: ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, message)) };
    const { report } = await both([asked, answered, error], {
      model,
      ...scenarioOf([[1, withHeir(model, "gw-a")]]),
    });
    expect(report.reasons).toMatchObject({ "icmp-error-unmatched": 1 });
  });

  it("is served by a gateway on whose node it was before", async () => {
    const base = await clusterModel({ pods: [ENDPOINT], gateways: { "gw-a": "203.0.113.1" }, worker: "worker" });
    const model = { ...base, endpoints: base.endpoints.map((endpoint) => ({ ...endpoint, node: "gw-a" })) };
    const mid = { us: 2 * SECOND, frame: outbound("SYN", { port: 8080, remotePort: 40_000 }) };
    const { report } = await both([...opening, mid], { model, ...scenarioOf([[1, withHeir(base, "worker")]]) });
    expect(report.frames.snat).toBe(1);
  });
});

describe("an egress IP that goes to another gateway", () => {
  it("takes no mappings along, its ports are free there, and a node that answers again is not lost to it", async () => {
    const base = await clusterModel({
      pods: [ENDPOINT, "10.0.1.8"],
      gateways: TWO,
      snatPorts: { low: 50_000, high: 50_000 },
    });
    const shared = parseAddress("203.0.113.200")!;
    const egresses = base.egresses.map(({ egressIPv4: _, ...egress }, i) =>
      i === 0 ? { ...egress, egressIPv4: shared } : { ...egress, egressIPv4: undefined, claimsIPv4: shared },
    );
    const model: PolicyModel = { ...base, egresses };
    const ask = (us: number, endpoint: string, port: number): TimedFrame => ({
      us,
      frame: ethernet(
        ipv4({ src: endpoint, dst: REMOTE, id: us }, udp({ srcPort: port, dstPort: 53, payload: patterned(9) })),
      ),
    });
    const ports = Array.from({ length: 12 }, (_, n) => 4000 + n);
    const frames = [0, 4, 8, 12].flatMap((second, turn) =>
      ports.map((port, n) =>
        ask(second * SECOND + n * 1000, turn % 2 === 0 ? ENDPOINT : "10.0.1.8", port + turn * 100),
      ),
    );
    const { report } = await both(frames, {
      model,
      ...scenarioOf([
        [1, "gw-a", "node-down"],
        [6, "gw-a", "node-up"],
      ]),
    });
    expect(new Set(report.gateways.filter(({ frames: sent }) => sent > 0).map(({ node }) => node)).size).toBe(2);
  });
});

describe("an IPv4 address that goes to another gateway", () => {
  it("takes the IPv6 address of its former one not along: replies find their mapping", async () => {
    const base = await dualStack(["fd00:1::7"]);
    const [a, b] = base.egresses as [Egress, Egress];
    const egresses = [
      { ...a, egressIPv4: undefined },
      { ...b, egressIPv4: a.egressIPv4 },
    ];
    const ports = Array.from({ length: 8 }, (_, n) => 40_000 + n);
    const far = "2001:db8:99::9";
    const ask = (port: number) =>
      ethernet(ipv6({ src: "fd00:1::7", dst: far }, udp({ srcPort: port, dstPort: 53, payload: patterned(9) })));
    const tell = (port: number) =>
      ethernet(ipv6({ src: far, dst: "fd00:1::7" }, udp({ srcPort: 53, dstPort: port, payload: patterned(9) })));
    const frames = ports.flatMap((port, n) => [
      { us: n * 1000, frame: ask(port) },
      { us: 2 * SECOND + n * 1000, frame: tell(port) },
    ]);
    const inOrder = frames.sort((x, y) => x.us - y.us);
    const { report } = await both(inOrder, { model: base, ...scenarioOf([[1, { ...base, egresses }]]) });
    expect(report.frames).toMatchObject({ snat: 8, reverse: 8 });
    expect(report.gateways.filter(({ replies }) => replies > 0).length).toBeGreaterThan(1);
  });
});
