import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { PolicyModel } from "../../src/config/types.js";
import { NODE_ORDERS } from "../../src/gateway/ground-truth.js";
import type { ReplayReport } from "../../src/replay/report-types.js";
import { withFolder } from "../support/capture-read.js";
import { clusterModel } from "./cluster.js";
import { replayAndRead } from "./outputs-read.js";
import { type EventWords, FOUR, lasting, PODS, scenarioOf, talk, talker, together } from "./scenarios.js";
import { captureOf, conversation, ping, question, type TimedFrame } from "./traffic.js";

// Scripts drawn from fixed seeds over drawn traffic. What must hold of every one: nothing is a mismatch, each frame counts once, and the
// result depends neither on batches nor on where a replay is cut, saved and taken up again.

const SCRIPTS = 40;
const FAILBACKS = [
  { kind: "immediate" },
  { kind: "never" },
  { kind: "hold-down", ms: 700 },
  { kind: "after-probes", count: 2 },
] as const;

/** Numbers below `n`, the same ones for the same seed. */
type Draw = (n: number) => number;

function drawFrom(seed: number): Draw {
  let state = (seed * 7919 + 1) >>> 0;
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

function drawTraffic(draw: Draw): TimedFrame[] {
  const many = (count: number, make: (n: number) => readonly TimedFrame[]) =>
    Array.from({ length: count }, (_, n) => make(n)).flat();
  const side = (port: number, remotes: number) => ({
    endpoint: PODS[draw(3)]!,
    port,
    remote: `198.51.100.${1 + draw(remotes)}`,
  });
  const talks = Array.from({ length: 12 }, (_, n) =>
    talk(talker(PODS, n), draw(3e6), 6e6 + draw(4e6), 50_000 + draw(400_000)),
  );
  return [
    ...together(talks),
    ...many(30, () => question(draw(10e6), side(5000 + draw(6), 5))),
    ...many(20, () => ping(draw(10e6), side(draw(6), 12))),
    ...many(20, () => conversation(draw(9e6), side(40_000 + draw(4), 12), 1000 + draw(300_000))),
  ].sort((a, b) => a.us - b.us);
}

function drawEvents(draw: Draw, later: readonly PolicyModel[]): EventWords[] {
  return Array.from({ length: 2 + draw(10) }, (): EventWords => {
    const seconds = draw(10_000) / 1000;
    if (draw(8) === 0) return [seconds, later[draw(later.length)]!];
    const node = draw(8) === 0 ? "worker" : Object.keys(FOUR)[draw(4)]!;
    // Most often nodes go down and come back.
    return [seconds, node, NODE_ORDERS[draw(draw(3) === 0 ? NODE_ORDERS.length : 2)]!];
  });
}

function withCap(model: PolicyModel, cap: number): PolicyModel {
  const capped = (policy: PolicyModel["policies"][number]) => ({
    ...policy,
    groups: policy.groups!.map((group) => ({ ...group, maxGatewayNodes: cap })),
  });
  return { ...model, policies: model.policies.map(capped) };
}

/** What must not depend on how a replay was cut; of its input each part knows its own only. */
function whole({ input: _, verification: __, range: ___, viewpoints: ____, timing: _____, ...report }: ReplayReport) {
  return report;
}

let base: PolicyModel;
let later: PolicyModel[];
beforeAll(async () => {
  base = await clusterModel({ pods: PODS, gateways: FOUR, worker: "worker" });
  const three = { "gw-a": FOUR["gw-a"], "gw-b": "203.0.113.22", "gw-d": FOUR["gw-d"] };
  later = [
    await clusterModel({ pods: [...PODS, "10.0.1.10"], gateways: three, worker: "worker" }),
    await clusterModel({ pods: PODS.slice(0, 2), gateways: FOUR, worker: "worker", excluded: ["198.51.100.8/29"] }),
    base,
  ];
});

test.each(Array.from({ length: SCRIPTS }, (_, seed) => seed))("script %i", (seed) =>
  withFolder(async (folder) => {
    const draw = drawFrom(seed);
    const frames = drawTraffic(draw);
    const capture = join(folder, "in.pcap");
    writeFileSync(capture, captureOf(frames));
    const script = scenarioOf(drawEvents(draw, later), {
      phaseMs: draw(250),
      propagationMs: draw(3) === 0 ? draw(1500) : 0,
      health: { probeIntervalMs: 250, timeoutMs: 500 + draw(600), failback: FAILBACKS[draw(4)]! },
    });
    const model = draw(3) === 0 ? withCap(base, 1 + draw(3)) : base;
    const options = { captures: [capture], model, ...script, connections: 4096, seed };

    const one = await replayAndRead({ ...options, batchSize: 1 });
    const { frames: counts, timeline, connections, broken, rebound, verification } = one.report;
    expect(verification.mismatches).toEqual([]);
    expect(counts.pass + counts.snat + counts.reverse + counts.drop + counts.lost + counts.skipped).toBe(counts.read);
    expect([broken.length, rebound.length]).toEqual([connections.broken, connections.rebound]);
    const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
    expect(sum(timeline.lost)).toBe(counts.lost);
    expect(sum(timeline.gateways.map((series) => sum(series.frames)))).toBe(counts.snat);

    const many = await replayAndRead({ ...options, batchSize: 256 });
    expect(many.external).toEqual(one.external);
    expect(many.endpoint).toEqual(one.endpoint);
    expect(lasting(many.report)).toEqual(lasting(one.report));

    const cut = draw(frames.length);
    const saveState = join(folder, "state");
    const head = await replayAndRead({ ...options, toFrame: cut, saveState, batchSize: 7 });
    const tail = await replayAndRead({ ...options, fromFrame: cut + 1, loadState: saveState, batchSize: 64 });
    expect(tail.report.verification.mismatches).toEqual([]);
    expect([...head.external, ...tail.external]).toEqual(one.external);
    expect([...head.endpoint, ...tail.endpoint]).toEqual(one.endpoint);
    expect(whole(tail.report)).toEqual(whole(one.report));
  }),
);
