import { describe, expect, test } from "vitest";
import { completeDemoOptions, DEMO_DEFAULTS, type DemoOptions } from "../../src/demo/options.js";

describe("completeDemoOptions", () => {
  test("fills in the defaults", () => {
    expect(completeDemoOptions({ seed: 7 })).toEqual({ ...DEMO_DEFAULTS, seed: 7 });
  });

  test.each<[string, Partial<DemoOptions>, string]>([
    ["a seed", { seed: -1 }, "demo: seed is -1, expected a whole number from 0 to 4294967295"],
    ["a rate", { requestsPerSecond: 401 }, "demo: rate is 401, expected a whole number from 1 to 400"],
    ["a duration", { durationMs: 999 }, "demo: duration in milliseconds is 999, expected"],
    ["a failure after the end", { atMs: 300_000 }, "demo: time of the failure in milliseconds is 300000, expected"],
    ["no failure", { downForMs: 0 }, "demo: time that it lasts in milliseconds is 0, expected"],
    [
      "an unknown gateway",
      { kill: "worker-d" },
      'demo: "worker-d" is no gateway, expected one of gateway-a, gateway-b,',
    ],
  ])("refuses %s", (_, options, message) => {
    expect(() => completeDemoOptions(options)).toThrow(message);
  });
});
