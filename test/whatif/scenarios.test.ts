import { describe, expect, test } from "vitest";
import type { PolicyModel } from "../../src/config/types.js";
import { readScenarioText } from "../../src/gateway/scenario.js";
import { healthOf } from "../../src/whatif/scenarios.js";
import { clusterModel } from "../replay/cluster.js";
import { ENDPOINT } from "../replay/traffic.js";

const SILENT = "apiVersion: sluicegate.io/v1\nkind: Scenario\nspec: {}\n";

async function withTimeout(timeoutMs: number): Promise<PolicyModel> {
  const model = await clusterModel({ pods: [ENDPOINT], gateways: { "gw-a": "203.0.113.10" } });
  return { ...model, settings: { ...model.settings, healthTimeoutMs: { value: timeoutMs, source: "cilium-config" } } };
}

describe("health checks of the manifests", () => {
  test.each([500, 2000, 10_000, 999])(
    "with a timeout of %i ms are those of a scenario that says nothing of them",
    async (timeoutMs) => {
      const { health } = readScenarioText(SILENT, "silent.yaml", { timeoutMs });
      expect(healthOf(await withTimeout(timeoutMs))).toEqual(health);
    },
  );

  test("probe twice in a timeout", async () => {
    expect(healthOf(await withTimeout(10_000))).toMatchObject({ probeIntervalMs: 5000, timeoutMs: 10_000 });
  });
});
