import { describe, expect, test } from "vitest";
import {
  explainFrame,
  loadManifests,
  type ReplayReport,
  readScenarioText,
  replay,
  scenarioOptionsOf,
} from "../../../src/index.js";
import type { PickedFile, Progress, RunSettings } from "../../../src/playground/messages.js";
import { Desk, STARTER_NAME, type Supervision } from "../../../src/playground/worker/desk.js";
import { walkSteps } from "../../../src/report/explain-view.js";
import { MANIFESTS, made, modules, picked, SETTINGS } from "../files.js";

const WEB = "pcaps/web/in.pcap";
const MODULES = modules();

function supervision(): Supervision & { readonly told: Progress[] } {
  const told: Progress[] = [];
  return { told, signal: new AbortController().signal, onProgress: (progress) => told.push(progress) };
}

async function opened(...more: PickedFile[]): Promise<Desk> {
  const desk = new Desk(MODULES);
  await desk.open([...picked(WEB, ...MANIFESTS), ...more], supervision());
  return desk;
}

/** All but what differs from run to run, and the names of files. */
function comparable({ timing: _, input, viewpoints, scenario, ...report }: ReplayReport): unknown {
  return {
    ...report,
    frames: input.files.map(({ frames }) => frames),
    decided: viewpoints.length,
    events: scenario?.events,
  };
}

describe("open", () => {
  test("tells captures, manifests and a scenario apart", async () => {
    const desk = new Desk(MODULES);
    const files = picked(
      WEB,
      "pcaps/any/in.pcap.gz",
      "pcaps/records/ct-list.txt",
      ...MANIFESTS,
      "pcaps/scenarios/gw-a-dies.yaml",
    );
    const { captures, manifests, scenario, cluster, starter } = await desk.open(files, supervision());
    expect(captures).toEqual(["in.pcap", "in.pcap.gz", "ct-list.txt"]);
    expect(manifests).toEqual([
      "cilium-config.yaml",
      "endpoints.yaml",
      "nodes.yaml",
      "policies.yaml",
      "workloads.yaml",
    ]);
    expect(scenario).toBe("gw-a-dies.yaml");
    expect(starter).toBeUndefined();
    expect(cluster).toMatchObject({ policies: 3, endpoints: 10, probeIntervalMs: 250, timeoutMs: 500 });
  });

  test("lists each gateway once, with all its addresses, and the cluster's own health check", async () => {
    const { cluster } = await new Desk(MODULES).open(picked(...MANIFESTS), supervision());
    expect(cluster!.gateways).toEqual([
      { node: "gw-a", zone: "zone-1", egressIPs: ["203.0.113.10"] },
      { node: "gw-b", zone: "zone-2", egressIPs: ["203.0.113.21", "203.0.113.20"] },
      { node: "gw-c", zone: "zone-3", egressIPs: ["203.0.113.30"] },
      { node: "gw-d", zone: "zone-1", egressIPs: ["203.0.113.40"] },
    ]);
    expect(cluster).toMatchObject({ probeIntervalMs: 1000, timeoutMs: 2000 });
  });

  test("without manifests knows the captures only", async () => {
    expect(await new Desk(MODULES).open(picked(WEB), supervision())).toMatchObject({
      manifests: [],
      cluster: undefined,
    });
  });

  test.each([
    ["manifests with a fault", [made("bad.yaml", "kind: Pod\napiVersion: v1\nspec: [\n")], /^bad\.yaml:\d+:\d+: /],
    [
      "two scenarios",
      picked("pcaps/scenarios/gw-a-dies.yaml").flatMap((one) => [one, { ...one, name: "b.yaml" }]),
      /^b\.yaml: is a second scenario, expected one: gw-a-dies\.yaml is there$/,
    ],
    [
      "a scenario that leads to manifests",
      [
        made(
          "later.yaml",
          "apiVersion: sluicegate.io/v1\nkind: Scenario\nspec:\n  events:\n    - at: 1s\n      manifests: next/\n",
        ),
      ],
      /^later\.yaml:\d+:\d+: .*next/,
    ],
    [
      "a scenario with an unknown node",
      [
        made(
          "s.yaml",
          "apiVersion: sluicegate.io/v1\nkind: Scenario\nspec:\n  events:\n    - at: 1s\n      node: gw-x\n      event: drain\n",
        ),
      ],
      /^s\.yaml:6:13: .*gw-x/,
    ],
  ])("says where %s are wrong", async (_, files, says) => {
    await expect(new Desk(MODULES).open([...picked(WEB, ...MANIFESTS), ...files], supervision())).rejects.toThrow(says);
  });

  test("forgets what was open before, also where it fails", async () => {
    const desk = await opened();
    await desk.replay(SETTINGS, supervision());
    await desk.open(picked(WEB), supervision());
    await expect(desk.replay(SETTINGS, supervision())).rejects.toThrow("there are no manifests");
    await expect(desk.walk(1, SETTINGS, supervision())).rejects.toThrow("there are no manifests");
  });
});

describe("open, where it fails or is cancelled", () => {
  test("leaves nothing of before", async () => {
    const desk = await opened();
    const bad = [...picked("pcaps/icmp/in.pcap"), made("bad.yaml", "a: [")];
    await expect(desk.open(bad, supervision())).rejects.toThrow(/^bad\.yaml/);
    await expect(desk.starter(supervision())).rejects.toThrow("there is no capture");
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await expect(desk.open(picked(WEB), { signal: controller.signal })).rejects.toThrow("enough");
    await expect(desk.replay(SETTINGS, supervision())).rejects.toThrow("there is no capture");
  });
});

describe("replay", () => {
  test("comes to the report of the command line, and tells how far it is", async () => {
    const watch = supervision();
    const { report, files, spanMs, scenario } = await (await opened()).replay(SETTINGS, watch);
    const expected = await replay({ captures: [WEB], model: loadManifests(["pcaps/manifests"]) });
    expect(comparable(report)).toEqual(comparable(expected));
    expect(watch.told.at(-1)).toMatchObject({ part: 1 });
    expect(watch.told.map(({ part }) => part)).toEqual(watch.told.map(({ part }) => part).sort((a, b) => a! - b!));
    expect(spanMs).toBeCloseTo(7588.42, 3);
    expect(scenario).toBeUndefined();
    const external: Uint8Array[] = [];
    await replay({
      captures: [WEB],
      model: loadManifests(["pcaps/manifests"]),
      onOutput: (name, bytes) => name === "external.pcapng" && external.push(bytes),
    });
    const own = files.find(({ name }) => name === "external.pcapng")!;
    expect(Buffer.from(await own.content.arrayBuffer()).equals(Buffer.concat(external))).toBe(true);
    const json = JSON.parse(await files.find(({ name }) => name === "report.json")!.content.text());
    expect(json).toEqual(JSON.parse(JSON.stringify(report)));
    expect(files.map(({ name }) => name)).toEqual(["external.pcapng", "endpoint.pcapng", "report.json", "index.html"]);
  });

  test("plays what the switches say, by the scenario that it shows", async () => {
    const desk = await opened();
    const before = await desk.replay(SETTINGS, supervision());
    const settings: RunSettings = {
      ...SETTINGS,
      probeIntervalMs: 250,
      timeoutMs: 500,
      failures: [
        { node: "gw-a", kind: "fails", fromMs: 4100, untilMs: 6100 },
        { node: "gw-c", kind: "is drained", fromMs: 1000, untilMs: undefined },
      ],
    };
    const { report, scenario, command, connections } = await desk.replay(settings, supervision());
    const model = loadManifests(["pcaps/manifests"]);
    const read = readScenarioText(scenario!, "scenario.yaml", scenarioOptionsOf(model));
    expect(comparable(report)).toEqual(comparable(await replay({ captures: [WEB], model, scenario: read })));
    expect(report.scenario!.events.map(({ node, event }) => `${node} ${event}`)).toEqual([
      "gw-a node-down",
      "gw-a node-up",
      "gw-c drain",
    ]);
    expect(report.frames.lost).toBeGreaterThan(0);
    expect(command).toContain("-s scenario.yaml");
    expect(before.connections.every(({ now, before: none }) => none === now)).toBe(true);
    // Other health checks are another run: nothing is known of it without failures.
    expect(connections.every(({ before: none }) => none === undefined)).toBe(true);
    await desk.replay({ ...settings, failures: [] }, supervision());
    const again = await desk.replay(settings, supervision());
    expect(again.connections.map(({ before: n }) => n)).toEqual(before.connections.map(({ now }) => now));
  });

  test("adds the switches to a scenario of the user's", async () => {
    const desk = await opened(...picked("pcaps/scenarios/gw-a-dies.yaml"));
    const settings = { ...SETTINGS, probeIntervalMs: 250, timeoutMs: 500 };
    const alone = await desk.replay(settings, supervision());
    expect(alone.report.scenario!.events.map(({ node }) => node)).toEqual(["gw-a", "gw-a"]);
    const failures = [{ node: "gw-b", kind: "agent stops", fromMs: 10, untilMs: undefined }] as const;
    const more = await desk.replay({ ...settings, failures }, supervision());
    expect(more.report.scenario!.events.map(({ node }) => node)).toEqual(["gw-a", "gw-a", "gw-b"]);
    expect(more.report.scenario!.name).toBe("gw-a-dies");
  });

  test.each([
    ["rfc", { natProfile: "rfc" }, { natProfile: "rfc" }],
    ["a cluster", { topology: "cluster" }, { topology: "cluster" }],
    ["another seed", { seed: 7 }, { seed: 7 }],
  ] as const)("takes settings: %s", async (_, settings, expected) => {
    const { report } = await (await opened()).replay({ ...SETTINGS, ...settings }, supervision());
    expect(report).toMatchObject(expected);
    const direct = await replay({ captures: [WEB], model: loadManifests(["pcaps/manifests"]), ...settings });
    expect(comparable(report)).toEqual(comparable(direct));
  });

  test.each([
    [{ probeIntervalMs: 3000 }, "Probe every: is 3000 ms, expected at most the 2000 ms of Down after"],
    [{ probeIntervalMs: 20 }, "Probe every: is 20 ms, expected more than the phase of 200 ms in phased.yaml"],
  ])("says in the page's words where the health check cannot be: %o", async (settings, says) => {
    const health = "health: { phase: 200ms, probeInterval: 500ms }";
    const text = `apiVersion: sluicegate.io/v1\nkind: Scenario\nspec: { ${health}, events: [] }\n`;
    const desk = await opened(made("phased.yaml", text));
    await expect(desk.replay({ ...SETTINGS, ...settings }, supervision())).rejects.toThrow(says);
  });

  test("names its scenario unlike one of the user's", async () => {
    const [scenario] = picked("pcaps/scenarios/gw-a-dies.yaml");
    const desk = await opened({ ...scenario!, name: "scenario.yaml" });
    const { command, files } = await desk.replay({ ...SETTINGS, probeIntervalMs: 250 }, supervision());
    expect(command).toContain("-s run-scenario.yaml");
    expect(files.map(({ name }) => name)).toContain("run-scenario.yaml");
  });

  test("says what is missing, and what is wrong with a capture", async () => {
    const desk = new Desk(MODULES);
    await desk.open(picked(...MANIFESTS), supervision());
    await expect(desk.replay(SETTINGS, supervision())).rejects.toThrow("there is no capture");
    await desk.open([...picked(...MANIFESTS), made("notes.txt", "nothing of this kind")], supervision());
    await expect(desk.replay(SETTINGS, supervision())).rejects.toThrow(/^notes\.txt: /);
  });

  test("ends where the signal says so", async () => {
    const controller = new AbortController();
    const desk = await opened();
    const onProgress = () => controller.abort(new Error("enough"));
    await expect(desk.replay(SETTINGS, { signal: controller.signal, onProgress })).rejects.toThrow("enough");
    expect((await desk.replay(SETTINGS, supervision())).report.frames.read).toBe(1739);
  });
});

describe("starter", () => {
  test("makes manifests that the capture replays under", async () => {
    const desk = new Desk(MODULES);
    await desk.open(picked(WEB), supervision());
    const { cluster, starter, manifests } = await desk.starter(supervision());
    expect(manifests).toEqual([STARTER_NAME]);
    expect(starter).toContain("IsovalentEgressGatewayPolicy");
    expect(cluster!.endpoints).toBeGreaterThan(5);
    const { report } = await desk.replay(SETTINGS, supervision());
    expect(report.frames.snat).toBeGreaterThan(100);
    expect(report.verification.ok).toBe(true);
  });

  test("says that there is nothing to make them from", async () => {
    const desk = new Desk(MODULES);
    await expect(desk.starter(supervision())).rejects.toThrow("there is no capture");
    await desk.open([made("empty.pcap", "")], supervision());
    await expect(desk.starter(supervision())).rejects.toThrow(/^empty\.pcap/);
  });
});

describe("walk", () => {
  test.each([1, 3, 120, 1739])("of frame %i is that of the command line", async (frame) => {
    const desk = await opened();
    await desk.replay(SETTINGS, supervision());
    const { explanation, steps } = await desk.walk(frame, SETTINGS, supervision());
    const expected = await explainFrame({ captures: [WEB], model: loadManifests(["pcaps/manifests"]) }, frame);
    const named = { ...expected, file: "in.pcap", viewpoint: { ...expected.viewpoint, file: "in.pcap" } };
    expect(explanation).toEqual(named);
    expect(steps).toEqual(walkSteps(named));
  });

  test("is under the settings that are named, whatever was replayed last", async () => {
    const desk = await opened();
    const failures = [{ node: "gw-a", kind: "fails", fromMs: 0, untilMs: undefined }] as const;
    const settings = { ...SETTINGS, failures };
    const { frames } = await desk.replay(settings, supervision());
    const verdict = frames.columns.find(({ key }) => key === "verdict")!;
    const lost = Array.from(verdict.values).findIndex((place) => verdict.texts![place as number] === "lost");
    expect((await desk.walk(lost + 1, settings, supervision())).explanation).toMatchObject({
      action: "lost",
      reason: "gateway-down",
    });
  });

  test.each([1.5, Number.NaN, 2 ** 60])("of frame %f is refused", async (frame) => {
    const desk = await opened();
    await expect(desk.walk(frame, SETTINGS, supervision())).rejects.toThrow(
      `frame is ${frame}, expected a whole number`,
    );
  });

  test("of a frame that is none says how many there are", async () => {
    const desk = await opened();
    await desk.replay(SETTINGS, supervision());
    await expect(desk.walk(1740, SETTINGS, supervision())).rejects.toThrow("frame is 1740, expected 1 to 1739");
  });
});
