import { expect, test } from "vitest";
import { reportJson } from "../../src/report/json.js";
import { exampleReport } from "./fixture.js";

/** The same data with every object's keys the other way round. */
function reversed<T>(value: T): T {
  if (Array.isArray(value)) return value.map(reversed) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reversed(item)]),
  ) as T;
}

test("report.json holds all of the report and does not depend on the order of its keys", () => {
  const report = exampleReport();
  const text = reportJson(report);
  expect(JSON.parse(text)).toEqual(report);
  expect(reportJson(reversed(report))).toBe(text);
  expect(text.endsWith("}\n")).toBe(true);
});

test("report.json begins as the contract does and ends with what differs from run to run", () => {
  const keys = Object.keys(JSON.parse(reportJson(exampleReport())));
  expect(keys.slice(0, 6)).toEqual(["schema", "seed", "natProfile", "input", "frames", "reasons"]);
  expect(keys.at(-1)).toBe("timing");
  const { reasons, gateways } = JSON.parse(reportJson(exampleReport()));
  expect(Object.keys(reasons)).toEqual([...Object.keys(reasons)].sort());
  expect(Object.keys(gateways[0]).slice(0, 3)).toEqual(["node", "egressIP", "zone"]);
});
