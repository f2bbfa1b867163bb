import { NS_PER_MS } from "../config/time.js";
import { nextChangeNs, type Outlook, pass } from "./foresight.js";
import { isUnreachable, type NodeOrder, type NodeTruth, obey } from "./ground-truth.js";
import { answering, DOWN, type HealthConfig, type HealthState, release } from "./health.js";
import { ProbeSchedule } from "./probe-schedule.js";
import type { NodeStatus } from "./status.js";

/** What a prober can find out about a node. */
export type Finding =
  | "suspect"
  | "suspect-cleared"
  | "down-detected"
  | "up-detected"
  | "agent-down-detected"
  | "agent-up-detected";

/** Something found out, and when the order was given that it follows from. */
export interface Found {
  readonly what: Finding;
  readonly causeAtNs?: bigint;
}

/** What an order did at once. */
export interface Obeyed {
  /** False where it was that way before. */
  readonly effective: boolean;
  /** What the node knew of connections is gone. */
  readonly lost: boolean;
}

/** How a track begins. */
export interface TrackStart {
  readonly truth: NodeTruth;
  readonly drainedByManifest: boolean;
  readonly config: HealthConfig;
  /** Time of any one probe. */
  readonly anchorNs: bigint;
  /** Before everything else. */
  readonly fromNs: bigint;
}

type Cause = "down" | "up" | "agent-down" | "agent-up";

/** One node through time: how it is, and what the prober makes of it. Moves from change to change, never probe by probe. */
export class NodeTrack {
  readonly #config: HealthConfig;
  readonly #schedule: ProbeSchedule;
  readonly #causes: Partial<Record<Cause, bigint>> = {};
  /** As in the manifests in force: how it begins when it is added anew. */
  drainedByManifest: boolean;
  #truth: NodeTruth;
  #state: HealthState;
  /** Probes and limits before this time are in `#state`. */
  #atNs: bigint;
  #nextNs: bigint | undefined;
  #status: NodeStatus;

  constructor({ truth, drainedByManifest, config, anchorNs, fromNs }: TrackStart) {
    this.#config = config;
    this.#schedule = new ProbeSchedule(anchorNs, BigInt(config.probeIntervalMs) * NS_PER_MS);
    this.drainedByManifest = drainedByManifest;
    this.#truth = truth;
    this.#state = truth.answers ? answering(this.#schedule.before(fromNs)) : DOWN;
    this.#atNs = fromNs;
    this.#status = this.#describe();
    this.#settle();
  }

  /** The same object until something about it changes. */
  get status(): NodeStatus {
    return this.#status;
  }

  get isUnreachable(): boolean {
    return isUnreachable(this.#truth);
  }

  /** When the prober finds out something, should no order come before; undefined = never. */
  get nextNs(): bigint | undefined {
    return this.#nextNs;
  }

  /** @param atNs not after `nextNs`, not before the last one; orders count before a probe of the same instant */
  obey(order: NodeOrder, atNs: bigint): Obeyed {
    this.#pass(atNs);
    const before = this.#truth;
    this.#truth = obey(before, order, this.drainedByManifest);
    if (this.#truth !== before) this.#turn(before, atNs);
    const released = this.#release(order, atNs);
    this.#settle();
    return {
      effective: released || this.#truth !== before,
      lost: isUnreachable(this.#truth) && !isUnreachable(before),
    };
  }

  /** Finds out what there is to find out at `nextNs`. */
  find(): Found[] {
    const before = this.#state;
    this.#pass(this.#nextNs! + 1n);
    this.#settle();
    return [...this.#healthFound(before), ...this.#agentFound(before)];
  }

  #turn(before: NodeTruth, atNs: bigint): void {
    if (this.#truth.removed || before.removed) this.#state = DOWN;
    this.#note(before, atNs);
  }

  /** An order by hand that failback `never` waits for. @returns false where nothing waits */
  #release(order: NodeOrder, atNs: bigint): boolean {
    if (this.#config.failback.kind !== "never" || !(order === "undrain" || order === "add")) return false;
    const released = this.#truth.removed ? this.#state : release(this.#state);
    if (released.released === this.#state.released) return false;
    this.#state = released;
    this.#causes.up = atNs;
    return true;
  }

  #settle(): void {
    this.#nextNs = nextChangeNs(this.#state, this.#atNs, this.#outlook);
    const now = this.#describe();
    const was = this.#status;
    if ((Object.keys(now) as (keyof NodeStatus)[]).some((name) => now[name] !== was[name])) this.#status = now;
  }

  #describe(): NodeStatus {
    const { health, agent } = this.#state;
    return { health, agent, drained: this.#truth.drained, removed: this.#truth.removed };
  }

  get #outlook(): Outlook {
    const { answers: node, agent } = this.#truth;
    return { config: this.#config, schedule: this.#schedule, outcome: { node, agent } };
  }

  /** A node that is not in the cluster is like one that never answers: down, it changes no more. */
  #pass(toNs: bigint): void {
    this.#state = pass(this.#state, this.#atNs, toNs, this.#outlook);
    this.#atNs = toNs;
  }

  /**
   * Remembers what later findings follow from: the first order that silenced the node since its last good probe, and the last one
   * that made it answer before the next good one.
   */
  #note(before: NodeTruth, atNs: bigint): void {
    const { answers, agent } = this.#truth;
    const { lastGoodNs, lastAgentGoodNs, run } = this.#state;
    if (answers !== before.answers) {
      if (answers && run === 0) this.#causes.up = atNs;
      else if (!answers) this.#noteFirst("down", lastGoodNs, atNs);
    }
    const agentAnswers = answers && agent;
    if (agentAnswers === (before.answers && before.agent)) return;
    if (agentAnswers) this.#causes["agent-up"] = atNs;
    else this.#noteFirst("agent-down", lastAgentGoodNs, atNs);
  }

  #noteFirst(cause: Cause, lastGoodNs: bigint | undefined, atNs: bigint): void {
    const known = this.#causes[cause];
    if (known === undefined || (lastGoodNs !== undefined && lastGoodNs >= known)) this.#causes[cause] = atNs;
  }

  #healthFound({ health: was }: HealthState): Found[] {
    const { health } = this.#state;
    if (health === was) return [];
    if (health === "suspect") return [this.#found("suspect", "down")];
    if (health === "down") return [this.#found("down-detected", "down")];
    return [this.#found(was === "suspect" ? "suspect-cleared" : "up-detected", "up")];
  }

  #agentFound({ agent: was }: HealthState): Found[] {
    const { agent } = this.#state;
    if (agent === was) return [];
    const cause = agent === "down" ? "agent-down" : "agent-up";
    return [this.#found(`${cause}-detected`, cause)];
  }

  #found(what: Finding, cause: Cause): Found {
    const causeAtNs = this.#causes[cause];
    return causeAtNs === undefined ? { what } : { what, causeAtNs };
  }
}
