import { NS_PER_MS } from "../config/time.js";
import type { NodeStatus } from "./status.js";

/** Limits of health checking. Durations are whole milliseconds. */
export interface HealthConfig {
  /** Above 0. */
  readonly probeIntervalMs: number;
  /** A node is down this long after its last good probe; at least the interval. */
  readonly timeoutMs: number;
  readonly failback: Failback;
}

/**
 * When a node that was down is used again: `immediate` at its first good probe; `hold-down` when no probe was missed for `ms` since
 * the first good one; `after-probes` at the good probe that is number `count` without a missed one in between; `never` at its first
 * good probe after it was released by hand (`release`).
 */
export type Failback =
  | { readonly kind: "immediate" }
  | { readonly kind: "hold-down"; readonly ms: number }
  | { readonly kind: "after-probes"; readonly count: number }
  | { readonly kind: "never" };

/** What a probe found. A node that does not answer shows nothing of its agent. */
export interface ProbeOutcome {
  readonly node: boolean;
  readonly agent: boolean;
}

/** All that the prober remembers of a node. Times in nanoseconds: capture time in replay, monotonic time live. */
export interface HealthState {
  readonly health: NodeStatus["health"];
  readonly agent: NodeStatus["agent"];
  /** Undefined = never. */
  readonly lastGoodNs: bigint | undefined;
  readonly lastAgentGoodNs: bigint | undefined;
  /** Good probes since the last missed one, and since it went down. */
  readonly run: number;
  /** Time of the first of them; without meaning where there is none. */
  readonly runSinceNs: bigint;
  /** Told by hand to come back: what failback `never` waits for. */
  readonly released: boolean;
}

/** A node that has answered so far, agent and all, last at `ns`. */
export function answering(ns: bigint): HealthState {
  return {
    health: "up",
    agent: "up",
    lastGoodNs: ns,
    lastAgentGoodNs: ns,
    run: 1,
    runSinceNs: ns,
    released: false,
  };
}

/** A node that is down and of which nothing else is known. */
export const DOWN: HealthState = {
  health: "down",
  agent: "up",
  lastGoodNs: undefined,
  lastAgentGoodNs: undefined,
  run: 0,
  runSinceNs: 0n,
  released: false,
};

/** The state once somebody has said that the node may come back. Changes nothing for one that is not down. */
export function release(state: HealthState): HealthState {
  return state.health === "down" ? { ...state, released: true } : state;
}

/**
 * The state at `nowNs`, at which a probe ended with `outcome` or, without one, only time has passed. Of a probe and a time limit at one
 * instant the probe counts first. Pure: called at every probe and at every `deadlineNs`, it is all that a live prober needs.
 * @param nowNs not before any time it was called with
 */
export function step(state: HealthState, config: HealthConfig, nowNs: bigint, outcome?: ProbeOutcome): HealthState {
  if (!outcome) return expire(state, config, nowNs);
  return expire(take(expire(state, config, nowNs - 1n), config, nowNs, outcome), config, nowNs);
}

/** When time alone changes the state, should no probe come before; undefined = never. */
export function deadlineNs(state: HealthState, config: HealthConfig): bigint | undefined {
  if (state.health === "down") return holdEndNs(state, config);
  const limits = [state.lastGoodNs, state.agent === "up" ? state.lastAgentGoodNs : undefined];
  return limits.reduce<bigint | undefined>((first, good) => earlier(first, limitNs(good, config)), undefined);
}

/** The earlier of two times; undefined = never. */
export function earlier(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}

/** Last good probe + timeout. */
export function limitNs(goodNs: bigint | undefined, config: HealthConfig): bigint | undefined {
  return goodNs === undefined ? undefined : goodNs + BigInt(config.timeoutMs) * NS_PER_MS;
}

/** When a node that is down and answers has been held down for long enough; undefined where nothing of the kind is under way. */
export function holdEndNs({ run, runSinceNs }: HealthState, { failback }: HealthConfig): bigint | undefined {
  if (failback.kind !== "hold-down" || run === 0) return undefined;
  return runSinceNs + BigInt(failback.ms) * NS_PER_MS;
}

function take(state: HealthState, config: HealthConfig, nowNs: bigint, outcome: ProbeOutcome): HealthState {
  if (!outcome.node) return { ...state, health: state.health === "up" ? "suspect" : state.health, run: 0 };
  const run = state.run + 1;
  const answered: HealthState = {
    ...state,
    ...(outcome.agent && { agent: "up" as const, lastAgentGoodNs: nowNs }),
    lastGoodNs: nowNs,
    run,
    runSinceNs: run === 1 ? nowNs : state.runSinceNs,
  };
  return state.health !== "down" || comesBack(answered, config.failback) ? raise(answered) : answered;
}

function raise(state: HealthState): HealthState {
  return { ...state, health: "up", released: false };
}

function comesBack({ run, released }: HealthState, failback: Failback): boolean {
  if (failback.kind === "after-probes") return run >= failback.count;
  return failback.kind === "immediate" || (failback.kind === "never" && released);
}

/** Time limits up to and including `nowNs`, in their order should several have passed. */
function expire(state: HealthState, config: HealthConfig, nowNs: bigint): HealthState {
  const limit = limitNs(state.lastGoodNs, config);
  if (state.health === "down") {
    const end = holdEndNs(state, config);
    const isSilent = limit === undefined || limit <= (earlier(end, nowNs) ?? nowNs);
    if (isSilent) return state.run === 0 ? state : { ...state, run: 0 };
    return end !== undefined && end <= nowNs ? expire(raise(state), config, nowNs) : state;
  }
  const judged = expireAgent(state, config, limit === undefined || limit > nowNs ? nowNs : limit - 1n);
  return limit === undefined || limit <= nowNs ? { ...judged, health: "down", run: 0 } : judged;
}

/** Of a node that is not down at `nowNs`: the agent of one that is down is not judged. */
function expireAgent(state: HealthState, config: HealthConfig, nowNs: bigint): HealthState {
  const limit = limitNs(state.lastAgentGoodNs, config);
  const isOver = state.agent === "up" && (limit === undefined || limit <= nowNs);
  return isOver ? { ...state, agent: "down" } : state;
}
