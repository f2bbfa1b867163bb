import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadManifests } from "../../src/config/load.js";
import type { Timeouts } from "../../src/config/types.js";
import { initiallyDown } from "../../src/gateway/initial.js";
import { readScenario } from "../../src/gateway/scenario.js";
import type { ReplayOptions } from "../../src/replay/options.js";
import { pcap } from "../support/capture-bytes.js";
import { rollCluster } from "./cluster.js";
import { Dice } from "./dice.js";
import { isDualStack, usesTwins } from "./dual-stack.js";
import type { FuzzFrame } from "./flows.js";
import { inPieces } from "./pieces.js";
import { rollScript, type Script } from "./script.js";
import { rollTraffic } from "./traffic.js";
import { manifestsOf, START_SECONDS } from "./words.js";

/** Everything that a trial is made of: a pure function of its seed. */
export interface FuzzCase {
  readonly seed: number;
  readonly script: Script;
  readonly frames: readonly FuzzFrame[];
  readonly natProfile: "cilium" | "rfc";
  readonly balance: "rendezvous" | "random";
  readonly snatPorts?: { readonly low: number; readonly high: number };
  readonly timeouts: Timeouts;
}

/** Lifetimes that captures of a minute outlive. */
const SHORT: Timeouts = {
  tcpOpening: 4000,
  tcpEstablished: 15_000,
  tcpClosing: 1500,
  udp: 5000,
  icmp: 3000,
  other: 5000,
};
const LONG: Timeouts = {
  tcpOpening: 60_000,
  tcpEstablished: 8_000_000,
  tcpClosing: 10_000,
  udp: 60_000,
  icmp: 60_000,
  other: 60_000,
};

/** The trial of a seed. */
export function rollCase(seed: number): FuzzCase {
  const dice = new Dice(seed);
  const start = rollCluster(dice);
  const script = rollScript(dice, start, dice.int(5, 40) * 1000);
  return {
    seed,
    script,
    frames: inPieces(
      seed,
      rollTraffic(dice, script.clusters, (flow) => usesTwins(seed, flow)),
    ),
    natProfile: dice.chance(80) ? "cilium" : "rfc",
    balance: dice.chance(80) ? "rendezvous" : "random",
    ...(dice.chance(25) && { snatPorts: { low: 50_000, high: 50_000 + dice.pick([0, 2, 7]) } }),
    timeouts: dice.chance(65) ? SHORT : LONG,
  };
}

/** Writes the files of a trial into an empty folder. @returns what `replay` takes of them */
export function writeCase(fuzz: FuzzCase, folder: string): Omit<ReplayOptions, "outDir" | "topology"> {
  const { script, frames, natProfile, balance, snatPorts, timeouts, seed } = fuzz;
  const folders = script.clusters.map((words, number) => {
    const path = join(folder, `manifests-${number}`);
    mkdirSync(path);
    writeFileSync(join(path, "all.json"), manifestsOf(words, isDualStack(seed)));
    return path;
  });
  const capture = join(folder, "capture.pcap");
  writeFileSync(capture, captureOf(frames));
  const scenarioFile = join(folder, "scenario.json");
  writeFileSync(scenarioFile, scenarioText(script));
  const settings = { natProfile, timeouts, ...(snatPorts && { snatPorts }) };
  const [model, ...laterModels] = folders.map((path) => loadManifests([path], { settings }));
  const scenario = readScenario(scenarioFile, {
    nodes: model.nodes,
    laterNodes: () => laterModels.flatMap(({ nodes }) => nodes.map(({ name }) => name)),
    initialDown: initiallyDown(model),
  });
  const tables = { connections: 256, viewpoint: "endpoint", allowNoMatch: true } as const;
  return { captures: [capture], model, laterModels, scenario, balance, seed: seed % 1000, ...tables };
}

function captureOf(frames: readonly FuzzFrame[]): Buffer {
  const records = frames.map(({ us, bytes }) => ({
    seconds: START_SECONDS + Math.floor(us / 1e6),
    fraction: us % 1e6,
    frame: bytes,
  }));
  return pcap(records, { linkType: 1 });
}

function scenarioText({ events, health, propagationMs }: Script): string {
  const { probeIntervalMs, timeoutMs, phaseMs, failback } = health;
  const spec = {
    health: {
      probeInterval: `${probeIntervalMs}ms`,
      timeout: `${timeoutMs}ms`,
      ...(phaseMs !== undefined && { phase: `${phaseMs}ms` }),
      failback,
    },
    propagation: `${propagationMs}ms`,
    events: events.map(({ atMs, ...event }) => ({
      at: `${atMs}ms`,
      ...("manifests" in event ? { manifests: `manifests-${event.manifests}` } : event),
    })),
  };
  const metadata = { name: "fuzz" };
  return JSON.stringify({ apiVersion: "sluicegate.io/v1", kind: "Scenario", metadata, spec }, undefined, 1);
}
