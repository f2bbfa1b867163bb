import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeHappened } from "../../src/gateway/happened.js";
import type { Failback } from "../../src/gateway/health.js";
import type { ScenarioEvent } from "../../src/gateway/scenario.js";
import { Timeline } from "../../src/gateway/timeline.js";
import { at, changes, DEFAULTS, MS, START, story, timeline } from "./scenes.js";

const NEVER: Failback = { kind: "never" };
const HOLD: Failback = { kind: "hold-down", ms: 30_000 };

/** What 1,000 seeds say of a failure of gw-a at `ms`: milliseconds from it to its detection. */
function detections(ms: number): number[] {
  return Array.from({ length: 1000 }, (_, seed) => {
    const scenario = { health: DEFAULTS, events: [at(ms, "gw-a", "node-down")] };
    const line = new Timeline({ scenario, nodes: [{ name: "gw-a" }], seed, startNs: START });
    const found = changes(line).flatMap(({ atNs, happened }) =>
      happened.some(({ what }) => what === "down-detected") ? [Number(atNs - START) / 1e6 - ms] : [],
    );
    expect(found).toHaveLength(1);
    return found[0]!;
  });
}

describe("a node that goes down", () => {
  test("is suspect at its first missed probe and down at its last good one plus the timeout", () => {
    expect(story(timeline([at(1500, "gw-a", "node-down")]))).toEqual([
      "1500 gw-a node-down",
      "2400 gw-a suspect (1500)",
      "3400 gw-a down-detected (1500)",
    ]);
  });

  test("is detected within 1 to 2 s at the defaults, over 1,000 random phases", () => {
    for (const ms of [0, 12_345.678]) {
      const delays = detections(Math.floor(ms));
      expect(Math.min(...delays)).toBeGreaterThanOrEqual(1000);
      expect(Math.max(...delays)).toBeLessThanOrEqual(2000);
      expect(Math.min(...delays)).toBeLessThan(1050);
      expect(Math.max(...delays)).toBeGreaterThan(1950);
    }
  });

  test("loses its memory and answers nobody at once, while its status stands until the detection", () => {
    const [order, suspect, down] = changes(timeline([at(1500, "gw-a", "node-down")]));
    expect([order!.lost, [...order!.unreachable]]).toEqual([["gw-a"], ["gw-a"]]);
    expect(order!.statuses.get("gw-a")!.health).toBe("up");
    expect(suspect!.statuses.get("gw-a")!.health).toBe("suspect");
    expect(down!.statuses.get("gw-a")!.health).toBe("down");
    expect(down!.lost).toEqual([]);
  });

  test("at the very time of a probe misses that probe", () => {
    expect(story(timeline([at(1400, "gw-a", "node-down")]))).toEqual([
      "1400 gw-a node-down",
      "1400 gw-a suspect (1400)",
      "2400 gw-a down-detected (1400)",
    ]);
  });

  test("goes straight to down where the timeout is one interval", () => {
    const health = { probeIntervalMs: 1000, timeoutMs: 1000 };
    expect(story(timeline([at(1500, "gw-a", "node-down")], { health }))).toEqual([
      "1500 gw-a node-down",
      "2400 gw-a down-detected (1500)",
    ]);
  });

  test("and is back before it was detected was only suspect, but lost its memory all the same", () => {
    const line = timeline([at(1500, "gw-a", "node-down"), at(2600, "gw-a", "node-up")]);
    expect(line.next().lost).toEqual(["gw-a"]);
    expect(story(line)).toEqual(["2400 gw-a suspect (1500)", "2600 gw-a node-up", "3400 gw-a suspect-cleared (2600)"]);
  });

  test("and is back between two probes goes unnoticed, its memory gone", () => {
    const [down, up] = changes(timeline([at(1500, "gw-a", "node-down"), at(2300, "gw-a", "node-up")]));
    expect(down!.lost).toEqual(["gw-a"]);
    expect([...up!.unreachable]).toEqual([]);
  });

  test("and is up at once, at one instant, has only lost its memory", () => {
    const line = timeline([at(1500, "gw-a", "node-down"), at(1500, "gw-a", "node-up")]);
    const [reboot, ...rest] = changes(line);
    expect(reboot!.happened.map(({ what }) => what)).toEqual(["node-down", "node-up"]);
    expect([reboot!.lost, reboot!.unreachable.size, rest]).toEqual([["gw-a"], 0, []]);
  });

  test("twice without a good probe in between is found out once, for its first failure", () => {
    const events = [at(1500, "gw-a", "node-down"), at(1600, "gw-a", "node-up"), at(1700, "gw-a", "node-down")];
    expect(story(timeline(events)).slice(3)).toEqual(["2400 gw-a suspect (1500)", "3400 gw-a down-detected (1500)"]);
  });
});

describe("a node that comes back", () => {
  const outage = [at(1500, "gw-a", "node-down"), at(10_000, "gw-a", "node-up")];

  test("immediate: is up at its first good probe", () => {
    expect(story(timeline(outage)).slice(3)).toEqual(["10000 gw-a node-up", "10400 gw-a up-detected (10000)"]);
  });

  test("hold-down: is up that long after its first good probe", () => {
    expect(story(timeline(outage, { failback: HOLD })).at(-1)).toBe("40400 gw-a up-detected (10000)");
  });

  test("hold-down: a missed probe restarts the count, an outage between two probes does not", () => {
    const short = [at(20_500, "gw-a", "node-down"), at(20_600, "gw-a", "node-up")];
    expect(story(timeline([...outage, ...short], { failback: HOLD })).at(-1)).toBe("40400 gw-a up-detected (10000)");
    const missed = [at(20_300, "gw-a", "node-down"), at(20_600, "gw-a", "node-up")];
    expect(story(timeline([...outage, ...missed], { failback: HOLD })).at(-1)).toBe("51400 gw-a up-detected (20600)");
  });

  test("after-probes: is up at the last of that many good probes", () => {
    const failback: Failback = { kind: "after-probes", count: 3 };
    expect(story(timeline(outage, { failback })).at(-1)).toBe("12400 gw-a up-detected (10000)");
  });

  test("never: stays down until an add or an undrain, and is up at the next good probe", () => {
    expect(story(timeline(outage, { failback: NEVER })).at(-1)).toBe("10000 gw-a node-up");
    for (const order of ["add", "undrain"] as const) {
      const line = timeline([...outage, at(20_000, "gw-a", order)], { failback: NEVER });
      expect(story(line).slice(4)).toEqual([`20000 gw-a ${order}`, "20400 gw-a up-detected (20000)"]);
    }
  });

  test("never: an undrain of a node that still does not answer counts for when it does", () => {
    const events = [at(1500, "gw-a", "node-down"), at(5000, "gw-a", "undrain"), at(10_000, "gw-a", "node-up")];
    expect(story(timeline(events, { failback: NEVER })).at(-1)).toBe("10400 gw-a up-detected (10000)");
  });
});

describe("flapping", () => {
  /** Down and up again every 5 s, from 1.5 s on. */
  const flaps = Array.from({ length: 12 }, (_, i) => [
    at(1500 + 5000 * i, "gw-a", "node-down"),
    at(4000 + 5000 * i, "gw-a", "node-up"),
  ]).flat();

  test("immediate: the node goes down and comes back every time", () => {
    const found = story(timeline(flaps)).filter((line) => line.includes("detected"));
    expect(found).toHaveLength(24);
    expect(found.slice(0, 3)).toEqual([
      "3400 gw-a down-detected (1500)",
      "4400 gw-a up-detected (4000)",
      "8400 gw-a down-detected (6500)",
    ]);
  });

  test.each<[string, Failback, string]>([
    ["hold-down", { kind: "hold-down", ms: 5000 }, "64400 gw-a up-detected (59000)"],
    ["after-probes", { kind: "after-probes", count: 4 }, "62400 gw-a up-detected (59000)"],
  ])("%s: it goes down once and comes back once the flapping is over", (_, failback, last) => {
    const found = story(timeline(flaps, { failback })).filter((line) => line.includes("detected"));
    expect(found).toEqual(["3400 gw-a down-detected (1500)", last]);
  });
});

describe("an agent that fails", () => {
  test("is found out like a node, which stays up and takes no new connections", () => {
    const line = timeline([at(1500, "gw-a", "agent-down"), at(9000, "gw-a", "agent-up")]);
    const list = changes(line);
    expect(list.map(({ statuses }) => statuses.get("gw-a")!.agent)).toEqual(["up", "down", "down", "up"]);
    expect(list.every(({ lost, unreachable }) => lost.length === 0 && unreachable.size === 0)).toBe(true);
    expect(story(timeline([at(1500, "gw-a", "agent-down"), at(9000, "gw-a", "agent-up")]))).toEqual([
      "1500 gw-a agent-down",
      "3400 gw-a agent-down-detected (1500)",
      "9000 gw-a agent-up",
      "9400 gw-a agent-up-detected (9000)",
    ]);
  });

  test("stays away when its node reboots: that takes an agent-up of its own", () => {
    const events = [at(1500, "gw-a", "agent-down"), at(5000, "gw-a", "node-down"), at(9000, "gw-a", "node-up")];
    const last = changes(timeline(events)).at(-1)!;
    expect(last.statuses.get("gw-a")).toMatchObject({ health: "up", agent: "down" });
  });

  test("is not found out on a node that goes down with it", () => {
    const events = [at(1500, "gw-a", "agent-down"), at(1500, "gw-a", "node-down")];
    expect(story(timeline(events)).slice(2)).toEqual(["2400 gw-a suspect (1500)", "3400 gw-a down-detected (1500)"]);
  });
});

describe("drain, remove and add", () => {
  test("a drain counts at once and changes nothing else", () => {
    const [drain, undrain] = changes(timeline([at(1500, "gw-a", "drain"), at(2000, "gw-a", "undrain")]));
    expect([drain!.atNs, drain!.statuses.get("gw-a")]).toEqual([
      START + 1500n * MS,
      { health: "up", agent: "up", drained: true, removed: false },
    ]);
    expect(undrain!.statuses.get("gw-a")!.drained).toBe(false);
  });

  test("drained by annotation or cordon is drained from the start", () => {
    const line = timeline([], {
      nodes: [
        { name: "gw-a", drain: "annotation" },
        { name: "gw-b", drain: "cordon" },
      ],
    });
    expect([...line.statuses].map(([name, { drained }]) => [name, drained])).toEqual([
      ["gw-a", true],
      ["gw-b", true],
    ]);
    expect(line.nextNs).toBeUndefined();
  });

  test("a node that is removed is gone at once, without detection, and nobody probes it", () => {
    const [removed, ...rest] = changes(timeline([at(1500, "gw-a", "remove")]));
    expect(removed).toMatchObject({ lost: ["gw-a"], unreachable: new Set(["gw-a"]) });
    expect(removed!.statuses.get("gw-a")).toMatchObject({ removed: true, health: "down" });
    expect(rest).toEqual([]);
  });

  test("a node that is added anew comes up at its first good probe, subject to failback", () => {
    const events = [at(1500, "gw-a", "remove"), at(5000, "gw-a", "add")];
    expect(story(timeline(events)).slice(1)).toEqual(["5000 gw-a add", "5400 gw-a up-detected (5000)"]);
    expect(story(timeline(events, { failback: HOLD })).at(-1)).toBe("35400 gw-a up-detected (5000)");
    expect(story(timeline(events, { failback: NEVER })).at(-1)).toBe("5400 gw-a up-detected (5000)");
  });

  test("a node that is added anew is drained as its manifest says, whatever was ordered before", () => {
    const nodes = [{ name: "gw-a", drain: "cordon" as const }, { name: "gw-b" }];
    const orders = (name: string, order: "drain" | "undrain") => [
      at(1000, name, order),
      at(2000, name, "remove"),
      at(3000, name, "add"),
    ];
    const last = changes(timeline([...orders("gw-a", "undrain"), ...orders("gw-b", "drain")], { nodes })).at(-1)!;
    expect([last.statuses.get("gw-a")!.drained, last.statuses.get("gw-b")!.drained]).toEqual([true, false]);
  });

  test("an add of a node that is down is a node-up and an agent-up", () => {
    const events = [at(1500, "gw-a", "node-down"), at(2000, "gw-a", "agent-down"), at(9000, "gw-a", "add")];
    const list = changes(timeline(events));
    expect(list.at(-1)!.statuses.get("gw-a")).toMatchObject({ health: "up", agent: "up" });
    expect(list.at(-1)!.unreachable.size).toBe(0);
  });

  test("a node that the manifests do not have joins with its add", () => {
    const line = timeline([at(1500, "gw-new", "add")]);
    expect(line.statuses.get("gw-new")).toMatchObject({ removed: true, health: "down" });
    expect(story(line)).toEqual(["1500 gw-new add", "2400 gw-new up-detected (1500)"]);
  });

  test("a removed node heeds nothing but an add", () => {
    const others = ["node-down", "node-up", "agent-down", "agent-up", "drain", "undrain", "remove"] as const;
    const line = timeline([at(1000, "gw-a", "remove"), ...others.map((order) => at(2000, "gw-a", order))]);
    const [removed, then] = changes(line);
    expect(then).toMatchObject({ happened: [], lost: [], statuses: removed!.statuses });
  });
});

describe("a node that is down at the start", () => {
  test("does not answer probes until a node-up, but nobody says that it handles no frames", () => {
    const line = timeline([at(3000, "gw-a", "node-up")], { initialDown: ["gw-a"] });
    expect(line.statuses.get("gw-a")!.health).toBe("down");
    expect(line.unreachable.size).toBe(0);
    expect(story(line)).toEqual(["3000 gw-a node-up", "3400 gw-a up-detected (3000)"]);
  });

  test("loses its memory by a node-down like any other", () => {
    const [down] = changes(timeline([at(3000, "gw-a", "node-down")], { initialDown: ["gw-a"] }));
    expect(down).toMatchObject({ lost: ["gw-a"], unreachable: new Set(["gw-a"]) });
  });
});

describe("other manifests", () => {
  const manifests = (ms: number): ScenarioEvent => ({ at: { fromStartNs: BigInt(ms) * MS }, manifests: `at-${ms}` });

  test("come into force by number, in the order in which the scenario names them", () => {
    const list = changes(timeline([manifests(2000), at(3000, "gw-a", "drain"), manifests(1000)]));
    expect(list.map(({ manifests: number, happened }) => [number, happened[0]!.what])).toEqual([
      [2, "manifests"],
      [1, "manifests"],
      [undefined, "drain"],
    ]);
  });

  test("remove the nodes that they leave out, add new ones, and drain and undrain as they differ", () => {
    const line = timeline([manifests(1000), manifests(5000)], {
      nodes: [{ name: "gw-a" }, { name: "gw-b" }, { name: "gw-c", drain: "cordon" }],
      manifestNodes: [
        [{ name: "gw-b", drain: "annotation" }, { name: "gw-c", drain: "annotation" }, { name: "gw-d" }],
        [{ name: "gw-a" }, { name: "gw-b" }, { name: "gw-c" }, { name: "gw-d" }],
      ],
    });
    expect(line.statuses.get("gw-d")!.removed).toBe(true);
    expect(story(line)).toEqual([
      "1000 manifests",
      "1000 gw-a remove",
      "1000 gw-b drain",
      "1000 gw-d add",
      "1400 gw-d up-detected (1000)",
      "5000 manifests",
      "5000 gw-a add",
      "5000 gw-b undrain",
      "5000 gw-c undrain",
      "5400 gw-a up-detected (5000)",
    ]);
  });

  test("say how a node is that is added anew after they came", () => {
    const cordoned = [{ name: "gw-a", drain: "cordon" as const }, { name: "gw-b" }];
    const events = [manifests(1000), at(2000, "gw-a", "undrain"), at(3000, "gw-a", "remove"), at(4000, "gw-a", "add")];
    expect(
      changes(timeline(events, { manifestNodes: [cordoned] }))
        .at(-1)!
        .statuses.get("gw-a")!.drained,
    ).toBe(true);
  });

  test("leave orders of the scenario standing where they say the same of a node as those before", () => {
    const nodes = [{ name: "gw-a" }, { name: "gw-b" }];
    const events = [at(500, "gw-a", "drain"), at(600, "gw-b", "remove"), manifests(1000)];
    const last = changes(timeline(events, { nodes, manifestNodes: [nodes] })).at(-1)!;
    expect([last.statuses.get("gw-a")!.drained, last.statuses.get("gw-b")!.removed]).toEqual([true, true]);
  });
});

describe("time", () => {
  test("orders come by time, those of one time as written, RFC 3339 and durations mixed", () => {
    const absolute = { at: { absoluteNs: START - 1500n * MS }, node: "gw-b", event: "node-down" } as const;
    const line = timeline([at(2000, "gw-a", "undrain"), at(2000, "gw-a", "drain"), at(0, "gw-a", "drain"), absolute]);
    expect(story(line)).toEqual([
      "-1500 gw-b node-down",
      "-600 gw-b suspect (-1500)",
      "0 gw-a drain",
      "400 gw-b down-detected (-1500)",
      "2000 gw-a undrain",
      "2000 gw-a drain",
    ]);
  });

  test("what is found out at one time comes by node name", () => {
    const found = story(timeline([at(500, "gw-b", "node-down"), at(500, "gw-a", "node-down")])).slice(2, 4);
    expect(found).toEqual(["1400 gw-a suspect (500)", "1400 gw-b suspect (500)"]);
  });

  test("a silent stretch of ten years is one step, failback and all", () => {
    const tenYears = 10 * 365 * 86_400_000;
    const health = { probeIntervalMs: 1, timeoutMs: 1 };
    const events = [at(0, "gw-a", "node-down"), at(tenYears, "gw-a", "node-up"), at(2 * tenYears, "gw-a", "node-down")];
    const line = timeline(events, { health, phaseMs: 0, failback: { kind: "hold-down", ms: 30 * 86_400_000 } });
    expect(changes(line)).toHaveLength(4);
  });

  test("nothing comes after the last instant of 64 bits", () => {
    const startNs = 2n ** 64n - 1_000_000_000n;
    const line = timeline([at(500, "gw-a", "node-down"), at(5000, "gw-b", "node-down")], { startNs, phaseMs: 800 });
    expect(line.next().atNs).toBe(startNs + 500_000_000n);
    expect(line.next().happened[0]!.what).toBe("suspect");
    expect(line.nextNs).toBeUndefined();
    expect(() => line.next()).toThrow(new RangeError("the timeline has come to its end"));
  });

  test("100,000 events over ten nodes are taken in order, each once", () => {
    const events = Array.from({ length: 100_000 }, (_, i) =>
      at(i * 10, `gw-${i % 10}`, Math.floor(i / 10) % 2 === 0 ? "node-down" : "node-up"),
    );
    const nodes = Array.from({ length: 10 }, (_, i) => ({ name: `gw-${i}` }));
    const list = changes(timeline(events, { nodes }));
    const orders = list.flatMap(({ happened }) => happened.filter(({ what }) => what.startsWith("node-")));
    expect(orders).toHaveLength(100_000);
    expect(list.every(({ atNs }, i) => i === 0 || atNs > list[i - 1]!.atNs)).toBe(true);
  });
});

describe("determinism", () => {
  test("the same options give the same changes, and statuses that were handed out stay as they were", () => {
    const order = fc.record({
      ms: fc.integer({ min: 0, max: 20_000 }),
      node: fc.constantFrom("gw-a", "gw-b"),
      order: fc.constantFrom("node-down", "node-up", "drain", "remove", "add" as const),
    });
    fc.assert(
      fc.property(fc.array(order, { maxLength: 20 }), fc.nat(), (orders, seed) => {
        const events = orders.map(({ ms, node, order: event }) => at(ms, node, event));
        const scenario = { health: DEFAULTS, events };
        const make = () =>
          new Timeline({ scenario, nodes: [{ name: "gw-a" }, { name: "gw-b" }], seed, startNs: START });
        const first = make();
        const kept: string[] = [];
        const list: unknown[] = [];
        while (first.nextNs !== undefined) {
          const change = first.next();
          list.push(change);
          kept.push(JSON.stringify([...change.statuses, ...change.unreachable]));
        }
        const again = changes(make());
        expect(list).toEqual(again);
        expect(kept).toEqual(again.map(({ statuses, unreachable }) => JSON.stringify([...statuses, ...unreachable])));
      }),
    );
  });

  test("nodes are probed at times of their own unless the scenario gives one for all", () => {
    const scenario = { health: DEFAULTS, events: [at(0, "gw-a", "node-down"), at(0, "gw-b", "node-down")] };
    const nodes = [{ name: "gw-a" }, { name: "gw-b" }];
    expect(changes(new Timeline({ scenario, nodes, seed: 1, startNs: START }))).toHaveLength(5);
    expect(
      changes(new Timeline({ scenario: { ...scenario, phaseMs: 7 }, nodes, seed: 1, startNs: START })),
    ).toHaveLength(3);
  });
});

test("what happened is told in a line, with the time since its cause", () => {
  expect(describeHappened({ node: "gw-a", what: "down-detected", causeAtNs: START }, START + 1_350_000_000n)).toBe(
    "gw-a counts as down, 1.350 s after its cause",
  );
  expect(describeHappened({ node: "gw-a", what: "drain" }, START)).toBe("gw-a is drained: no new connections");
  expect(describeHappened({ node: "", what: "manifests" }, START)).toBe("other manifests come into force");
});
