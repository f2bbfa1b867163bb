import { describe, expect, test } from "vitest";
import type { AzAffinity, Egress, EgressGroup, PolicyModel } from "../../src/config/types.js";
import { Gateways } from "../../src/verify/gateways.js";
import type { NodeStanding } from "../../src/verify/types.js";
import { egress, model, standing } from "./scene.js";

/** Gateways a to f, by number: a, c, e in zone x, b and d in zone y, f without zone. One endpoint per zone, and one on no known node. */
const ZONES = ["x", "y", "x", "y", "x", undefined];
const NAMES = ["a", "b", "c", "d", "e", "f"];
const gateways: Egress[] = NAMES.map((name, i) => ({ ...egress(name, `203.0.113.${i + 1}`), zone: ZONES[i] }));

interface Question {
  affinity?: AzAffinity;
  /** Members and cap of each group. */
  groups?: [members: number[], cap?: number][];
  nodes?: Record<string, Partial<NodeStanding>>;
  /** Where the endpoint is. */
  zone?: string | undefined;
  isForeign?: boolean;
}

function ask({ affinity = "disabled", groups = [[[0, 1, 2, 3, 4, 5]]], nodes = {}, zone, isForeign }: Question) {
  const policy = {
    azAffinity: affinity,
    egresses: [...new Set(groups.flatMap(([members]) => members))].sort(),
    groups: groups.map(
      ([egresses, maxGatewayNodes]): EgressGroup => ({
        egresses,
        maxGatewayNodes,
        interfaceName: undefined,
        egressIP: undefined,
      }),
    ),
  };
  const m: PolicyModel = {
    ...model({
      egresses: gateways,
      policies: [policy],
      endpoints: [{ node: zone === undefined ? undefined : `in-${zone}` }],
    }),
    nodes: ["x", "y", "z"].map((name) => ({ name: `in-${name}`, zone: name, labels: new Map(), internalIPs: [] })),
  };
  const read = new Gateways(m, standing(nodes), isForeign);
  const names = (egresses: readonly number[]) =>
    egresses
      .map((index) => NAMES[index])
      .sort()
      .join("");
  return {
    active: names(read.active(m.policies[0], m.endpoints[0])),
    healthy: names(read.healthy(m.policies[0], m.endpoints[0])),
  };
}

describe("who takes new connections", () => {
  test("all members that are up, as long as nothing else is asked for", () => {
    expect(ask({})).toEqual({ active: "abcdef", healthy: "abcdef" });
  });

  test("nobody who is down, drained, without agent or removed; suspicion changes nothing", () => {
    const nodes = {
      a: { health: "down" as const },
      b: { drained: true },
      c: { agent: "down" as const },
      d: { removed: true },
      e: { health: "suspect" as const },
    };
    expect(ask({ nodes })).toEqual({ active: "ef", healthy: "bcef" });
  });

  test("the first by name up to the cap, whose place goes to the next when one is not up", () => {
    expect(ask({ groups: [[[5, 2, 0, 1], 2]] }).active).toBe("ab");
    expect(ask({ groups: [[[5, 2, 0, 1], 2]], nodes: { a: { health: "down" } } }).active).toBe("bc");
    expect(ask({ groups: [[[5, 2, 0, 1], 2]], nodes: { a: { drained: true } } })).toEqual({
      active: "bc",
      healthy: "abcf",
    });
  });

  test.each<[AzAffinity, string | undefined, string]>([
    ["disabled", "x", "ab"],
    ["localOnly", "x", "ac"],
    ["localOnly", "y", "bd"],
    ["localOnly", "z", ""],
    ["localOnly", undefined, ""],
    ["localOnlyFirst", "y", "bd"],
    ["localOnlyFirst", "z", "ab"],
    ["localOnlyFirst", undefined, "ab"],
    ["localPriority", "y", "bd"],
    ["localPriority", "z", "ab"],
    ["localPriority", undefined, "ab"],
  ])("under %s two of all six for an endpoint in zone %s: %s", (affinity, zone, active) => {
    expect(ask({ affinity, zone, groups: [[[0, 1, 2, 3, 4, 5], 2]] }).active).toBe(active);
  });

  test("fewer local ones than the cap: only localPriority fills up with others", () => {
    const nodes = { d: { drained: true } };
    const two = (affinity: AzAffinity) => ask({ affinity, zone: "y", nodes, groups: [[[0, 1, 2, 3, 4, 5], 2]] }).active;
    expect([two("localOnly"), two("localOnlyFirst"), two("localPriority")]).toEqual(["b", "b", "ab"]);
    const none = { b: { health: "down" as const }, ...nodes };
    const left = (affinity: AzAffinity) =>
      ask({ affinity, zone: "y", nodes: none, groups: [[[0, 1, 2, 3], 1]] }).active;
    expect([left("localOnly"), left("localOnlyFirst"), left("localPriority")]).toEqual(["", "a", "a"]);
  });

  test("several groups together, each with its cap; other zones wait until no group has a local one", () => {
    expect(
      ask({
        groups: [
          [[0, 1], 1],
          [[1, 2, 3], 2],
        ],
      }).active,
    ).toBe("abc");
    const zones = { affinity: "localOnlyFirst" as const, zone: "x", groups: [[[0, 1]], [[3, 5]]] as [number[]][] };
    expect(ask(zones).active).toBe("a");
    expect(ask({ ...zones, nodes: { a: { agent: "down" } } }).active).toBe("bdf");
  });

  test("of another system any member, as nothing is known of how its nodes stand: localOnly alone forbids some", () => {
    const groups: [number[], number][] = [[[0, 1, 2, 3], 1]];
    expect(ask({ isForeign: true, groups, affinity: "localOnlyFirst", zone: "x" }).active).toBe("abcd");
    expect(ask({ isForeign: true, groups, affinity: "localOnly", zone: "y" })).toEqual({ active: "bd", healthy: "bd" });
  });
});
