import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { PolicyError, UsageError } from "../../src/errors.js";
import { readScenario, type Scenario, type ScenarioOptions } from "../../src/gateway/scenario.js";
import { defaultHealth } from "../../src/gateway/scenario-health.js";
import { writeFiles } from "../config/manifests.js";

const HEAD = "apiVersion: sluicegate.io/v1\nkind: Scenario\nmetadata:\n  name: reboot\n";
const NODES = [{ name: "gw-a" }, { name: "gw-b" }];
const TIME = "a time after the first frame such as 12.5s, or an RFC 3339 time, within 64 bits of nanoseconds";

function read(text: string | object | Uint8Array, options: ScenarioOptions = {}, name = "reboot.yaml"): Scenario {
  return readScenario(join(writeFiles({ [name]: text, "later.yaml": "" }), name), options);
}

/** A scenario whose spec, from line 6 on, is `spec`. */
function readSpec(spec: string, options?: ScenarioOptions): Scenario {
  return read(`${HEAD}spec:\n${spec}`, options);
}

/** The faults of a text without the path in front. */
function faults(text: string | object, options?: ScenarioOptions, name?: string): string[] {
  try {
    read(text, options, name);
  } catch (error) {
    if (error instanceof PolicyError)
      return error.message.split("\n").map((line) => line.replace(/^.*?\.(yaml|json):/, ""));
    throw error;
  }
  throw new Error("the scenario is read without a fault");
}

function warnings({ warnings: list }: Scenario): string[] {
  return list.map(({ line, column, text }) => `${line}:${column} ${text}`);
}

describe("a scenario", () => {
  test("is read with all its parts", () => {
    const scenario = readSpec(
      `  health: {probeInterval: 500ms, timeout: 3s, phase: 250ms, failback: {holdDown: 30s}}
  propagation: 1.5s
  events:
  - {at: 12.5s, node: gw-a, event: node-down}
  - {at: "2026-06-01T10:58:58.5Z", node: gw-b, event: drain}
  - {at: 0, manifests: later.yaml}
`,
      { nodes: NODES },
    );
    expect(scenario).toMatchObject({
      name: "reboot",
      health: { probeIntervalMs: 500, timeoutMs: 3000, failback: { kind: "hold-down", ms: 30_000 } },
      phaseMs: 250,
      propagationMs: 1500,
      warnings: [],
    });
    expect(scenario.events.slice(0, 2)).toEqual([
      { at: { fromStartNs: 12_500_000_000n }, node: "gw-a", event: "node-down" },
      { at: { absoluteNs: 1_780_311_538_500_000_000n }, node: "gw-b", event: "drain" },
    ]);
    expect(scenario.events[2]).toEqual({
      at: { fromStartNs: 0n },
      manifests: scenario.file.replace("reboot.yaml", "later.yaml"),
    });
  });

  test("has defaults for everything: probes twice in a timeout of 2 s, failback at once, its file's name", () => {
    const scenario = read("apiVersion: sluicegate.io/v1\nkind: Scenario\n", {}, "gw-a dies.yaml");
    expect(scenario).toMatchObject({ name: "gw-a dies", propagationMs: 0, events: [] });
    expect(scenario.health).toEqual({ probeIntervalMs: 1000, timeoutMs: 2000, failback: { kind: "immediate" } });
    expect(scenario.phaseMs).toBeUndefined();
    expect(scenario.health).toEqual(defaultHealth());
  });

  test("takes the cluster's timeout where it names none, and probes twice in it", () => {
    expect(read(HEAD, { timeoutMs: 5001 }).health).toEqual(defaultHealth(5001));
    expect(defaultHealth(5001)).toMatchObject({ probeIntervalMs: 2501, timeoutMs: 5001 });
    expect(readSpec("  health: {timeout: 1s}\n", { timeoutMs: 5000 }).health).toMatchObject({
      probeIntervalMs: 500,
      timeoutMs: 1000,
    });
  });

  test.each([
    ["immediate", { kind: "immediate" }],
    ["never", { kind: "never" }],
    ["{holdDown: 0s}", { kind: "hold-down", ms: 0 }],
    ["{afterProbes: 3}", { kind: "after-probes", count: 3 }],
  ])("knows failback %s", (text, failback) => {
    expect(readSpec(`  health: {failback: ${text}}\n`).health.failback).toEqual(failback);
  });

  test("may be JSON, and gzipped", () => {
    const object = {
      apiVersion: "sluicegate.io/v1",
      kind: "Scenario",
      spec: { events: [{ at: "1s", node: "a", event: "add" }] },
    };
    expect(read(object, {}, "s.json").events).toHaveLength(1);
    expect(read(gzipSync(JSON.stringify(object)), {}, "s.yaml.gz")).toMatchObject({ name: "s" });
  });

  test("that is not there is a usage error", () => {
    expect(() => readScenario("no/such/scenario.yaml")).toThrow(UsageError);
  });
});

const events = (line: string) => `${HEAD}spec:\n  events:\n  - ${line}\n`;
const health = (line: string) => `${HEAD}spec:\n  health:\n    ${line}\n`;
const ORDERS = "one of node-down, node-up, agent-down, agent-up, drain, undrain, remove, add";
const FAILBACK = "immediate, never, {holdDown: DURATION} or {afterProbes: NUMBER}";
const S = "Scenario reboot spec";

const MISTAKES: readonly (readonly [what: string, text: string, fault: string])[] = [
  ["nothing", "", "1:1: the document is missing, expected an object of kind Scenario"],
  ["text", "hello", '1:1: Scenario reboot is "hello", expected an object of kind Scenario'],
  [
    "another version",
    HEAD.replace("/v1", "/v2"),
    '1:13: Scenario reboot apiVersion is "sluicegate.io/v2", expected sluicegate.io/v1',
  ],
  ["another kind", HEAD.replace("Scenario", "Pod"), '2:7: Scenario reboot kind is "Pod", expected Scenario'],
  ["no kind", HEAD.replace("kind: Scenario\n", ""), "1:1: Scenario reboot kind is missing, expected Scenario"],
  ["a name that is a number", HEAD.replace("reboot", "7"), "4:9: Scenario reboot metadata.name is 7, expected a name"],
  [
    "a second object",
    `${HEAD}---\na: 1\n`,
    "6:1: Scenario reboot is an object, expected the end of the file: it holds one Scenario",
  ],
  [
    "a spec that is a list",
    `${HEAD}spec: [1]\n`,
    `5:7: ${S} is a list, expected an object with health, propagation and events`,
  ],
  ["events that are an object", `${HEAD}spec: {events: {}}\n`, `5:16: ${S}.events is an empty object, expected a list`],
  [
    "an event that is text",
    events("now"),
    `7:5: ${S}.events[0] is "now", expected an object with at, and node and event or manifests`,
  ],
  ["no time", events("{node: gw-a, event: add}"), `7:5: ${S}.events[0].at is missing, expected ${TIME}`],
  [
    "a time without unit",
    events("{at: 12, node: gw-a, event: add}"),
    `7:10: ${S}.events[0].at is 12, expected ${TIME}`,
  ],
  [
    "a negative time",
    events("{at: -1s, node: gw-a, event: add}"),
    `7:10: ${S}.events[0].at is "-1s", expected ${TIME}`,
  ],
  [
    "a time too late",
    events("{at: 5124096h, node: gw-a, event: add}"),
    `7:10: ${S}.events[0].at is "5124096h", expected ${TIME}`,
  ],
  [
    "a year too late",
    events("{at: 2999-01-01T00:00:00Z, node: gw-a, event: add}"),
    `7:10: ${S}.events[0].at is "2999-01-01T00:00:00Z", expected ${TIME}`,
  ],
  [
    "a year too early",
    events("{at: 1969-12-31T23:59:59Z, node: gw-a, event: add}"),
    `7:10: ${S}.events[0].at is "1969-12-31T23:59:59Z", expected ${TIME}`,
  ],
  ["no node", events("{at: 1s, event: add}"), `7:5: ${S}.events[0].node is missing, expected the name of a node`],
  [
    "a node that is a number",
    events("{at: 1s, node: 7, event: add}"),
    `7:20: ${S}.events[0].node is 7, expected the name of a node`,
  ],
  ["no event", events("{at: 1s, node: gw-a}"), `7:5: ${S}.events[0].event is missing, expected ${ORDERS}`],
  [
    "an event written badly",
    events("{at: 1s, node: gw-a, event: node-dwon}"),
    `7:33: ${S}.events[0].event is "node-dwon", expected ${ORDERS}; did you mean node-down?`,
  ],
  [
    "an unknown event",
    events("{at: 1s, node: gw-a, event: explode}"),
    `7:33: ${S}.events[0].event is "explode", expected ${ORDERS}`,
  ],
  [
    "a node beside manifests",
    events("{at: 1s, manifests: later.yaml, node: gw-a}"),
    `7:43: ${S}.events[0].node is "gw-a", expected nothing beside manifests`,
  ],
  [
    "manifests that are not there",
    events("{at: 1s, manifests: gone}"),
    `7:25: ${S}.events[0].manifests is "gone", expected the path of a file or folder, from the scenario's own folder`,
  ],
  [
    "manifests without a path",
    events('{at: 1s, manifests: ""}'),
    `7:25: ${S}.events[0].manifests is "", expected the path of a file or folder, from the scenario's own folder`,
  ],
  [
    "manifests that are a list",
    events("{at: 1s, manifests: [later.yaml]}"),
    `7:25: ${S}.events[0].manifests is a list, expected the path of a file or folder`,
  ],
  [
    "an unknown node",
    events("{at: 1s, node: gw-aa, event: add}"),
    `7:20: ${S}.events[0].node is "gw-aa", expected a node of the manifests; did you mean gw-a?`,
  ],
  [
    "a stranger",
    events("{at: 1s, node: web, event: add}"),
    `7:20: ${S}.events[0].node is "web", expected a node of the manifests`,
  ],
  [
    "health that is text",
    `${HEAD}spec: {health: fast}\n`,
    `5:16: ${S}.health is "fast", expected an object with probeInterval, timeout, phase and failback`,
  ],
  [
    "an interval of nothing",
    health("probeInterval: 0s"),
    `7:20: ${S}.health.probeInterval is "0s", expected a duration above zero such as 1.5s`,
  ],
  [
    "an interval that is a number",
    health("probeInterval: 1"),
    `7:20: ${S}.health.probeInterval is 1, expected a duration above zero such as 1.5s`,
  ],
  [
    "an interval beyond the timeout",
    health("probeInterval: 2001ms"),
    `7:20: ${S}.health.probeInterval is "2001ms", expected at most the timeout of 2000 ms`,
  ],
  [
    "a phase of one interval",
    health("phase: 1s"),
    `7:12: ${S}.health.phase is "1s", expected less than the probe interval of 1000 ms`,
  ],
  [
    "a propagation that is text",
    `${HEAD}spec: {propagation: soon}\n`,
    `5:21: ${S}.propagation is "soon", expected a duration such as 1.5s`,
  ],
  ["an unknown failback", health("failback: later"), `7:15: ${S}.health.failback is "later", expected ${FAILBACK}`],
  [
    "two failbacks",
    health("failback: {holdDown: 1s, afterProbes: 1}"),
    `7:15: ${S}.health.failback is an object, expected ${FAILBACK}`,
  ],
  ["an empty failback", health("failback: {}"), `7:15: ${S}.health.failback is an empty object, expected ${FAILBACK}`],
  [
    "after no probe",
    health("failback: {afterProbes: 0}"),
    `7:29: ${S}.health.failback.afterProbes is 0, expected a whole number from 1 to 1000000`,
  ],
  [
    "a hold without unit",
    health("failback: {holdDown: 30}"),
    `7:26: ${S}.health.failback.holdDown is 30, expected a duration such as 1.5s`,
  ],
  ["broken YAML", `${HEAD}spec: [\n`, "6:1: the text is broken (deficient indentation), expected well-formed YAML"],
];

describe("faults", () => {
  test.each(MISTAKES)("%s", (_, text, fault) => {
    expect(faults(text, { nodes: NODES })).toEqual([fault]);
  });

  test("are reported all at once, in the order of the file, JSON too", () => {
    const text = events("{at: soon, node: gw-x, event: dance}\n  health: {timeout: -1s}");
    expect(faults(text, { nodes: NODES }).map((line) => line.split(" is ")[0])).toEqual([
      `7:10: ${S}.events[0].at`,
      `7:35: ${S}.events[0].event`,
      `8:21: ${S}.health.timeout`,
    ]);
    const json =
      '{"apiVersion": "sluicegate.io/v1", "kind": "Scenario",\n "spec": {"events": [{"at": "x", "node": 1, "event": "add"}]}}';
    expect(faults(json, {}, "s.json")).toEqual([
      `2:29: Scenario s spec.events[0].at is "x", expected ${TIME}`,
      "2:42: Scenario s spec.events[0].node is 1, expected the name of a node",
    ]);
  });
});

describe("nodes", () => {
  const text = `  events:
  - {at: 1s, manifests: later.yaml}
  - {at: 2s, node: gw-new, event: node-down}
`;

  test("of later manifests are known, too", () => {
    const laterNodes = (paths: readonly string[]) => (paths[0]!.endsWith("later.yaml") ? ["gw-new"] : []);
    expect(readSpec(text, { nodes: NODES, laterNodes }).events).toHaveLength(2);
    expect(() => readSpec(text, { nodes: NODES })).toThrow(
      'events[1].node is "gw-new", expected a node of the manifests',
    );
  });

  test("are not checked where there is no list", () => {
    expect(readSpec(text).events).toHaveLength(2);
  });

  test("of later manifests are not asked for where those have a fault already", () => {
    const laterNodes = () => {
      throw new Error("asked");
    };
    const broken = text.replace("later.yaml", "gone.yaml");
    expect(() => readSpec(broken, { nodes: NODES, laterNodes })).toThrow(/^[^\n]*manifests is "gone.yaml"[^\n]*$/);
  });
});

describe("warnings", () => {
  test("name unknown fields, with what was meant", () => {
    const spec =
      "  helth: {}\n  health: {timeOut: 1s, failback: {holddown: 1s, afterProbes: 1}}\n  events: [{at: 1s, node: a, event: add, why: x}]\n";
    expect(warnings(readSpec(spec))).toEqual(
      [
        "6:3 Scenario reboot: helth is not a field that counts here, it is ignored; did you mean health?",
        "7:12 Scenario reboot: timeOut is not a field that counts here, it is ignored; did you mean timeout?",
        "7:36 Scenario reboot: holddown is not a field that counts here, it is ignored; did you mean holdDown?",
        "8:42 Scenario reboot: why is not a field that counts here, it is ignored",
        "8:37 add changes nothing: a is that way already",
      ].sort((a, b) => a.localeCompare(b, "en", { numeric: true })),
    );
  });

  const idle = (lines: string, options: ScenarioOptions = { nodes: NODES }) =>
    warnings(
      readSpec(`  events:\n${lines.replace(/^(\S+) (\S+) (\S+)$/gm, "  - {at: $1, node: $2, event: $3}")}`, options),
    );

  test("name orders that change nothing, by time and not by place", () => {
    expect(idle("1s gw-a node-up\n3s gw-b node-up\n2s gw-b node-down\n4s gw-b node-up\n")).toEqual([
      "7:33 node-up changes nothing: gw-a is that way already",
      "10:33 node-up changes nothing: gw-b is that way already",
    ]);
    expect(idle("1s gw-a remove\n2s gw-a drain\n3s gw-a add\n4s gw-a drain\n5s gw-a drain\n")).toEqual([
      "8:33 drain changes nothing: gw-a is not in the cluster then",
      "11:33 drain changes nothing: gw-a is that way already",
    ]);
  });

  test("know what the manifests say of the start", () => {
    const options = { nodes: [{ name: "gw-a", drain: "cordon" as const }, { name: "gw-b" }], initialDown: ["gw-b"] };
    expect(idle("1s gw-a drain\n1s gw-b node-up\n", options)).toEqual([
      "7:33 drain changes nothing: gw-a is that way already",
    ]);
  });

  test("say nothing where the file alone does not show it: times of two sorts, other manifests, failback never", () => {
    expect(idle("1s gw-a node-up\n2026-06-01T00:00:00Z gw-a node-up\n")).toEqual([]);
    expect(idle("2s gw-a node-up\n  - {at: 1s, manifests: later.yaml}\n")).toEqual([]);
    const never = "  health: {failback: never}\n  events: [{at: 1s, node: gw-a, event: undrain}]\n";
    expect(warnings(readSpec(never, { nodes: NODES }))).toEqual([]);
  });
});

describe("hostile files", () => {
  const many = (count: number, line: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => line(i)).join("\n");

  test("100,000 events are read, one more is a fault", () => {
    const list = (count: number) => `  events:\n${many(count, (i) => `  - {at: ${i}ms, node: gw-a, event: drain}`)}\n`;
    expect(readSpec(list(100_000)).events).toHaveLength(100_000);
    expect(() => readSpec(list(100_001))).toThrow(
      `100007:5: ${S}.events[100000] is "100001 events", expected at most 100000`,
    );
  });

  test("a scenario of more than 32 MiB is refused unread", () => {
    expect(faults(`#${"x".repeat(2 ** 25)}`)).toEqual([
      "1:1: the text is broken (33554433 bytes), expected a scenario of at most 33554432",
    ]);
  });

  test("100,000 unknown nodes and as many unknown fields are told in bounded length", () => {
    const nodes = many(100_000, (i) => `  - {at: 1s, node: gw-${i}x, event: drain}`);
    const lines = faults(`${HEAD}spec:\n  events:\n${nodes}\n`, { nodes: NODES });
    expect(lines).toHaveLength(1001);
    expect(lines.at(-1)).toContain("the rest is 99000 more faults");
    const fields = read(`${HEAD}spec:\n${many(100_000, (i) => `  x${i}: 1`)}\n`);
    expect(fields.warnings.length).toBeLessThanOrEqual(1001);
  });

  test("aliases that explode, deep nesting and prototype names are no way in", () => {
    expect(
      faults(`${HEAD}a: &a [1]\nb: &b [${"*a,".repeat(9)}*a]\nspec: {events: [${"*b,".repeat(10_000)}*b]}\n`)[0],
    ).toContain("alias");
    expect(faults(`${HEAD}spec: ${"[".repeat(5000)}\n`)).toHaveLength(1);
    expect(readSpec('  "__proto__": {events: [1]}\n  constructor: 1\n').events).toEqual([]);
    expect(faults(events("{at: 1s, node: __proto__, event: toString}"))).toHaveLength(1);
  });

  test("a long value is shown in part", () => {
    expect(faults(events(`{at: "${"9".repeat(100_000)}", node: gw-a, event: drain}`))[0]!.length).toBeLessThan(300);
  });
});

test("the example of docs/high-availability.md is read without a warning", () => {
  const page = readFileSync(new URL("../../docs/high-availability.md", import.meta.url), "utf8");
  const [, example] = /```yaml\n(apiVersion: sluicegate[\s\S]*?)```/.exec(page)!;
  const folder = writeFiles({ "scenario.yaml": example, "manifests-new": "" });
  const scenario = readScenario(join(folder, "scenario.yaml"), { nodes: NODES });
  expect(scenario).toMatchObject({ name: "reboot-of-gw-a", warnings: [], propagationMs: 1500, phaseMs: 250 });
  expect(scenario.events).toHaveLength(4);
});
