import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadManifestTexts } from "../../src/config/load.js";
import { disagreements } from "../../src/demo/agreement.js";
import { DemoCaptures } from "../../src/demo/capture.js";
import { demoManifests, demoScenario } from "../../src/demo/cluster.js";
import { completeDemoOptions, type DemoOptions } from "../../src/demo/options.js";
import type { DemoReport } from "../../src/demo/report-types.js";
import { simulateDemo } from "../../src/demo/simulate.js";
import { readScenarioText } from "../../src/gateway/scenario.js";
import { replay } from "../../src/replay/replay.js";
import type { ReplayReport } from "../../src/replay/report-types.js";
import { readOutput } from "../replay/outputs-read.js";
import { withFolder } from "../support/capture-read.js";

interface Both {
  readonly demo: DemoReport;
  readonly replayed: ReplayReport;
  /** What left for the server: of the demonstration, and of the replay. Sorted, since the ways are of different lengths. */
  readonly left: readonly [string[], string[]];
}

function demoAndReplay(given: Partial<DemoOptions>): Promise<Both> {
  return withFolder(async (folder) => {
    const options = completeDemoOptions(given);
    const [pod, server] = [join(folder, "demo.pcapng"), join(folder, "external.pcapng")];
    const captures = new DemoCaptures(pod, server);
    const demo = await simulateDemo(options, captures.taps);
    captures.close();
    const replayed = await replay({
      captures: [pod],
      model: loadManifestTexts(new Map([["manifests.yaml", demoManifests()]])),
      scenario: readScenarioText(demoScenario(options), "scenario.yaml"),
      seed: options.seed,
      outDir: join(folder, "out"),
    });
    return { demo, replayed, left: [requestsIn(server), requestsIn(join(folder, "out", "external.pcapng"))] };
  });
}

/** Frames for the server with their gateways; what an answer says begins with the address. */
function requestsIn(file: string): string[] {
  return readOutput(readFileSync(file))
    .filter(({ bytes }) => !/\d request /.test(bytes.toString("latin1")))
    .map(({ interfaceName, bytes }) => `${interfaceName} ${bytes.toString("hex")}`)
    .sort();
}

const SHORT = { durationMs: 30_000, atMs: 10_000, downForMs: 8000 };

describe("a replay of what the monitor saw, with the scenario that is written beside it", () => {
  test.each<[string, Partial<DemoOptions>]>([
    ["by default", {}],
    ["under seed 2", { ...SHORT, seed: 2 }],
    ["with another gateway", { ...SHORT, kill: "gateway-a" }],
    ["at 200 requests a second", { ...SHORT, requestsPerSecond: 200 }],
    ["with a failure too short to be noticed", { ...SHORT, downForMs: 400 }],
    ["with a failure that never ends", { ...SHORT, downForMs: 60_000 }],
  ])("gives the same gateways, losses and bytes %s", async (_, options) => {
    const { demo, replayed, left } = await demoAndReplay(options);
    expect(disagreements(demo, replayed)).toEqual([]);
    expect(replayed.frames.read).toBe(demo.requests.sent + demo.requests.answered);
    expect(replayed.frames.lost).toBeGreaterThan(0);
    expect(replayed.verification.ok).toBe(true);
    expect(left[0]).toEqual(left[1]);
  });

  test("finds the failure when the demonstration found it", async () => {
    const { demo, replayed } = await demoAndReplay(SHORT);
    const at = (ms: number) => new Date(Date.parse("2024-01-01T10:00:00Z") + ms).toISOString().slice(0, 23);
    expect(replayed.failovers).toHaveLength(1);
    expect(replayed.failovers[0]).toMatchObject({ node: "gateway-d", lostFrames: replayed.frames.lost });
    expect(replayed.failovers[0]!.at.slice(0, 23)).toBe(at(demo.outage.atMs));
    expect(replayed.failovers[0]!.detectedAt.slice(0, 23)).toBe(at(Math.floor(demo.outage.detectedAtMs!)));
  });

  test("under another seed does not agree", async () => {
    const [{ demo }, { replayed }] = [await demoAndReplay(SHORT), await demoAndReplay({ ...SHORT, seed: 2 })];
    expect(disagreements(demo, replayed)).toContainEqual(expect.stringMatching(/^gateway-a: requests: \d+ in the/));
  });
});

describe("disagreements", () => {
  test("names what differs", async () => {
    const { demo, replayed } = await demoAndReplay(SHORT);
    const changed = structuredClone(replayed);
    changed.frames.lost++;
    changed.gateways[2]!.replies--;
    changed.verification.ok = false;
    changed.verification.mismatchCount = 3;
    const { lostRequests } = demo.outage;
    const { answered } = demo.gateways[2]!;
    expect(disagreements(demo, changed)).toEqual([
      `gateway-c: answers: ${answered} in the demonstration, ${answered - 1} in the replay of its capture`,
      `lost frames: ${lostRequests} in the demonstration, ${lostRequests + 1} in the replay of its capture`,
      "verification: 3 mismatches in the replay",
    ]);
  });
});

test("two runs write the same captures, byte for byte", async () => {
  const write = () =>
    withFolder(async (folder) => {
      const captures = new DemoCaptures(join(folder, "a"), join(folder, "b"));
      await simulateDemo(SHORT, captures.taps);
      captures.close();
      return ["a", "b"].map((name) => readFileSync(join(folder, name)));
    });
  const [one, two] = [await write(), await write()];
  expect(one[0]!.equals(two[0]!)).toBe(true);
  expect(one[1]!.equals(two[1]!)).toBe(true);
  expect(one[0]!.length).toBeGreaterThan(100_000);
});
