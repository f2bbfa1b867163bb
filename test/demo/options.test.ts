import { describe, expect, test } from "vitest";
import { completeDemoOptions, DEMO_DEFAULTS, type DemoOptions } from "../../src/demo/options.js";

describe("completeDemoOptions", () => {
  test("fills in the defaults", () => {
    expect(completeDemoOptions({ seed: 7 })).toEqual({ ...DEMO_DEFAULTS, seed: 7 });
  });

  test.each<[string, Partial<DemoOptions>, string]>([
    ["a seed", { seed: -1 }, "--seed is -1, expected a whole number from 0 to 4294967295"],
    ["a rate", { requestsPerSecond: 401 }, "--rate is 401, expected a whole number from 1 to 400"],
    ["a duration", { durationMs: 999 }, "--duration is 0.999 s, expected from 1 s to 3600 s"],
    ["a failure after the end", { atMs: 300_000 }, "--at is 300 s, expected a time before --duration, which is 300 s"],
    [
      "an end before the failure",
      { durationMs: 10_000 },
      "--at is 120 s, expected a time before --duration, which is 10 s",
    ],
    ["no failure", { downForMs: 0 }, "--down-for is 0 s, expected from 0.001 s to 3600 s"],
    ["an unknown gateway", { kill: "worker-d" }, '--kill is "worker-d", expected a gateway: gateway-a, gateway-b,'],
  ])("refuses %s", (_, options, message) => {
    expect(() => completeDemoOptions(options)).toThrow(message);
  });
});
