import type { NodeOrder } from "../../src/gateway/ground-truth.js";
import type { HealthConfig, ProbeOutcome } from "../../src/gateway/health.js";
import type { NodeStatus } from "../../src/gateway/status.js";

/** An order at a whole millisecond. */
export interface NaiveOrder {
  readonly atMs: number;
  readonly order: NodeOrder;
}

/** The prober as docs/high-availability.md tells it, probe by probe and millisecond by millisecond. Shares no code with the source. */
export class NaiveProber {
  health: NodeStatus["health"] = "up";
  agent: NodeStatus["agent"] = "up";
  #lastGood: number;
  #lastAgentGood: number;
  /** Times of the good probes since the last missed one, and since it went down. */
  #row: number[] = [];
  #mayReturn = false;
  readonly #config: HealthConfig;

  /** @param answeredAt time of the last probe so far, a good one */
  constructor(config: HealthConfig, answeredAt: number) {
    this.#config = config;
    this.#lastGood = answeredAt;
    this.#lastAgentGood = answeredAt;
  }

  forget(): void {
    this.health = "down";
    this.agent = "up";
    this.#lastGood = -Infinity;
    this.#lastAgentGood = -Infinity;
    this.#row = [];
    this.#mayReturn = false;
  }

  allowReturn(): void {
    if (this.health === "down") this.#mayReturn = true;
  }

  /** One millisecond: a probe where there is one, then the limits. */
  tick(now: number, outcome: ProbeOutcome | undefined): void {
    if (outcome) this.#probe(now, outcome);
    const { failback, timeoutMs } = this.#config;
    if (now - this.#lastGood >= timeoutMs) {
      this.health = "down";
      this.#row = [];
    } else if (this.health === "down" && this.#row.length > 0) {
      if (failback.kind === "immediate") this.#return();
      if (failback.kind === "after-probes" && this.#row.length >= failback.count) this.#return();
      if (failback.kind === "hold-down" && now - this.#row[0]! >= failback.ms) this.#return();
      if (failback.kind === "never" && this.#mayReturn && this.#row.at(-1) === now) this.#return();
    }
    if (this.health !== "down" && now - this.#lastAgentGood >= timeoutMs) this.agent = "down";
  }

  #probe(now: number, { node, agent }: ProbeOutcome): void {
    if (!node) {
      this.#row = [];
      if (this.health === "up") this.health = "suspect";
      return;
    }
    this.#lastGood = now;
    this.#row.push(now);
    if (this.health === "suspect") this.health = "up";
    if (!agent) return;
    this.#lastAgentGood = now;
    this.agent = "up";
  }

  #return(): void {
    this.health = "up";
    this.#mayReturn = false;
  }
}

export interface NaiveOptions {
  readonly config: HealthConfig;
  readonly phaseMs: number;
  readonly orders: readonly NaiveOrder[];
  readonly untilMs: number;
  readonly drained: boolean;
  readonly down: boolean;
}

/** Every status of a node that differs from the one before, with the millisecond from which it holds; the first is that at the start. */
export function naiveStatuses(options: NaiveOptions): [number, NodeStatus][] {
  const { config, phaseMs, orders, untilMs, drained, down } = options;
  const prober = new NaiveProber(config, phaseMs - config.probeIntervalMs);
  const node = { answers: !down, agent: true, drained, removed: false };
  if (down) prober.forget();
  const list: [number, NodeStatus][] = [[-1, status()]];
  for (let now = 0; now <= untilMs; now++) {
    for (const { order } of orders.filter(({ atMs }) => atMs === now)) obey(order);
    if (!node.removed) tick(now);
    if (JSON.stringify(status()) !== JSON.stringify(list.at(-1)![1])) list.push([now, status()]);
  }
  return list;

  function tick(now: number): void {
    const isProbe = (now - phaseMs) % config.probeIntervalMs === 0;
    prober.tick(now, isProbe ? { node: node.answers, agent: node.answers && node.agent } : undefined);
  }

  function status(): NodeStatus {
    return { health: prober.health, agent: prober.agent, drained: node.drained, removed: node.removed };
  }

  function obey(order: NodeOrder): void {
    if (node.removed) {
      if (order !== "add") return;
      Object.assign(node, { answers: true, agent: true, removed: false, drained });
      prober.allowReturn();
      return;
    }
    if (order === "node-down") node.answers = false;
    if (order === "node-up") node.answers = true;
    if (order === "agent-down") node.agent = false;
    if (order === "agent-up") node.agent = true;
    if (order === "drain") node.drained = true;
    if (order === "undrain") {
      node.drained = false;
      prober.allowReturn();
    }
    if (order === "add") {
      Object.assign(node, { answers: true, agent: true });
      prober.allowReturn();
    }
    if (order === "remove") {
      Object.assign(node, { removed: true, drained: false });
      prober.forget();
    }
  }
}
