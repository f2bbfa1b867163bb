import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { answering, deadlineNs, type HealthState, step } from "../../src/gateway/health.js";
import type { NodeStatus } from "../../src/gateway/status.js";
import { NaiveProber, naiveStatuses } from "./naive.js";
import { anyConfig, anyOrders, at, changes, MS, START, timeline } from "./scenes.js";

const UNTIL_MS = 120;

describe("against a prober that goes probe by probe", () => {
  test("a timeline has the same statuses at the same times, whatever the orders", () => {
    fc.assert(
      fc.property(anyConfig, anyOrders, fc.boolean(), fc.boolean(), ({ phaseMs, ...config }, orders, drained, down) => {
        const line = timeline(
          orders.map(({ atMs, order }) => at(atMs, "gw-a", order)),
          {
            health: config,
            failback: config.failback,
            phaseMs,
            nodes: [{ name: "gw-a", ...(drained && { drain: "cordon" as const }) }],
            initialDown: down ? ["gw-a"] : [],
          },
        );
        const start = line.statuses.get("gw-a");
        const seen: [number, NodeStatus][] = start ? [[-1, start]] : [];
        for (const { atNs, statuses, happened } of changes(line, UNTIL_MS)) {
          if (happened.length === 0) expect(orders.map(({ atMs }) => START + BigInt(atMs) * MS)).toContain(atNs);
          const status = statuses.get("gw-a")!;
          if (JSON.stringify(status) !== JSON.stringify(seen.at(-1)![1]))
            seen.push([Number((atNs - START) / MS), status]);
        }
        const expected = naiveStatuses({ config, phaseMs, orders, untilMs: UNTIL_MS, drained, down });
        expect(seen).toEqual(seen.length === 0 ? expected.slice(1) : expected);
      }),
      { numRuns: 3000 },
    );
  });

  test("stepping live, at probes and deadlines alone, comes to the same", () => {
    const outcomes = fc.array(fc.record({ node: fc.boolean(), agent: fc.boolean() }), { maxLength: 25 });
    fc.assert(
      fc.property(anyConfig, outcomes, (config, list) => {
        const naive = new NaiveProber(config, 0);
        let live: HealthState = answering(0n);
        for (let now = 1; now <= UNTIL_MS; now++) {
          const outcome = now % config.probeIntervalMs === 0 ? list[now / config.probeIntervalMs - 1] : undefined;
          naive.tick(now, outcome);
          if (outcome || deadlineNs(live, config) === BigInt(now) * MS)
            live = step(live, config, BigInt(now) * MS, outcome);
          expect([now, live.health, live.agent]).toEqual([now, naive.health, naive.agent]);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("a live prober that wakes up late finds what it would have found in time", () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 12 });
    fc.assert(
      fc.property(anyConfig, gaps, fc.boolean(), (config, list, agent) => {
        const naive = new NaiveProber(config, 0);
        let live: HealthState = answering(0n);
        let now = 0;
        for (const gap of list) {
          for (let silent = 1; silent < gap; silent++) naive.tick(now + silent, undefined);
          now += gap;
          naive.tick(now, { node: true, agent });
          live = step(live, config, BigInt(now) * MS, { node: true, agent });
          expect([now, live.health, live.agent]).toEqual([now, naive.health, naive.agent]);
        }
      }),
    );
  });
});
