import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ReplayOptions } from "../../src/replay/options.js";
import { replay } from "../../src/replay/replay.js";
import { withFolder } from "../support/capture-read.js";
import { clusterModel } from "./cluster.js";
import { type OutputFrame, replayAndRead } from "./outputs-read.js";
import { FOUR, lasting, PODS, SECOND, scenarioOf, talk, talker, together } from "./scenarios.js";
import { captureOf, question } from "./traffic.js";

/** Everything at once: an outage, a flap, a drain, a node with pods, other manifests that need a while. */
async function play(): Promise<Required<Pick<ReplayOptions, "model" | "scenario" | "laterModels">>> {
  const model = await clusterModel({ pods: PODS, gateways: FOUR, worker: "worker" });
  const later = await clusterModel({
    pods: [...PODS, "10.0.1.10"],
    gateways: { "gw-a": FOUR["gw-a"], "gw-b": "203.0.113.22", "gw-d": FOUR["gw-d"] },
    worker: "worker",
    excluded: ["198.51.100.7/32"],
  });
  const script = scenarioOf(
    [
      [1, "gw-c", "drain"],
      [3.2, "gw-a", "node-down"],
      [4.1, "gw-b", "node-down"],
      [4.4, "gw-b", "node-up"],
      [5.5, "worker", "node-down"],
      [6.0, "worker", "node-up"],
      [6.5, "gw-a", "node-up"],
      [7.2, later],
    ],
    { propagationMs: 700 },
  );
  return { model, ...script };
}

function traffic() {
  const talks = Array.from({ length: 40 }, (_, n) => talk(talker(PODS, n), n * 31_000, 10 * SECOND, 170_000));
  const late = talk(talker(["10.0.1.10"], 90), 7.4 * SECOND, 10 * SECOND, 90_000);
  const questions = Array.from({ length: 60 }, (_, n) =>
    question(n * 160_000, { endpoint: PODS[n % 3]!, port: 5000 + (n % 12) }),
  );
  return [...together([...talks, late]), ...questions.flat()].sort((a, b) => a.us - b.us);
}

describe("a replay with a scenario", () => {
  const frames = traffic();

  const inFolder = (use: (folder: string, base: Omit<ReplayOptions, "outDir">) => Promise<void>) =>
    withFolder(async (folder) => {
      const capture = join(folder, "in.pcap");
      writeFileSync(capture, captureOf(frames));
      await use(folder, { captures: [capture], ...(await play()), connections: 4096 });
    });

  it("is verified, does everything that the script says, and does not depend on the batch size", () =>
    inFolder(async (_, base) => {
      const one = await replayAndRead({ ...base, batchSize: 1 });
      expect(one.report.verification.mismatches).toEqual([]);
      const { read, pass, snat, reverse, drop, lost, skipped } = one.report.frames;
      expect(pass + snat + reverse + drop + lost + skipped).toBe(read);
      expect(one.report.reasons).toMatchObject({
        "gateway-down": expect.any(Number),
        "node-down": expect.any(Number),
        "not-yet-programmed": expect.any(Number),
        excluded: expect.any(Number),
        "after-break": expect.any(Number),
      });
      const causes = new Set([...one.report.broken, ...one.report.rebound].map(({ cause }) => cause));
      expect([...causes].sort()).toEqual(["failover", "policy-change"]);
      for (const batchSize of [7, 256]) {
        const other = await replayAndRead({ ...base, batchSize });
        expect(other.files.external.equals(one.files.external)).toBe(true);
        expect(other.files.endpoint.equals(one.files.endpoint)).toBe(true);
        expect(lasting(other.report)).toEqual(lasting(one.report));
      }
    }));

  it("does not depend on where it is cut, saved and taken up again", () =>
    inFolder(async (folder, base) => {
      const whole = await replayAndRead(base);
      const frameAt = (seconds: number) => frames.findIndex(({ us }) => us >= seconds * SECOND);
      const cuts = [
        0,
        1,
        frameAt(1),
        frameAt(3.2),
        frameAt(4.2),
        frameAt(5),
        frameAt(5) + 1,
        frameAt(5.7),
        frameAt(7.5),
        frameAt(9),
      ];
      for (const [i, cut] of cuts.entries()) {
        const saveState = join(folder, `state-${cut}`);
        const [before, after] = [[1, 64, 7][i % 3]!, [256, 1, 33][i % 3]!];
        const head = await replayAndRead({ ...base, toFrame: cut, saveState, batchSize: before });
        const tail = await replayAndRead({ ...base, fromFrame: cut + 1, loadState: saveState, batchSize: after });
        expect(tail.report.verification.mismatches).toEqual([]);
        expect([...head.external, ...tail.external]).toEqual(whole.external);
        expect([...head.endpoint, ...tail.endpoint]).toEqual(whole.endpoint);
        expect(result(tail.report)).toEqual(result(whole.report));
      }
    }));

  it("does not depend on how often it is cut", () =>
    inFolder(async (folder, base) => {
      const whole = await replayAndRead({ ...base, verify: false });
      const external: OutputFrame[] = [];
      const step = Math.ceil(frames.length / 9);
      let last = whole.report;
      for (let first = 1, i = 0; first <= frames.length; first += step, i++) {
        const load = i === 0 ? {} : { loadState: join(folder, `state-${i - 1}`) };
        const range = { fromFrame: first, toFrame: first + step - 1, saveState: join(folder, `state-${i}`) };
        const part = await replayAndRead({ ...base, ...range, ...load, verify: false });
        external.push(...part.external);
        last = part.report;
      }
      expect(external).toEqual(whole.external);
      expect(result(last)).toEqual(result(whole.report));
    }));

  it("goes on in the next capture: the scenario counts from the first frame of the first one", () =>
    inFolder(async (folder, base) => {
      const cut = frames.findIndex(({ us }) => us >= 4.2 * SECOND);
      const [first, second] = ["first.pcap", "second.pcap"].map((name) => join(folder, name));
      writeFileSync(first!, captureOf(frames.slice(0, cut)));
      writeFileSync(second!, captureOf(frames.slice(cut)));
      const whole = await replayAndRead(base);
      const saveState = join(folder, "state");
      await replayAndRead({ ...base, captures: [first!], saveState });
      const tail = await replayAndRead({ ...base, captures: [second!], loadState: saveState });
      expect(result(tail.report)).toEqual(result(whole.report));
    }));

  it("refuses a state that was saved under another scenario, or without one", () =>
    inFolder(async (folder, base) => {
      const saveState = join(folder, "state");
      await replay({ ...base, toFrame: 100, saveState });
      const other = scenarioOf([[3, "gw-a", "node-down"]]);
      const { scenario: _, laterModels: __, ...without } = base;
      await expect(replay({ ...without, ...other, fromFrame: 101, loadState: saveState })).rejects.toThrow(
        /was saved with another scenario, expected the same one as now/,
      );
      await expect(replay({ ...without, fromFrame: 101, loadState: saveState })).rejects.toThrow(
        /with another scenario/,
      );
      await replay({ ...without, toFrame: 100, saveState });
      await expect(replay({ ...base, fromFrame: 101, loadState: saveState })).rejects.toThrow(
        /was saved without a scenario/,
      );
    }));
});

/** What of a report must not depend on how a replay was cut. */
function result(report: Awaited<ReturnType<typeof replay>>) {
  const { frames, reasons, reasonActions, connections, gateways, broken, rebound, observations } = report;
  const { failovers, drains, healthTransitions, timeline, scenario } = report;
  return {
    ...{ frames, reasons, reasonActions, connections, gateways, broken, rebound, observations },
    ...{ failovers, drains, healthTransitions, timeline, scenario },
  };
}
