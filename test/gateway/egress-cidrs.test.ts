import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PolicyModel } from "../../src/config/types.js";
import { GatewayControl } from "../../src/gateway/control.js";
import { groupPolicy, load } from "../config/manifests.js";
import {
  activeNames,
  addressesOf,
  gateway,
  gateways,
  haModel,
  haPolicy,
  membersOf,
  POD,
  statuses,
  WORDS,
  type Word,
  zoneGroup,
} from "./cluster.js";

const FOUR = ["a1", "a2", "b1", "b2"];
const pool = (cidr: string, names: readonly string[] = FOUR, group: object = {}) =>
  haModel(names, { egressCIDRs: [cidr] }, group);

/** Addresses after each of `steps`. */
function run(model: PolicyModel, ...steps: Record<string, Word>[]): string[][] {
  const control = new GatewayControl(model);
  return steps.map((words) => {
    control.update(statuses(words));
    return addressesOf(control.picture.model);
  });
}

describe("addresses of egressCIDRs", () => {
  test("stay where they are while a gateway is down and while it is drained, as long as there are enough", () => {
    const start = ["a1 203.0.113.0", "a2 203.0.113.1", "b1 203.0.113.2", "b2 203.0.113.3"];
    const steps = [{}, { a1: "down" }, { a1: "up" }, { a2: "drained", b1: "agent-down" }] as const;
    expect(run(pool("203.0.113.0/30"), ...steps)).toEqual([start, start, start, start]);
  });

  test("move from a gateway that is down to one that comes in for it, and nobody else's moves", () => {
    const [up, down, back] = run(pool("203.0.113.0/31", FOUR, { maxGatewayNodes: 2 }), {}, { a1: "down" }, {});
    expect(up).toEqual(["a1 203.0.113.0", "a2 203.0.113.1", "b1 -", "b2 -"]);
    expect(down).toEqual(["a1 -", "a2 203.0.113.1", "b1 203.0.113.0", "b2 -"]);
    expect(back).toEqual(["a1 203.0.113.0", "a2 203.0.113.1", "b1 -", "b2 -"]);
  });

  test("are taken from a drained gateway only where an active one has no other", () => {
    const words = { a1: "drained" } as const;
    const enough = run(pool("203.0.113.0/30", FOUR, { maxGatewayNodes: 2 }), words);
    expect(enough[0]).toEqual(["a1 203.0.113.0", "a2 203.0.113.1", "b1 203.0.113.2", "b2 203.0.113.3"]);
    const floating = run(pool("203.0.113.0/32", FOUR, { maxGatewayNodes: 1 }), words);
    expect(floating[0]).toEqual(["a1 -", "a2 203.0.113.0", "b1 -", "b2 -"]);
  });

  test("are taken from gateways that are down before healthy ones, the last by name first", () => {
    const names = ["a1", "a2", "a3", "a4", "a5"];
    const words = { a1: "drained", a2: "down", a3: "down", a4: "drained" } as const;
    expect(run(pool("203.0.113.0/30", names, { maxGatewayNodes: 4 }), words)[0]).toEqual([
      "a1 203.0.113.0",
      "a2 203.0.113.1",
      "a3 -",
      "a4 203.0.113.3",
      "a5 203.0.113.2",
    ]);
  });

  test("are never taken from an active gateway: a returning one waits until there is one", () => {
    const model = pool("203.0.113.0/31", ["a1", "a2", "a3"]);
    const [start, down, back, free] = run(model, {}, { a1: "down" }, {}, { a2: "down" });
    expect(start).toEqual(["a1 203.0.113.0", "a2 203.0.113.1", "a3 -"]);
    expect(down).toEqual(["a1 -", "a2 203.0.113.1", "a3 203.0.113.0"]);
    expect(back).toEqual(down);
    expect(free).toEqual(["a1 203.0.113.1", "a2 -", "a3 203.0.113.0"]);
  });

  test("that are exhausted are reported for active gateways, by family", () => {
    const spec = { egressCIDRs: ["203.0.113.0/31", "2001:db8::/127"], destinationCIDRs: ["0.0.0.0/0", "::/0"] };
    const control = new GatewayControl(haModel(["a1", "a2", "a3"], spec));
    expect(control.picture.shortages).toEqual([
      { policy: 0, node: "a3", family: 4 },
      { policy: 0, node: "a3", family: 6 },
    ]);
    expect(addressesOf(control.picture.model, 0, 6)).toEqual(["a1 2001:db8::", "a2 2001:db8::1", "a3 -"]);
    control.update(statuses({ a3: "drained" }));
    expect(control.picture.shortages).toEqual([]);
  });

  test("are given to all gateways that are active for some zone, also beyond the cap", () => {
    const spec = { egressCIDRs: ["203.0.113.0/31"], azAffinity: "localOnly" };
    const model = haModel(["a1", "a2", "b1"], spec, { maxGatewayNodes: 1 });
    expect(addressesOf(model)).toEqual(["a1 203.0.113.0", "a2 -", "b1 203.0.113.1"]);
    expect(addressesOf(new GatewayControl(model).picture.model)).toEqual(addressesOf(model));
  });

  test("begin as status.groupStatuses says", () => {
    const groupStatuses = [
      {
        egressIPByGatewayIP: { "172.18.0.3": "203.0.113.0", "172.18.0.1": "203.0.113.1" },
        healthyGatewayIPs: ["172.18.0.2", "172.18.0.3"],
      },
    ];
    const policy = haPolicy({ egressCIDRs: ["203.0.113.0/31"] }, {}, { status: { groupStatuses } });
    const model = load([POD, ...gateways("a1", "a2", "a3"), policy]);
    const control = new GatewayControl(model);
    expect(addressesOf(control.picture.model)).toEqual(["a1 -", "a2 203.0.113.1", "a3 203.0.113.0"]);
    expect(control.picture.nodes.get("a1")).toBe("down");
  });

  test("are the same for one node in two groups", () => {
    const groups = [zoneGroup("a", { interface: "eth1" }), zoneGroup("a", { interface: "eth2" }), zoneGroup("b")];
    const model = haModel(["a1", "b1"], { egressCIDRs: ["203.0.113.0/30"], egressGroups: groups });
    const { picture } = new GatewayControl(model);
    expect(addressesOf(picture.model)).toEqual(["a1 203.0.113.0", "b1 203.0.113.1"]);
    expect(activeNames(picture.model, picture.active, undefined)).toEqual(["a1", "b1"]);
  });

  test("of ranges of one policy that overlap are given once", () => {
    const model = haModel(["a1", "a2", "a3"], { egressCIDRs: ["203.0.113.0/31", "203.0.113.0/30"] });
    const { picture } = new GatewayControl(model);
    expect(addressesOf(picture.model)).toEqual(["a1 203.0.113.0", "a2 203.0.113.1", "a3 203.0.113.2"]);
  });

  test("are given up where another policy fixes one for a gateway", () => {
    const control = new GatewayControl(pool("203.0.113.0/31", ["a1", "b1"], zoneGroup("a")));
    expect(addressesOf(control.picture.model)).toEqual(["a1 203.0.113.0"]);
    const fixed = groupPolicy("fixed", { egressGroups: [zoneGroup("b", { egressIP: "203.0.113.0" })] });
    const pooled = haPolicy({ egressCIDRs: ["203.0.113.0/31"] }, zoneGroup("a"));
    control.changeModel(load([POD, ...gateways("a1", "b1"), fixed, pooled]), new Map());
    const { model } = control.picture;
    expect([0, 1].map((policy) => addressesOf(model, policy))).toEqual([["b1 203.0.113.0"], ["a1 203.0.113.1"]]);
  });

  test("of overlapping ranges are the older policy's, and free for the younger once that is gone", () => {
    const policy = (name: string, zone: string, created: string) =>
      groupPolicy(
        name,
        { egressCIDRs: ["203.0.113.0/30"], egressGroups: [zoneGroup(zone)] },
        { metadata: { name, creationTimestamp: created } },
      );
    const [old, young] = [policy("old", "a", "2026-01-01T00:00:00Z"), policy("young", "b", "2026-01-02T00:00:00Z")];
    const nodes = gateways("a1", "b1");
    const control = new GatewayControl(load([POD, ...nodes, young, old]));
    expect([0, 1].map((index) => addressesOf(control.picture.model, index))).toEqual([["a1 203.0.113.0"], ["b1 -"]]);
    expect(control.picture.shortages).toEqual([{ policy: 1, node: "b1", family: 4 }]);
    control.changeModel(load([POD, ...nodes, young]), new Map());
    expect(addressesOf(control.picture.model)).toEqual(["b1 203.0.113.0"]);
  });
});

describe("properties of egressCIDRs", () => {
  const NAMES = ["a1", "a2", "a3", "b1", "b2"];
  const step = fc.array(fc.constantFrom(...WORDS), { minLength: NAMES.length, maxLength: NAMES.length });
  const runs = fc.record({
    length: fc.constantFrom(30, 31, 32),
    cap: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
    azAffinity: fc.constantFrom("disabled", "localOnly", "localOnlyFirst", "localPriority"),
    steps: fc.array(step, { minLength: 1, maxLength: 8 }),
  });
  const SIZE: Record<number, number> = { 30: 4, 31: 2, 32: 1 };

  /** Address by node, of those who have one. */
  function held(model: PolicyModel): Map<string, string> {
    const pairs = addressesOf(model).map((text) => text.split(" ") as [string, string]);
    return new Map(pairs.filter(([, address]) => address !== "-"));
  }

  function activeAnywhere({ picture }: GatewayControl): Set<string> {
    const { model, active } = picture;
    return new Set([...active[0]!.byZone.values()].flat().map((position) => membersOf(model)[position]!.node));
  }

  const words = (list: readonly Word[]) => Object.fromEntries(NAMES.map((name, index) => [name, list[index]!]));

  /** How things stand after a step of a run. */
  interface Standing {
    readonly control: GatewayControl;
    /** Addresses in the range. */
    readonly size: number;
    /** Address by node, before the step and after it. */
    readonly before: ReadonlyMap<string, string>;
    readonly addresses: ReadonlyMap<string, string>;
    readonly active: ReadonlySet<string>;
  }

  /** Checks what has to hold after each step of any run. */
  function everyStep(check: (standing: Standing) => void): void {
    fc.assert(
      fc.property(runs, ({ length, cap, azAffinity, steps }) => {
        const spec = { egressCIDRs: [`203.0.113.0/${length}`], azAffinity };
        const control = new GatewayControl(haModel(NAMES, spec, { maxGatewayNodes: cap }));
        for (const list of steps) {
          const before = held(control.picture.model);
          control.update(statuses(words(list)));
          const addresses = held(control.picture.model);
          check({ control, size: SIZE[length]!, before, addresses, active: activeAnywhere(control) });
        }
      }),
      { numRuns: 200 },
    );
  }

  test("no two gateways have one address; none is idle while somebody goes without", () => {
    everyStep(({ addresses, size }) => {
      expect(new Set(addresses.values()).size).toBe(addresses.size);
      expect(addresses.size).toBe(Math.min(size, NAMES.length));
    });
  });

  test("a node keeps its address unless an active one that had none has it now", () => {
    everyStep(({ before, addresses, active }) => {
      for (const [node, address] of before) {
        if (addresses.get(node) === address) continue;
        const taker = [...addresses].find(([, other]) => other === address)!;
        expect(active.has(node)).toBe(false);
        expect(active.has(taker[0])).toBe(true);
        expect(before.has(taker[0])).toBe(false);
      }
    });
  });

  test("who is active goes without only where all addresses are with active ones, and that is reported", () => {
    everyStep(({ addresses, active, control }) => {
      const without = [...active].filter((node) => !addresses.has(node)).sort();
      if (without.length > 0) expect([...addresses.keys()].every((node) => active.has(node))).toBe(true);
      expect(control.picture.shortages.map(({ node }) => node)).toEqual(without);
    });
  });

  test("neither the order of manifests nor that of statuses matters", () => {
    const objects = [POD, ...gateways(...NAMES), haPolicy({ egressCIDRs: ["203.0.113.0/31"] }, { maxGatewayNodes: 2 })];
    const orders = fc.record({
      objects: fc.shuffledSubarray(objects, { minLength: objects.length }),
      names: fc.shuffledSubarray(NAMES, { minLength: NAMES.length }),
      list: step,
    });
    fc.assert(
      fc.property(orders, ({ objects: shuffled, names, list }) => {
        const [plain, other] = [new GatewayControl(load(objects)), new GatewayControl(load(shuffled))];
        const states = words(list);
        plain.update(statuses(states));
        other.update(statuses(Object.fromEntries(names.map((name) => [name, states[name]!]))));
        expect(addressesOf(other.picture.model)).toEqual(addressesOf(plain.picture.model));
        expect(other.picture.active).toEqual(plain.picture.active);
      }),
      { numRuns: 100 },
    );
  });

  test("losing one of four moves nobody else's address", () => {
    const four = NAMES.slice(0, 4);
    for (const lost of four) {
      for (const cidr of ["203.0.113.0/30", "203.0.113.0/31"]) {
        const control = new GatewayControl(pool(cidr, four));
        const before = held(control.picture.model);
        control.update(statuses({ [lost]: "down" }));
        const after = held(control.picture.model);
        for (const node of four) {
          if (node === lost || !before.has(node)) continue;
          expect(after.get(node)).toBe(before.get(node));
        }
      }
    }
  });
});

test("a gateway that is new in the manifests is given the next free address", () => {
  const spec = { egressCIDRs: ["203.0.113.0/30"] };
  const control = new GatewayControl(haModel(["a2", "a3"], spec));
  control.changeModel(load([POD, gateway("a1", 9), ...gateways("a2", "a3"), haPolicy(spec)]), new Map());
  expect(addressesOf(control.picture.model)).toEqual(["a1 203.0.113.2", "a2 203.0.113.0", "a3 203.0.113.1"]);
});
