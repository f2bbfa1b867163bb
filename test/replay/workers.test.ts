import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PcapWriter } from "../../src/capture/write.js";
import { loadManifests } from "../../src/config/load.js";
import { readScenario } from "../../src/gateway/scenario.js";
import { generateCapture } from "../../src/generate/generate.js";
import { generateManifests } from "../../src/generate/manifests.js";
import { explainFrame } from "../../src/replay/explain.js";
import type { ReplayOptions } from "../../src/replay/options.js";
import { replay } from "../../src/replay/replay.js";
import { withFile, withFolder } from "../support/capture-read.js";
import { clusterModel } from "./cluster.js";
import { type EventWords, SECOND, scenarioOf } from "./scenarios.js";
import { captureOf, conversation, ENDPOINT, outbound } from "./traffic.js";
import { builtReplay, compareWorkers } from "./worker-runs.js";

const model = loadManifests(["pcaps/manifests"]);
const scenario = readScenario("pcaps/scenarios/gw-a-dies.yaml", { nodes: model.nodes });
const RECORDED = [
  ["web/in.pcap"],
  ["offload/in.pcapng"],
  ["any/in.pcap.gz"],
  ["overlay/in.pcap"],
  ["icmp/in.pcap"],
  ["snat/inside.pcap"],
  ["records/flows.jsonl.gz"],
  ["web/in.pcap", "offload/in.pcapng", "any/in.pcap.gz"],
].map((names) => names.map((name) => `pcaps/${name}`));

describe("recorded captures give the same for one, two, three and four workers", () => {
  it.each(RECORDED.map((captures) => ({ captures })))("$captures", async ({ captures }) => {
    const { one, found } = await compareWorkers({ captures, model, allowNoMatch: true });
    expect(found).toEqual([]);
    expect(one.report.frames.snat).toBeGreaterThan(0);
    const cluster = await compareWorkers({ captures, model, topology: "cluster", natProfile: "rfc" }, [2]);
    expect(cluster.found).toEqual([]);
    expect(cluster.one.files.has("overlay.pcapng")).toBe(true);
  });

  it.each([
    { topology: "cluster", scenario },
    { natProfile: "rfc", scenario },
    { filter: "tcp or icmp" },
    { fromFrame: 20, toFrame: 700 },
    { fromFrame: 300, scenario, topology: "cluster" },
    { verify: false, batchSize: 7 },
    { viewpoint: "network", decapsulate: false },
    // So few that tables are looked through again and again, and still not too few.
    { connections: 1000, batchSize: 1 },
  ] as const satisfies Partial<ReplayOptions>[])("of all kinds of traffic, with %o", async (more) => {
    const options = { captures: ["pcaps/web/in.pcap"], model, ...more, allowNoMatch: true };
    const { found } = await compareWorkers(options, [3]);
    expect(found).toEqual([]);
  });
});

/** Ten thousand frames of all kinds: several pieces of a capture. */
const GENERATED = {
  packets: 12_000,
  flows: 900,
  endpoints: 60,
  remotes: 400,
  fragmentShare: 0.1,
  errorShare: 0.1,
  sctpShare: 0.1,
};

function generated(seed: number, more: Partial<ReplayOptions> & { fails?: readonly string[] }): Promise<string[]> {
  return withFolder(async (folder) => {
    const options = { ...GENERATED, seed };
    const [capture, manifests] = [join(folder, "in.pcap"), join(folder, "cluster.yaml")];
    const writer = new PcapWriter(capture, 1);
    generateCapture(options, writer);
    writer.close();
    writeFileSync(manifests, generateManifests(options));
    const { fails = [], ...rest } = more;
    const cluster = loadManifests([manifests]);
    const events = fails.flatMap((node, i): EventWords[] => [
      [0.2 + i * 0.1, node, "node-down"],
      [0.6 + i * 0.1, node, "node-up"],
    ]);
    const played = events.length === 0 ? {} : scenarioOf(events, { health: { probeIntervalMs: 50, timeoutMs: 50 } });
    const { one, found } = await compareWorkers({ captures: [capture], model: cluster, ...played, ...rest }, [2, 4]);
    expect(one.report.frames.snat).toBeGreaterThan(1000);
    expect(one.report.failovers.length).toBe(fails.length);
    return found;
  });
}

describe("generated captures of all kinds of traffic give the same for any number of workers", () => {
  it.each(["cilium", "rfc"] as const)("profile %s", async (natProfile) => {
    expect(await generated(1, { natProfile })).toEqual([]);
  });

  it.each(["single", "cluster"] as const)("while gateways fail and come back, topology %s", async (topology) => {
    expect(await generated(2, { topology, natProfile: "rfc", fails: ["gateway-1", "gateway-2"] })).toEqual([]);
  });
});

describe("what several workers cannot do together", () => {
  const base = { captures: ["pcaps/icmp/in.pcap"], model, workers: 2 };

  it.each([
    [{ saveState: "state" }, /--workers with --save-state: each worker has tables of its own/],
    [{ loadState: "state" }, /--workers with --load-state: each worker has tables of its own/],
    [{ icmpErrors: true }, /--workers with --icmp-errors: how many errors a node sends is limited over all remotes/],
    [{ observers: [{}] }, /--workers with observers/],
    [{ workers: 0 }, /workers is 0, expected an integer from 1 to 256/],
  ] as const)("is refused: %o", async (more, message) => {
    await expect(replay({ ...base, ...more })).rejects.toThrow(message);
  });

  it("is refused where one frame is to be explained", async () => {
    await expect(explainFrame(base, 1)).rejects.toThrow(/--workers: one machine is looked at/);
  });
});

describe("what goes wrong is what goes wrong with one worker", () => {
  const messageOf = async (options: ReplayOptions) => {
    const run = await builtReplay();
    return run(options).then(
      () => "nothing",
      (error: Error) => `${error.name}: ${error.message}`,
    );
  };

  async function bothSay(options: Omit<ReplayOptions, "workers">): Promise<string> {
    const [one, two] = [await messageOf(options), await messageOf({ ...options, workers: 2 })];
    expect(two).toBe(one);
    return one;
  }

  it("with a damaged capture: everything before the damage is replayed", () =>
    withFolder(async (folder) => {
      const capture = join(folder, "in.pcap");
      const frames = captureOf(conversation(0));
      writeFileSync(capture, Buffer.concat([frames, Buffer.alloc(40, 0xff)]));
      const cluster = await clusterModel({ pods: [ENDPOINT] });
      expect(await bothSay({ captures: [capture], model: cluster })).toMatch(/^DamagedCaptureError: .*in\.pcap: byte/);
    }));

  it("with captures of another cluster: the busiest sources are named", () =>
    withFile(captureOf(conversation(0)), async (capture) => {
      const cluster = await clusterModel({ pods: ["10.9.9.9"] });
      expect(await bothSay({ captures: [capture], model: cluster })).toMatch(/^NoMatchError: none of/);
    }));

  it("with a file that cannot be written", () =>
    withFolder(async (folder) => {
      const file = join(folder, "file");
      writeFileSync(file, "");
      const cluster = await clusterModel({ pods: [ENDPOINT] });
      const capture = join(folder, "in.pcap");
      writeFileSync(capture, captureOf([{ us: SECOND, frame: outbound("SYN") }]));
      expect(await bothSay({ captures: [capture], model: cluster, outDir: file })).toMatch(/^OutputError: .*file/);
    }));

  it("with an engine that is none", () =>
    withFolder(async (folder) => {
      const engineWasm = join(folder, "engine.wasm");
      writeFileSync(engineWasm, "no WebAssembly");
      const said = await bothSay({ captures: ["pcaps/icmp/in.pcap"], model, engineWasm });
      expect(said).toMatch(/^EngineError: .*engine\.wasm/);
    }));
});
