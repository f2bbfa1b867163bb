import fc from "fast-check";
import { NODE_ORDERS, type NodeOrder } from "../../src/gateway/ground-truth.js";
import type { Failback, HealthConfig } from "../../src/gateway/health.js";
import type { ScenarioEvent } from "../../src/gateway/scenario.js";
import { Timeline, type TimelineChange, type TimelineOptions } from "../../src/gateway/timeline.js";

export const MS = 1_000_000n;
/** Time of the first frame. */
export const START = 1_780_000_000_000_000_000n;
export const DEFAULTS: HealthConfig = { probeIntervalMs: 1000, timeoutMs: 2000, failback: { kind: "immediate" } };

/** `at(1200, "gw-a", "node-down")`: milliseconds after the first frame. */
export function at(ms: number, node: string, event: NodeOrder): ScenarioEvent {
  return { at: { fromStartNs: BigInt(ms) * MS }, node, event };
}

interface SceneParts extends Partial<Omit<TimelineOptions, "scenario">> {
  readonly health?: Partial<HealthConfig>;
  readonly failback?: Failback;
  readonly phaseMs?: number;
}

/** A timeline of `events` over gw-a and gw-b, with probes at 0.4 s, 1.4 s and so on unless told otherwise. */
export function timeline(events: readonly ScenarioEvent[], parts: SceneParts = {}): Timeline {
  const { health = {}, failback = DEFAULTS.failback, phaseMs = 400, ...options } = parts;
  return new Timeline({
    scenario: { health: { ...DEFAULTS, failback, ...health }, phaseMs, events },
    nodes: [{ name: "gw-a" }, { name: "gw-b" }],
    seed: 1,
    startNs: START,
    ...options,
  });
}

/** All changes up to `untilMs` after the first frame. */
export function changes(line: Timeline, untilMs = Number.MAX_SAFE_INTEGER): TimelineChange[] {
  const list: TimelineChange[] = [];
  while (line.nextNs !== undefined && line.nextNs <= START + BigInt(untilMs) * MS) list.push(line.next());
  return list;
}

/** What happened, a line each: `1400 gw-a suspect (1200)`; times in milliseconds after the first frame, the cause's in brackets. */
export function story(line: Timeline, untilMs?: number): string[] {
  const ms = (ns: bigint) => `${Number((ns - START) / 1000n) / 1000}`;
  return changes(line, untilMs).flatMap(({ atNs, happened }) =>
    happened.map(({ node, what, causeAtNs }) =>
      [ms(atNs), node, what, causeAtNs !== undefined && `(${ms(causeAtNs)})`].filter(Boolean).join(" "),
    ),
  );
}

/** Small numbers, so that probes, limits and orders often meet. */
export const anyConfig: fc.Arbitrary<HealthConfig & { readonly phaseMs: number }> = fc
  .record({
    probeIntervalMs: fc.integer({ min: 1, max: 5 }),
    more: fc.integer({ min: 0, max: 9 }),
    phase: fc.integer({ min: 0, max: 4 }),
    failback: fc.oneof(
      fc.constant<Failback>({ kind: "immediate" }),
      fc.constant<Failback>({ kind: "never" }),
      fc.integer({ min: 0, max: 12 }).map((ms): Failback => ({ kind: "hold-down", ms })),
      fc.integer({ min: 1, max: 4 }).map((count): Failback => ({ kind: "after-probes", count })),
    ),
  })
  .map(({ probeIntervalMs, more, phase, failback }) => ({
    probeIntervalMs,
    timeoutMs: probeIntervalMs + more,
    failback,
    phaseMs: phase % probeIntervalMs,
  }));

/** Orders to one node in the first 60 ms, in order of time. */
export const anyOrders = fc
  .array(fc.record({ atMs: fc.integer({ min: 0, max: 60 }), order: fc.constantFrom(...NODE_ORDERS) }), {
    maxLength: 16,
  })
  .map((orders) => orders.sort((a, b) => a.atMs - b.atMs));
