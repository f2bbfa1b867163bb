import { describe, expect, test } from "vitest";
import type { ScenarioTime } from "../../src/gateway/scenario.js";
import { type DrainReport, drainNode } from "../../src/whatif/drain.js";
import { runLogged } from "../../src/whatif/run.js";
import { healthOf, scenarioOf } from "../../src/whatif/scenarios.js";
import { clusterModel } from "../replay/cluster.js";
import { SECOND } from "../replay/scenarios.js";
import { captureOf, conversation, ENDPOINT, question, type TimedFrame } from "../replay/traffic.js";
import { withFile } from "../support/capture-read.js";

const seconds = (s: number): ScenarioTime => ({ fromStartNs: BigInt(s) * 1_000_000_000n });

function sorted(frames: readonly TimedFrame[]): TimedFrame[] {
  return [...frames].sort((a, b) => a.us - b.us);
}

/** Short questions over 200 seconds: every second a new one. */
const QUESTIONS = Array.from({ length: 200 }, (_, i) => question(i * SECOND, { port: 10_000 + i })).flat();

async function drain(frames: readonly TimedFrame[], at: ScenarioTime, deadline?: ScenarioTime): Promise<DrainReport> {
  const model = await clusterModel({ pods: [ENDPOINT] });
  return withFile(captureOf(frames), (path) =>
    drainNode({ captures: [path], model, node: "gw-a", at, ...(deadline && { deadline }) }),
  );
}

describe("a drained gateway", () => {
  test("takes nothing new and runs dry when the last lifetime has passed", async () => {
    const report = await drain(QUESTIONS, seconds(100));
    expect(report.connectionsAtStart).toBeGreaterThan(10);
    expect(report.openedAfter).toBe(0);
    expect(report.stillLive).toBe(0);
    // UDP lives for 60 s in the default profile, and the last question before the drain was asked within the seconds before.
    expect(report.ranDryAt).toMatch(/^2026-09-21T14:15:(5|[67])/);
    expect(report.left[0]).toBe(report.connectionsAtStart);
    expect(report.left.at(-1)).toBe(0);
    expect([...report.left].sort((a, b) => b - a)).toEqual(report.left);
  });

  test("ran dry when the replay says so, within the millisecond that the engine counts in", async () => {
    const model = await clusterModel({ pods: [ENDPOINT] });
    const at = { fromStartNs: 100_500_000_000n };
    const scenario = scenarioOf("x", healthOf(model), [{ at, node: "gw-a", event: "drain" }]);
    const run = await withFile(captureOf(QUESTIONS), (path) => runLogged({ captures: [path], model, scenario }));
    const [truth] = run.report.drains;
    const ours = await drain(QUESTIONS, at);
    expect(ours.connectionsAtStart).toBe(truth!.connectionsAtStart);
    const apart = Math.abs(Date.parse(truth!.ranDryAt!) - Date.parse(ours.ranDryAt!));
    expect(apart).toBeLessThanOrEqual(1);
  });

  test("that has no connections ran dry when it was drained", async () => {
    const one = (port: number) =>
      drain([...question(0, { port }), ...question(2 * SECOND, { port: 20_000 })], seconds(1));
    const reports = await Promise.all([10_000, 10_001, 10_002, 10_003, 10_004, 10_005].map(one));
    const idle = reports.filter(({ connectionsAtStart }) => connectionsAtStart === 0);
    expect(idle.length).toBeGreaterThan(0);
    for (const { ranDryAt, drainedAt, stillLive } of idle) expect([ranDryAt, stillLive]).toEqual([drainedAt, 0]);
  });

  test("that is not dry by the last frame says when it would be", async () => {
    const report = await drain(QUESTIONS, seconds(180));
    expect(report.ranDryAt).toBeNull();
    expect(report.stillLive).toBeGreaterThan(5);
    expect(Date.parse(report.dryByLifetimes!)).toBeGreaterThan(Date.parse(report.lastFrameAt));
  });

  test("cuts at the deadline what is open, tells closed connections apart, and names what goes on", async () => {
    const downloads = Array.from({ length: 8 }, (_, i) => conversation(99 * SECOND, { port: 42_000 + i })).flat();
    const long = Array.from({ length: 8 }, (_, i) => {
      const frames = conversation(90 * SECOND, { port: 43_000 + i });
      return [...frames.slice(0, 5), { ...frames[3]!, us: 130 * SECOND }];
    }).flat();
    const { deadline } = await drain(sorted([...QUESTIONS, ...downloads, ...long]), seconds(100), seconds(105));
    expect(deadline!.closed).toBeGreaterThan(0);
    expect(deadline!.cutWhileInUse).toBeGreaterThan(0);
    expect(deadline!.cutWhileInUse).toBeLessThanOrEqual(8);
    expect(deadline!.connections).toHaveLength(deadline!.cut);
    const idle = deadline!.connections.map(({ idleSeconds }) => idleSeconds);
    expect(idle).toEqual([...idle].sort((a, b) => a - b));
    const goingOn = deadline!.connections.filter(({ isInUse }) => isInUse);
    expect(goingOn.every(({ fiveTuple, pod }) => fiveTuple.includes(":430") && pod === "default/pod-0")).toBe(true);
    expect(goingOn[0]!.idleSeconds).toBeCloseTo(15, 2);
  });

  test.each([
    [seconds(500), undefined, "--at is 2026-09-21T14:21:40.000000000Z, expected a time from 2026-09-21T14:13:20"],
    [seconds(100), seconds(50), "--deadline lies before --at, expected a time after the drain"],
    [seconds(100), seconds(500), "--deadline is 2026-09-21T14:21:40.000000000Z, expected a time from"],
  ])("is refused at a time that makes no sense", async (at, deadline, message) => {
    await expect(drain(QUESTIONS, at, deadline)).rejects.toThrow(message);
  });

  test("is refused where no policy uses the node", async () => {
    const model = await clusterModel({ pods: [ENDPOINT] });
    const options = { captures: ["pcaps/web/in.pcap"], model, node: "gw-x", at: seconds(1) };
    await expect(drainNode(options)).rejects.toThrow('--node is "gw-x", expected a gateway node: gw-a, gw-b');
  });
});
