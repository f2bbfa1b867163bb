import { describe, expect, test } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import { type DiffReport, diffManifests } from "../../src/whatif/diff.js";
import { type ClusterWords, clusterModel } from "../replay/cluster.js";
import { at, isOutbound, SECOND, talk, talker } from "../replay/scenarios.js";
import { captureOf, conversation, ENDPOINT, ping, question, REMOTE, type TimedFrame } from "../replay/traffic.js";
import { withFile } from "../support/capture-read.js";

const ONE = { pods: [ENDPOINT], gateways: { "gw-a": "203.0.113.10" } } satisfies ClusterWords;

async function diffOf(frames: readonly TimedFrame[], from: ClusterWords, to: ClusterWords): Promise<DiffReport> {
  const [before, after] = [await clusterModel(from), await clusterModel(to)];
  return withFile(captureOf(frames), (path) => diffManifests({ captures: [path], from: before, to: after }));
}

describe("two sets of manifests under the same traffic", () => {
  test("that are equal change nothing", async () => {
    const { connections, changed, cut, groups } = await diffOf([...conversation(0), ...ping(5000)], ONE, ONE);
    expect({ connections, changed, cut, groups }).toEqual({ connections: 2, changed: 0, cut: 0, groups: [] });
  });

  test("another egress IP cuts TCP and rebinds UDP and ICMP, by pod and destination", async () => {
    const frames = [...conversation(0), ...question(3000), ...ping(5000), ...conversation(9000, { port: 40_001 })];
    const report = await diffOf(frames, ONE, { ...ONE, gateways: { "gw-a": "203.0.113.99" } });
    expect(report).toMatchObject({ changed: 4, gatewayChanged: 0, egressIPChanged: 4, verdictChanged: 0 });
    expect(report).toMatchObject({ cut: 2, rebound: 2 });
    expect(report.groups[0]).toEqual({
      pod: "default/pod-0",
      destination: `tcp ${REMOTE}:443`,
      connections: 2,
      cut: 2,
      rebound: 0,
      ways: [{ from: "gw-a 203.0.113.10", to: "gw-a 203.0.113.99", connections: 2, cut: 2, rebound: 0 }],
    });
    expect(report.groups.map(({ destination }) => destination)).toEqual([
      `tcp ${REMOTE}:443`,
      `udp ${REMOTE}:53`,
      `icmp ${REMOTE}`,
    ]);
    expect(report.worst).toEqual({ at: "2026-09-21T14:13:20.000000001Z", cut: 1, rebound: 0 });
  });

  test("one more gateway takes new connections and leaves running ones alone", async () => {
    const frames = Array.from({ length: 40 }, (_, i) => conversation(i * 1000, { port: 41_000 + i })).flat();
    const more = { ...ONE, gateways: { ...ONE.gateways, "gw-b": "203.0.113.20" } };
    const { changed, gatewayChanged, cut } = await diffOf(frames, ONE, more);
    expect(changed).toBeGreaterThan(8);
    expect(changed).toBeLessThan(32);
    expect(gatewayChanged).toBe(changed);
    expect(cut).toBe(0);
  });

  test("one gateway less cuts exactly what it had", async () => {
    const frames = Array.from({ length: 40 }, (_, i) => conversation(i * 1000, { port: 41_000 + i })).flat();
    const two = { ...ONE, gateways: { ...ONE.gateways, "gw-b": "203.0.113.20" } };
    const { changed, cut, groups } = await diffOf(frames, two, ONE);
    expect(cut).toBe(changed);
    expect(groups[0]!.ways.map(({ from, to }) => [from, to])).toEqual([["gw-b 203.0.113.20", "gw-a 203.0.113.10"]]);
  });

  test("a verdict changes where a destination is excluded, or no policy selects the pod, or nobody knows it", async () => {
    const excluded = await diffOf(conversation(0), ONE, { ...ONE, excluded: [`${REMOTE}/32`] });
    expect(excluded).toMatchObject({ changed: 1, verdictChanged: 1, cut: 1 });
    expect(excluded.groups[0]!.ways[0]!.to).toBe("passes (excluded)");
    const idle = await diffOf(conversation(0), { ...ONE, pods: [], idle: [ENDPOINT] }, ONE);
    expect(idle.cutConnections[0]).toMatchObject({
      from: "passes (no-policy)",
      to: "gw-a 203.0.113.10",
      effect: "cut",
    });
    const gone = await diffOf(conversation(0), ONE, { ...ONE, pods: ["10.0.9.9"] });
    expect(gone.groups[0]!.ways[0]!.to).toBe("of no pod");
  });

  test("a gateway that hands its egress IP to another one cuts nothing: the external tuple stays", async () => {
    const { changed, gatewayChanged, cut, rebound } = await diffOf([...conversation(0), ...question(3000)], ONE, {
      ...ONE,
      gateways: { "gw-b": "203.0.113.10" },
    });
    expect({ changed, gatewayChanged, cut, rebound }).toEqual({ changed: 2, gatewayChanged: 2, cut: 0, rebound: 0 });
  });

  test("connections of which one ends with the frame that the other begins with are never alive at once", async () => {
    const first = conversation(0).slice(0, 4);
    const second = conversation(first.at(-1)!.us, { port: 40_001 }).slice(0, 4);
    const report = await diffOf([...first, ...second], ONE, { ...ONE, gateways: { "gw-a": "203.0.113.99" } });
    expect(report.cut).toBe(2);
    expect(report.worst).toMatchObject({ cut: 1, rebound: 0 });
  });

  test("what was dropped before cannot be cut", async () => {
    const none = { ...ONE, gateways: { other: "203.0.113.10" } };
    const report = await diffOf(conversation(0), none, ONE);
    expect(report).toMatchObject({ changed: 1, verdictChanged: 1, cut: 0 });
    expect(report.groups[0]!.ways[0]!.from).toBe("dropped (no-egress-gateway)");
  });

  test("a connection that nobody has answered yet is rebound: it opens elsewhere", async () => {
    const [syn] = conversation(0);
    const again = [syn!, { ...syn!, us: 1_000_000 }];
    const report = await diffOf(again, ONE, { ...ONE, gateways: { "gw-a": "203.0.113.99" } });
    expect(report).toMatchObject({ changed: 1, cut: 0, rebound: 1 });
  });

  test("a connection of one frame has no middle to be cut in", async () => {
    const report = await diffOf(conversation(0).slice(0, 1), ONE, { ...ONE, excluded: [`${REMOTE}/32`] });
    expect(report).toMatchObject({ changed: 1, cut: 0 });
  });
});

describe("a change at a given time", () => {
  const NEXT = ["nodes", "endpoints", "workloads", "cilium-config"].map((name) => `pcaps/manifests/${name}.yaml`);
  const options = {
    captures: ["pcaps/web/in.pcap"],
    from: loadManifests(["pcaps/manifests"]),
    to: loadManifests([...NEXT, "docs/examples/next-policies.yaml"]),
  };

  test("really cuts what the forecast for the worst moment says", async () => {
    const { worst } = await diffManifests(options);
    expect(worst!.cut).toBeGreaterThan(1);
    const at = { absoluteNs: BigInt(Date.parse(worst!.at)) * 1_000_000n + BigInt(worst!.at.slice(23, 29)) };
    const report = await diffManifests({ ...options, at });
    expect(report).toMatchObject({ cut: worst!.cut, rebound: worst!.rebound, at: worst!.at });
    expect(report.worst).toBeUndefined();
  });

  test("changes nothing that ended before, and no more than a change from the start", async () => {
    const [start, late] = [
      await diffManifests(options),
      await diffManifests({ ...options, at: { fromStartNs: 7_500_000_000n } }),
    ];
    expect(late.changed).toBeLessThan(start.changed);
    expect(late.cut).toBe(0);
  });

  test("a connection that is excluded in its middle is cut: it goes on under the pod's own address", async () => {
    const [from, to] = [await clusterModel(ONE), await clusterModel({ ...ONE, excluded: [`${REMOTE}/32`] })];
    const report = await withFile(captureOf(conversation(0)), (path) =>
      diffManifests({ captures: [path], from, to, at: { fromStartNs: 350_000n } }),
    );
    expect(report).toMatchObject({ changed: 1, verdictChanged: 1, cut: 1 });
  });

  test("comes before the frames of its time: it cuts a connection whose last frame is one, not one that begins then", async () => {
    const [from, to] = [await clusterModel(ONE), await clusterModel({ ...ONE, gateways: { "gw-a": "203.0.113.99" } })];
    const frames = conversation(0).slice(0, 5);
    const last = frames.findLastIndex(({ frame }) => isOutbound(frame, [ENDPOINT]));
    const own = frames.slice(0, last + 1);
    const next = conversation(own.at(-1)!.us, { port: 40_001 });
    const report = await withFile(captureOf([...own, ...next]), (path) =>
      diffManifests({ captures: [path], from, to, at: { fromStartNs: BigInt(own.at(-1)!.us) * 1000n } }),
    );
    expect(report).toMatchObject({ changed: 2, cut: 1, cutConnections: [{ effect: "cut", openedAt: at(0) }] });
  });

  test("cuts nothing where another gateway gets the egress IP: the replay shows the same tuple", async () => {
    const [from, to] = [await clusterModel(ONE), await clusterModel({ ...ONE, gateways: { "gw-b": "203.0.113.10" } })];
    const { frames } = talk(talker([ENDPOINT], 0), 0, 6 * SECOND, 100_000);
    const report = await withFile(captureOf(frames), (path) =>
      diffManifests({ captures: [path], from, to, at: { fromStartNs: 3_050_000_000n } }),
    );
    expect(report).toMatchObject({ changed: 1, gatewayChanged: 1, cut: 0, rebound: 0 });
  });

  test("lies within the captures", async () => {
    await expect(diffManifests({ ...options, at: { fromStartNs: 60_000_000_000n } })).rejects.toThrow(
      "--at is 2026-11-23T07:59:44.480001000Z, expected a time from 2026-11-23T07:58:44.480001000Z to",
    );
  });
});
