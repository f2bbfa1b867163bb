import { describe, expect, test } from "vitest";
import { formatSelector, matchesSelector, type Requirement } from "../../src/config/selector.js";

const LABELS = new Map([
  ["app", "web"],
  ["tier", "front"],
  ["empty", ""],
]);

describe("matchesSelector", () => {
  test.each<[string, Requirement, boolean]>([
    ["In with the value", { key: "app", operator: "In", values: ["db", "web"] }, true],
    ["In with other values", { key: "app", operator: "In", values: ["db"] }, false],
    ["In on a missing label", { key: "zone", operator: "In", values: ["a"] }, false],
    ["In with the empty value", { key: "empty", operator: "In", values: [""] }, true],
    ["In with the empty value on a missing label", { key: "zone", operator: "In", values: [""] }, false],
    ["NotIn with the value", { key: "app", operator: "NotIn", values: ["web"] }, false],
    ["NotIn with other values", { key: "app", operator: "NotIn", values: ["db"] }, true],
    ["NotIn on a missing label", { key: "zone", operator: "NotIn", values: ["a"] }, true],
    ["Exists", { key: "empty", operator: "Exists", values: [] }, true],
    ["Exists on a missing label", { key: "zone", operator: "Exists", values: [] }, false],
    ["DoesNotExist", { key: "app", operator: "DoesNotExist", values: [] }, false],
    ["DoesNotExist on a missing label", { key: "zone", operator: "DoesNotExist", values: [] }, true],
  ])("%s", (_what, requirement, expected) => {
    expect(matchesSelector([requirement], LABELS)).toBe(expected);
  });

  test("wants all requirements, and an empty selector wants nothing", () => {
    const app: Requirement = { key: "app", operator: "In", values: ["web"] };
    const zone: Requirement = { key: "zone", operator: "Exists", values: [] };
    expect(matchesSelector([app, zone], LABELS)).toBe(false);
    expect(matchesSelector([], new Map())).toBe(true);
  });
});

describe("formatSelector", () => {
  test("writes requirements as kubectl does", () => {
    const selector: Requirement[] = [
      { key: "app", operator: "In", values: ["web"] },
      { key: "tier", operator: "In", values: ["a", "b"] },
      { key: "zone", operator: "NotIn", values: ["z"] },
      { key: "x", operator: "Exists", values: [] },
      { key: "y", operator: "DoesNotExist", values: [] },
    ];
    expect(formatSelector(selector)).toBe("app=web, tier in (a,b), zone not in (z), x, !y");
    expect(formatSelector([])).toBe("everything");
  });
});
