import { earlier, type HealthConfig, type HealthState, holdEndNs, limitNs, type ProbeOutcome, step } from "./health.js";
import type { ProbeSchedule } from "./probe-schedule.js";

/** A node under probes that all end alike, as long as nothing happens to it. */
export interface Outlook {
  readonly config: HealthConfig;
  readonly schedule: ProbeSchedule;
  readonly outcome: ProbeOutcome;
}

/**
 * When health or agent change next, should every probe from `fromNs` on end with `outlook.outcome`. Computed, whatever the distance.
 * @param fromNs probes and limits before it are in `state` already
 * @returns undefined = never
 */
export function nextChangeNs(state: HealthState, fromNs: bigint, outlook: Outlook): bigint | undefined {
  const probeNs = outlook.schedule.atOrAfter(fromNs);
  const ofNode = state.health === "down" ? riseNs(state, probeNs, outlook) : fallNs(state, probeNs, outlook);
  return earlier(ofNode, agentChangeNs(state, probeNs, outlook));
}

/**
 * The state after all probes and limits from `fromNs` up to, not including, `toNs`: what `step` makes of them one by one, in one go.
 * @param toNs at most one nanosecond past `nextChangeNs`
 */
export function pass(state: HealthState, fromNs: bigint, toNs: bigint, outlook: Outlook): HealthState {
  const { config, schedule, outcome } = outlook;
  const first = schedule.atOrAfter(fromNs);
  if (first >= toNs) return step(state, config, toNs - 1n);
  const last = schedule.before(toNs);
  const silent = Number((last - first) / schedule.intervalNs);
  const before = silent === 0 ? state : passSilent(state, { first, last: last - schedule.intervalNs, silent }, outcome);
  return step(step(before, config, last, outcome), config, toNs - 1n);
}

/** Probes that change nothing but what is remembered, and the last of a row is still to come: missed ones leave that to it. */
function passSilent(
  state: HealthState,
  probes: { readonly first: bigint; readonly last: bigint; readonly silent: number },
  outcome: ProbeOutcome,
): HealthState {
  if (!outcome.node) return state;
  return {
    ...state,
    lastGoodNs: probes.last,
    ...(outcome.agent && { lastAgentGoodNs: probes.last }),
    run: state.run + probes.silent,
    runSinceNs: state.run === 0 ? probes.first : state.runSinceNs,
  };
}

/** Of a node that is up or suspect. */
function fallNs(state: HealthState, probeNs: bigint, { config, outcome }: Outlook): bigint | undefined {
  const limit = limitNs(state.lastGoodNs, config)!;
  if (outcome.node && limit >= probeNs) return state.health === "suspect" ? probeNs : undefined;
  return state.health === "up" ? earlier(limit, probeNs) : limit;
}

/** Of a node that is down. */
function riseNs(state: HealthState, probeNs: bigint, outlook: Outlook): bigint | undefined {
  const { failback } = outlook.config;
  const holdEnd = holdEndNs(state, outlook.config);
  if (!outlook.outcome.node) return holdEnd !== undefined && holdEnd < probeNs ? holdEnd : undefined;
  switch (failback.kind) {
    case "immediate":
      return probeNs;
    case "never":
      return state.released ? probeNs : undefined;
    case "after-probes":
      return probeNs + BigInt(failback.count - state.run - 1) * outlook.schedule.intervalNs;
    case "hold-down":
      return holdEnd ?? holdEndNs({ ...state, run: 1, runSinceNs: probeNs }, outlook.config);
  }
}

function agentChangeNs(state: HealthState, probeNs: bigint, { config, outcome }: Outlook): bigint | undefined {
  const answers = outcome.node && outcome.agent;
  if (state.agent === "down") return answers ? probeNs : undefined;
  if (state.health === "down") return undefined;
  const limit = limitNs(state.lastAgentGoodNs, config)!;
  return answers && limit >= probeNs ? undefined : limit;
}
