import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import type { NatProfile, PolicyModel } from "../../src/config/types.js";
import { fiveTupleName, podName } from "../../src/whatif/names.js";
import { type LoggedRun, runLogged } from "../../src/whatif/run.js";
import { sluicegate } from "../cli/fake-console.js";
import { clusterModel } from "../replay/cluster.js";
import { SECOND } from "../replay/scenarios.js";
import {
  captureOf,
  conversation,
  ENDPOINT,
  outbound,
  ping,
  question,
  REMOTE,
  type TimedFrame,
} from "../replay/traffic.js";
import { withFile, withFolder } from "../support/capture-read.js";

async function logOf(frames: readonly TimedFrame[], given?: PolicyModel): Promise<LoggedRun> {
  const model = given ?? (await clusterModel({ pods: [ENDPOINT], worker: "worker" }));
  return withFile(captureOf(frames), (path) => runLogged({ captures: [path], model }));
}

describe("the log of a replay's connections", () => {
  test("tells who talked to whom, how much, and by which gateway", async () => {
    const { log, report } = await logOf([...conversation(1000), ...question(9000), ...ping(20_000)]);
    expect(log.connections.map(fiveTupleName)).toEqual([
      `tcp ${ENDPOINT}:40000 -> ${REMOTE}:443`,
      `udp ${ENDPOINT}:5353 -> ${REMOTE}:53`,
      `icmp ${ENDPOINT} -> ${REMOTE} id 77`,
    ]);
    const [tcp] = log.connections;
    expect(tcp).toMatchObject({
      firstFrame: 1,
      firstNs: 0,
      lastNs: 800_000,
      framesOut: 5,
      framesIn: 4,
      outcome: "snat",
      natPort: 40_000,
      isOutbound: true,
      moved: 0,
    });
    expect(podName(tcp!)).toBe("default/pod-0");
    expect(report.gateways[tcp!.egress]!.connections).toBeGreaterThan(0);
  });

  test("knows what passed and what was dropped, and why", async () => {
    const model = await clusterModel({ pods: [ENDPOINT], excluded: ["198.51.100.9/32"] });
    const truncated = { us: 500, frame: outbound("SYN", { port: 5 }).subarray(0, 36), wire: 36 };
    const { log } = await logOf([...conversation(0, { remote: "198.51.100.9" }), truncated], model);
    expect(log.connections).toHaveLength(1);
    expect(log.connections[0]).toMatchObject({ outcome: "pass", reason: "excluded", egress: -1, natPort: 0 });
  });

  test("takes a five-tuple that comes back after its end for another connection", async () => {
    const again = [...conversation(0), ...conversation(20 * SECOND)];
    const { log, report } = await logOf(again);
    expect(log.connections.map(({ firstFrame }) => firstFrame)).toEqual([1, 10]);
    expect(report.connections.opened).toBe(2);
  });

  test("keeps what was alive at the time of a snapshot, with its newest frame by then", async () => {
    const frames = [...conversation(0), ...question(SECOND), ...question(60 * SECOND, { port: 6000 })];
    const model = await clusterModel({ pods: [ENDPOINT] });
    const rows = await withFile(captureOf(frames), async (path) => {
      const snapshotAt = { fromStartNs: 15_000_000_000n };
      return (await runLogged({ captures: [path], model, snapshotAt })).log.snapshot();
    });
    expect(rows.map(({ connection }) => connection.protocol)).toEqual([17]);
    expect(rows[0]!.lastNs).toBe(1_000_900_000);
  });

  test.each(["cilium", "rfc"] as const)(
    "counts opened and live connections as the engine does (%s)",
    async (profile) => {
      const { log, report } = await generated(profile);
      const translated = log.connections.filter(({ outcome }) => outcome === "snat");
      expect(report.connections.expired + report.connections.closed).toBeGreaterThan(500);
      expect(translated).toHaveLength(report.connections.opened);
      expect(translated.filter(({ expiresNs }) => expiresNs > log.clockNs)).toHaveLength(report.connections.live);
      expect(sum(translated.map(({ framesIn }) => framesIn))).toBe(report.frames.reverse);
    },
  );

  test("sees the inner frames of an overlay", async () => {
    const model = loadManifests(["pcaps/manifests"]);
    const { log, report } = await runLogged({ captures: ["pcaps/overlay/in.pcap"], model });
    expect(report.connections.opened).toBeGreaterThan(10);
    expect(log.connections.filter(({ outcome }) => outcome === "snat")).toHaveLength(report.connections.opened);
    expect(log.connections.every(({ owner }) => owner !== undefined)).toBe(true);
  });
});

function generated(profile: NatProfile): Promise<LoggedRun> {
  return withFolder(async (folder) => {
    const kinds = ["--share", "ipv6=0", "--share", "error=0"];
    await sluicegate("generate", "-o", folder, "--packets", "20000", "--rate", "15", ...kinds);
    const model = loadManifests([join(folder, "manifests.yaml")], { settings: { natProfile: profile } });
    return runLogged({ captures: [join(folder, "capture.pcap")], model });
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
