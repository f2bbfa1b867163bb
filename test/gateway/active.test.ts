import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AzAffinity } from "../../src/config/types.js";
import { activeMembers } from "../../src/gateway/active.js";
import { ciliumPolicy, GATEWAY_LABELS, groupPolicy, load } from "../config/manifests.js";
import { activeNames, gateways, haModel, POD, statuses, WORDS, type Word, zoneGroup } from "./cluster.js";

/** Three gateways in zone a, two in zone b, one without zone. */
const NAMES = ["a1", "a2", "a3", "b1", "b2", "x1"];

function active(
  azAffinity: AzAffinity,
  maxGatewayNodes: number | undefined,
  zone: string | undefined,
  words: Record<string, Word> = {},
): string {
  const model = haModel(NAMES, { azAffinity }, { maxGatewayNodes });
  return activeNames(model, activeMembers(model, statuses(words)), zone).join(" ");
}

describe("one group", () => {
  test.each<[AzAffinity, number | undefined, string | undefined, string]>([
    ["disabled", undefined, "a", "a1 a2 a3 b1 b2 x1"],
    ["disabled", undefined, undefined, "a1 a2 a3 b1 b2 x1"],
    ["disabled", 4, "b", "a1 a2 a3 b1"],
    ["disabled", 9, "b", "a1 a2 a3 b1 b2 x1"],
    ["localOnly", undefined, "a", "a1 a2 a3"],
    ["localOnly", 2, "a", "a1 a2"],
    ["localOnly", 2, "b", "b1 b2"],
    ["localOnly", undefined, undefined, ""],
    ["localOnlyFirst", undefined, "a", "a1 a2 a3"],
    ["localOnlyFirst", 2, "a", "a1 a2"],
    ["localOnlyFirst", 4, "b", "b1 b2"],
    ["localOnlyFirst", undefined, undefined, "a1 a2 a3 b1 b2 x1"],
    ["localOnlyFirst", 2, undefined, "a1 a2"],
    ["localPriority", undefined, "b", "a1 a2 a3 b1 b2 x1"],
    ["localPriority", 1, "b", "b1"],
    ["localPriority", 3, "b", "a1 b1 b2"],
    ["localPriority", 3, undefined, "a1 a2 a3"],
  ])("%s with a cap of %s serves zone %s by: %s", (azAffinity, cap, zone, expected) => {
    expect(active(azAffinity, cap, zone)).toBe(expected);
  });

  test("a zone without a gateway: localOnly has none, localOnlyFirst and localPriority have those of other zones", () => {
    const down = { b1: "down", b2: "down" } as const;
    expect(active("localOnly", 2, "b", down)).toBe("");
    expect(active("localOnlyFirst", 2, "b", down)).toBe("a1 a2");
    expect(active("localPriority", 2, "b", down)).toBe("a1 a2");
  });

  test("under localOnlyFirst gateways of other zones leave once a local one is back", () => {
    expect(active("localOnlyFirst", undefined, "b", { b1: "down", b2: "down" })).toBe("a1 a2 a3 x1");
    expect(active("localOnlyFirst", undefined, "b", { b1: "down" })).toBe("b2");
  });

  test("under localPriority the places that local ones leave are filled from other zones", () => {
    expect(active("localPriority", 3, "a", { a1: "down" })).toBe("a2 a3 b1");
    expect(active("localPriority", 3, "a")).toBe("a1 a2 a3");
  });

  test("the place of a failed member goes to the next by name and back on its return", () => {
    expect(active("disabled", 2, "a", {})).toBe("a1 a2");
    expect(active("disabled", 2, "a", { a1: "down" })).toBe("a2 a3");
    expect(active("disabled", 2, "a", { a1: "up" })).toBe("a1 a2");
  });

  test.each<[Word, string]>([
    ["up", "a1 a2"],
    ["suspect", "a1 a2"],
    ["down", "a2 a3"],
    ["agent-down", "a2 a3"],
    ["drained", "a2 a3"],
    ["removed", "a2 a3"],
  ])("a gateway that is %s leaves: %s", (word, expected) => {
    expect(active("disabled", 2, "a", { a1: word })).toBe(expected);
  });

  test("nobody is active where everybody is drained", () => {
    const words = Object.fromEntries(NAMES.map((name) => [name, "drained" as const]));
    expect(active("localPriority", 2, "a", words)).toBe("");
  });
});

describe("several groups", () => {
  test("are united, each under its own cap", () => {
    const groups = [zoneGroup("a", { maxGatewayNodes: 1 }), zoneGroup("b", { maxGatewayNodes: 2 })];
    const model = haModel(NAMES, { egressGroups: groups });
    expect(activeNames(model, activeMembers(model, statuses({})), "a")).toEqual(["a1", "b1", "b2"]);
    expect(activeNames(model, activeMembers(model, statuses({ a1: "down" })), "a")).toEqual(["a2", "b1", "b2"]);
  });

  test("a gateway of two groups is active where one of them has a place for it, and counts once", () => {
    const all = { nodeSelector: { matchLabels: GATEWAY_LABELS }, maxGatewayNodes: 1 };
    const model = haModel(NAMES, { egressGroups: [all, zoneGroup("a", { maxGatewayNodes: 2 })] });
    expect(activeNames(model, activeMembers(model, statuses({})), "b")).toEqual(["a1", "a2"]);
  });

  test("under localOnlyFirst gateways of another zone wait for the local ones of all groups", () => {
    const model = haModel(NAMES, { egressGroups: [zoneGroup("a"), zoneGroup("b")], azAffinity: "localOnlyFirst" });
    const inZoneA = (words: Record<string, Word>) => activeNames(model, activeMembers(model, statuses(words)), "a");
    expect(inZoneA({})).toEqual(["a1", "a2", "a3"]);
    expect(inZoneA({ a1: "down", a2: "drained" })).toEqual(["a3"]);
    expect(inZoneA({ a1: "down", a2: "drained", a3: "agent-down" })).toEqual(["b1", "b2"]);
  });
});

test("there is a list for every zone of the nodes, and one for endpoints without zone", () => {
  const model = haModel(["a1", "c1", "x1"], { azAffinity: "localOnly" });
  expect([...activeMembers(model, new Map())[0]!.byZone]).toEqual([
    [undefined, []],
    ["a", [0]],
    ["c", [1]],
  ]);
});

test("a CiliumEgressGatewayPolicy has all its members in every zone, whatever their health", () => {
  const entries = ["a", "b"].map((zone) => zoneGroup(zone));
  const model = load([POD, ...gateways("a1", "b1"), ciliumPolicy("p", { egressGateways: entries })]);
  const [policy] = activeMembers(model, statuses({ a1: "down", b1: "removed" }));
  expect([...policy!.byZone]).toEqual([undefined, "a", "b"].map((zone) => [zone, [0, 1]]));
});

describe("the naive interpreter", () => {
  interface NaiveGroup {
    readonly members: readonly string[];
    readonly cap: number | undefined;
  }

  /** Says of one gateway whether it is active, by counting those in front of it. */
  function isActive(
    name: string,
    zone: string | undefined,
    affinity: AzAffinity,
    groups: readonly NaiveGroup[],
    isUp: (name: string) => boolean,
  ): boolean {
    const isLocal = (other: string) => zone !== undefined && other.startsWith(zone);
    const anyLocal = groups.some(({ members }) => members.some((other) => isUp(other) && isLocal(other)));
    const mayServe = (other: string) => {
      if (!isUp(other)) return false;
      if (affinity === "localOnly") return isLocal(other);
      return affinity !== "localOnlyFirst" || !anyLocal || isLocal(other);
    };
    const isBefore = (a: string, b: string) => {
      if (affinity === "localPriority" && isLocal(a) !== isLocal(b)) return isLocal(a);
      return a < b;
    };
    return groups.some(({ members, cap }) => {
      if (!members.includes(name) || !mayServe(name)) return false;
      const before = members.filter((other) => mayServe(other) && isBefore(other, name));
      return before.length < (cap ?? members.length);
    });
  }

  const affinities: AzAffinity[] = ["disabled", "localOnly", "localOnlyFirst", "localPriority"];
  const group = fc.record({
    members: fc.subarray(NAMES, { minLength: 1 }),
    cap: fc.option(fc.integer({ min: 1, max: 7 }), { nil: undefined }),
  });

  test("agrees for any groups, caps, affinities, zones and states", () => {
    const run = fc.record({
      groups: fc.array(group, { minLength: 1, maxLength: 3 }),
      affinity: fc.constantFrom(...affinities),
      zone: fc.constantFrom(undefined, "a", "b"),
      words: fc.array(fc.constantFrom(...WORDS), { minLength: NAMES.length, maxLength: NAMES.length }),
    });
    fc.assert(
      fc.property(run, ({ groups, affinity, zone, words }) => {
        const egressGroups = groups.map(({ members, cap }) => ({
          nodeSelector: { matchExpressions: [{ key: "name", operator: "In", values: members }] },
          maxGatewayNodes: cap,
        }));
        const model = load([POD, ...named(), groupPolicy("ha", { egressGroups, azAffinity: affinity })]);
        const states = Object.fromEntries(NAMES.map((name, index) => [name, words[index]!]));
        const isUp = (name: string) => states[name] === "up" || states[name] === "suspect";
        const expected = NAMES.filter((name) => isActive(name, zone, affinity, groups, isUp));
        expect(activeNames(model, activeMembers(model, statuses(states)), zone)).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  function named(): object[] {
    return gateways(...NAMES).map((object, index) => {
      const { metadata, ...rest } = object as { metadata: { labels: object } };
      return { ...rest, metadata: { ...metadata, labels: { ...metadata.labels, name: NAMES[index] } } };
    });
  }
});
