import { describe, expect, test } from "vitest";
import { readScenarioText, type Scenario } from "../../../src/index.js";
import { FAILURES, type FailureKind } from "../../../src/playground/messages.js";
import { scenarioText } from "../../../src/playground/worker/scenario-text.js";
import { SETTINGS } from "../files.js";

const read = (text: string) => readScenarioText(text, "scenario.yaml");
const settings = { ...SETTINGS, probeIntervalMs: 250, timeoutMs: 500 };

function scenario(spec: string): Scenario {
  return read(`apiVersion: sluicegate.io/v1\nkind: Scenario\nmetadata: { name: given }\nspec:\n${spec}`);
}

describe("the text of a run's scenario", () => {
  test("is none where nothing happens", () => {
    expect(scenarioText(settings, undefined)).toBeUndefined();
    expect(scenarioText(settings, scenario("  events: []\n"))).toBeUndefined();
  });

  test.each(Object.keys(FAILURES) as FailureKind[])("says that a gateway %s, and what undoes it", (kind) => {
    const failures = [{ node: 'gw "a"', kind, fromMs: 1.5, untilMs: 4000 }];
    const { events, health } = read(scenarioText({ ...settings, failures }, undefined)!);
    const [begins, ends] = FAILURES[kind];
    expect(events).toEqual([
      { at: { fromStartNs: 1_500_000n }, node: 'gw "a"', event: begins },
      { at: { fromStartNs: 4_000_000_000n }, node: 'gw "a"', event: ends },
    ]);
    expect(health).toMatchObject({ probeIntervalMs: 250, timeoutMs: 500 });
  });

  test.each([
    ["{ failback: never }", "0s", "never"],
    ["{ failback: immediate, phase: 20ms }", "15ms", "immediate"],
    ["{ failback: { holdDown: 3s } }", "1s", "hold-down"],
    ["{ failback: { afterProbes: 4 } }", "0s", "after-probes"],
  ])("keeps what the user's own says: %s", (health, propagation, kind) => {
    const events = [
      "    - { at: 1500us, node: a, event: drain }",
      '    - { at: "2026-11-23T07:58:45.000000001Z", node: b, event: node-down }',
    ];
    const given = scenario(`  health: ${health}\n  propagation: ${propagation}\n  events:\n${events.join("\n")}\n`);
    const again = read(scenarioText({ ...settings, ...timesOf(given) }, given)!);
    expect({ ...again, file: given.file, warnings: given.warnings }).toEqual(given);
    expect(again.health.failback.kind).toBe(kind);
  });
});

function timesOf({ health: { probeIntervalMs, timeoutMs } }: Scenario) {
  return { probeIntervalMs, timeoutMs };
}
