import { NODE_ORDERS, type NodeOrder } from "../../src/gateway/ground-truth.js";
import type { Dice } from "./dice.js";
import { editCluster } from "./edits.js";
import type { ClusterWords } from "./words.js";

/** Milliseconds after the start of the capture: an order to a node, or other manifests. */
export type EventScript =
  | { readonly atMs: number; readonly node: string; readonly event: NodeOrder }
  /** Index into `clusters`. */
  | { readonly atMs: number; readonly manifests: number };

export interface HealthScript {
  readonly probeIntervalMs: number;
  readonly timeoutMs: number;
  readonly phaseMs?: number;
  readonly failback: "immediate" | "never" | { readonly holdDown: string } | { readonly afterProbes: number };
}

export interface Script {
  readonly events: readonly EventScript[];
  readonly health: HealthScript;
  readonly propagationMs: number;
  /** Manifests of the start, and those of the events, in their order. */
  readonly clusters: readonly ClusterWords[];
}

/** What happens to a cluster in the first `lengthMs` of a capture. */
export function rollScript(dice: Dice, start: ClusterWords, lengthMs: number): Script {
  const health = rollHealth(dice);
  const orders: EventScript[] = [];
  for (let n = dice.int(1, 6); n > 0; n--) orders.push(...rollIncident(dice, start, health, dice.int(0, lengthMs)));
  const edits = dice.weighted([
    [5, 0],
    [3, 1],
    [2, 2],
    [1, 3],
  ]);
  const times = Array.from({ length: edits }, () => rollTime(dice, lengthMs)).sort((a, b) => a - b);
  const clusters = [start];
  for (const number of times.keys()) clusters.push(editCluster(dice, clusters[number], number + 1));
  const manifests = times.map((atMs, i): EventScript => ({ atMs, manifests: i + 1 }));
  return { events: [...orders, ...manifests], health, propagationMs: rollPropagation(dice), clusters };
}

/** Often a whole second, where other things happen as well. */
function rollTime(dice: Dice, lengthMs: number): number {
  const ms = dice.int(0, lengthMs);
  return dice.chance(30) ? Math.floor(ms / 1000) * 1000 : ms;
}

function rollPropagation(dice: Dice): number {
  return dice.chance(60) ? 0 : dice.pick([100, 1000, 1500, 3000]);
}

function rollHealth(dice: Dice): HealthScript {
  const [probeIntervalMs, timeoutMs] = dice.weighted<[number, number]>([
    [5, [1000, 2000]],
    [2, [500, 500]],
    [2, [250, 1100]],
    [1, [2000, 5000]],
  ]);
  return {
    probeIntervalMs,
    timeoutMs,
    ...(dice.chance(40) && { phaseMs: dice.int(0, probeIntervalMs - 1) }),
    failback: dice.weighted<HealthScript["failback"]>([
      [5, "immediate"],
      [2, { afterProbes: dice.int(1, 4) }],
      [2, { holdDown: `${dice.int(0, 4000)}ms` }],
      [1, "never"],
    ]),
  };
}

/** Some orders that belong together: an outage with or without an end, a flapping node, a partition, a drain. */
function rollIncident(dice: Dice, { nodes }: ClusterWords, health: HealthScript, aroundMs: number): EventScript[] {
  const kind = dice.weighted([
    [4, "outage"],
    [2, "blip"],
    [2, "flapping"],
    [2, "partition"],
    [2, "drain"],
    [2, "agent"],
    [2, "remove"],
    [1, "anything"],
  ] as const);
  const gateways = nodes.filter(({ tier }) => tier !== undefined);
  const node = dice.pick(dice.chance(75) ? gateways : nodes).name;
  const long = health.timeoutMs + dice.int(0, 8000);
  const pair = (first: NodeOrder, second: NodeOrder, ms: number, name = node): EventScript[] => [
    { atMs: aroundMs, node: name, event: first },
    ...(dice.chance(85) ? [{ atMs: aroundMs + ms, node: name, event: second }] : []),
  ];
  if (kind === "outage") return pair("node-down", "node-up", long);
  if (kind === "blip") return pair("node-down", "node-up", dice.int(0, health.timeoutMs));
  if (kind === "drain") return pair("drain", "undrain", long);
  if (kind === "agent") return pair("agent-down", "agent-up", long);
  if (kind === "remove") return pair("remove", "add", long);
  if (kind === "partition")
    return dice.some(nodes, dice.int(2, 4)).flatMap(({ name }) => pair("node-down", "node-up", long, name));
  if (kind === "anything") return [{ atMs: aroundMs, node, event: dice.pick(NODE_ORDERS) }];
  return flapping(dice, node, aroundMs);
}

function flapping(dice: Dice, node: string, startMs: number): EventScript[] {
  let atMs = startMs;
  return Array.from({ length: dice.int(2, 8) }, (_, n) => {
    atMs += dice.int(0, 2500);
    return { atMs, node, event: n % 2 === 0 ? "node-down" : "node-up" };
  });
}
