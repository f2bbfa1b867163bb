import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DemoReport } from "../../src/demo/report-types.js";
import type { ReplayReport } from "../../src/replay/report-types.js";
import { sluicegate } from "./fake-console.js";
import { shownOutputs } from "./shown-output.js";

const SHORT = ["--duration", "20s", "--at", "8s", "--down-for", "5s"] as const;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluicegate-cli-demo-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function at(...names: string[]): string {
  return join(folder, ...names);
}

describe("demo", () => {
  test("needs no input, prints log, rates, lists and result, and ends with 0", async () => {
    const { code, stdout, stderr } = await sluicegate("demo", ...SHORT);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.match(/^\S.*/gm)!.map((line) => line.split("  ")[0])).toEqual([
      "Demonstration",
      "Monitor log",
      "Answers a second",
      "list egress",
      "list egress",
      "list egress",
      "Result",
    ]);
  });

  test("--json prints one document that has every request", async () => {
    const { stdout } = await sluicegate(
      "demo",
      ...SHORT,
      "--seed",
      "3",
      "--rate",
      "50",
      "--kill",
      "gateway-b",
      "--json",
    );
    const report = JSON.parse(stdout) as DemoReport;
    expect(report).toMatchObject({ schema: "sluicegate.io/demo-report/v1", seed: 3, requestsPerSecond: 50 });
    expect(report.outage).toMatchObject({ node: "gateway-b", atMs: 8000, backAtMs: 13_000 });
    expect(report.log).toHaveLength(report.requests.sent);
  });

  test("--verbose shows every request", async () => {
    const { stdout } = await sluicegate("demo", ...SHORT, "--verbose");
    expect(stdout.match(/^ {2}10:00:\d\d\.\d{3} {2}(203|no answer)/gm)!.length).toBeGreaterThan(390);
  });

  test("-o writes captures, manifests, scenario, log and report, and says how to replay them", async () => {
    const { code, stdout } = await sluicegate("demo", ...SHORT, "-o", at("out"));
    expect(code).toBe(0);
    expect(readdirSync(at("out")).sort()).toEqual([
      "demo.json",
      "demo.pcapng",
      "external.pcapng",
      "manifests.yaml",
      "monitor.log",
      "scenario.yaml",
    ]);
    expect(stdout).toContain("a replay of what the monitor saw gives the same gateways and losses: ");
    const command = /^ {2}sluicegate (replay .*)$/m.exec(stdout)![1]!.split(" ");
    const replayed = await sluicegate(...command, "--json");
    expect({ code: replayed.code, stderr: replayed.stderr }).toEqual({ code: 0, stderr: "" });
    const report = JSON.parse(replayed.stdout) as ReplayReport;
    const demo = JSON.parse(readFileSync(at("out", "demo.json"), "utf8")) as DemoReport;
    expect(report.gateways.map(({ node, frames }) => [node, frames])).toEqual(
      demo.gateways.map(({ node, requests }) => [node, requests]),
    );
    expect(report.frames.lost).toBe(demo.outage.lostRequests - demo.outage.lostAnswers);
  });

  test("-o twice writes the same bytes", async () => {
    for (const name of ["one", "two"]) await sluicegate("demo", ...SHORT, "-o", at(name));
    for (const name of readdirSync(at("one")))
      expect(readFileSync(at("one", name)).equals(readFileSync(at("two", name)))).toBe(true);
  });

  test("--html writes a page of the replay and leaves nothing else behind", async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith("sluicegate-demo-"));
    const { code } = await sluicegate("demo", ...SHORT, "--html", at("demo.html"));
    expect(code).toBe(0);
    const page = readFileSync(at("demo.html"), "utf8");
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).toContain("gateway-d");
    expect(page).not.toContain(tmpdir());
    expect(page).toContain("<title>Sluicegate demonstration</title>");
    expect(page).toMatch(
      /<h2 id="monitor-title">What the monitor saw<\/h2>\s*<ul><li>\d+ of \d+ requests lost, the last sent/,
    );
    expect(page).toContain("<h3>list egress while it is down, from 10:00:09.872 on</h3>");
    expect(page.match(/no answer within 1 s/g)).toHaveLength(Number(/<li>(\d+) of/.exec(page)![1]));
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith("sluicegate-demo-"))).toEqual(before);
  });
});

describe("demo refuses", () => {
  test.each([
    [["--kill", "gateway-z"], '--kill is "gateway-z", expected a gateway: gateway-a, gateway-b, gateway-c, gateway-d'],
    [["--at", "6m"], "--at is 360 s, expected a time before --duration, which is 300 s"],
    [["--duration", "10s"], "--at is 120 s, expected a time before --duration, which is 10 s"],
    [["--down-for", "soon"], '--down-for is "soon", expected a duration above zero such as 2s, 500ms or 10m'],
    [["--at", "every 10s"], "--at names a date or several times, expected one since the first request such as 90s"],
    [["--down-for", "1.5us"], "--down-for is 1500 ns, expected whole milliseconds"],
    [["--rate", "1000"], "--rate is 1000, expected a whole number from 1 to 400"],
  ])("%s", async (argv, message) => {
    const { code, stdout, stderr } = await sluicegate("demo", ...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
  });

  test("to write the page over one of its files", async () => {
    const { code, stderr } = await sluicegate("demo", ...SHORT, "-o", at("same"), "--html", at("same", "demo.json"));
    expect(code).toBe(2);
    expect(stderr).toContain("is written twice, expected different files");
    expect(existsSync(at("same"))).toBe(false);
  });
});

describe("docs/demo.md shows what the command prints", () => {
  const outputs = shownOutputs(readFileSync("docs/demo.md", "utf8"));

  test("at least once", () => {
    expect(outputs.length).toBeGreaterThan(0);
  });

  test.each(outputs.map((output) => [output.argv.join(" "), output] as const))("%s", async (_, { argv, text }) => {
    expect((await sluicegate(...argv)).stdout).toBe(text);
  });
});
