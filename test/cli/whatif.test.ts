import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.js";
import { FakeConsole, sluicegate } from "./fake-console.js";

const WEB = "pcaps/web/in.pcap";
const MANIFESTS = "pcaps/manifests";
let folder: string;
/** The manifests with one more destination excluded. */
let changed: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluicegate-whatif-"));
  changed = join(folder, "changed");
  cpSync(MANIFESTS, changed, { recursive: true });
  const policies = join(changed, "policies.yaml");
  writeFileSync(policies, readFileSync(policies, "utf8").replace("198.51.100.128/26", "198.51.100.0/26"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function diff(...more: string[]) {
  return sluicegate("diff", WEB, "--from", MANIFESTS, "--to", changed, ...more);
}

describe("diff", () => {
  test("ends with 1 where anything changes, with 0 where nothing does", async () => {
    const { code, stdout, stderr } = await diff();
    expect(code).toBe(1);
    expect(stderr).toBe("");
    expect(stdout).toMatch(
      /^Diff {2}under NAT profile cilium, balance rendezvous, seed 1\n {2}129 connections, 60 changed/,
    );
    expect((await sluicegate("diff", WEB, "--from", MANIFESTS, "--to", MANIFESTS)).code).toBe(0);
  });

  test("--fail-on decides instead, by numbers of its own", async () => {
    expect((await diff("--fail-on", "changed>1000")).code).toBe(0);
    const { code, stderr } = await diff("--fail-on", "diff.cut>0");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^--fail-on diff\.cut>0: holds \(diff\.cut is \d+, > 0\)\n$/);
    const wrong = await diff("--fail-on", "broken>0");
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("diff.{connections,changed,");
  });

  test("--redact leaves no name and no address", async () => {
    const { stdout } = await diff("--redact", "--verbose");
    expect(stdout).not.toMatch(/shop|cart|gw-|203\.0\.113|198\.51\.100|10\.1\./);
    expect(stdout).toContain("NODE-");
  });

  test("--redact leaves no name in a warning either, whichever of both sets has it", async () => {
    const policies = join(changed, "policies.yaml");
    const { stderr } = await sluicegate("diff", WEB, "--from", MANIFESTS, "--to", policies, "--redact");
    expect(stderr).toMatch(/^warning: FILE-\d+:.*no node matches/m);
    expect(stderr).not.toMatch(/shop|cart|gw-|203\.0\.113|198\.51\.100|10\.1\./);
  });

  test("wants both sets of manifests, and files that can be read twice", async () => {
    expect((await sluicegate("diff", WEB, "--from", MANIFESTS)).stderr).toContain("--to is missing");
    const { code, stderr } = await sluicegate("diff", "-", "--from", MANIFESTS, "--to", MANIFESTS);
    expect([code, stderr]).toEqual([2, "-: is standard input, expected files: captures are read several times here\n"]);
  });
});

describe("every what-if", () => {
  test.each([
    ["diff", ["--from", MANIFESTS, "--to", MANIFESTS], "sluicegate.io/diff/v1"],
    ["ports", ["-m", MANIFESTS], "sluicegate.io/ports/v1"],
    ["zones", ["-m", MANIFESTS], "sluicegate.io/zones/v1"],
    ["drain", ["-m", MANIFESTS, "--node", "gw-a", "--at", "1s", "--deadline", "5s"], "sluicegate.io/drain/v1"],
    ["failover", ["-m", MANIFESTS, "--at", "4s"], "sluicegate.io/failover/v1"],
  ])("%s --json prints one document with its schema, the same in every run", async (command, flags, schema) => {
    const first = await sluicegate(command, WEB, ...flags, "--json");
    expect(first.code).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({ schema, seed: 1, natProfile: "cilium", balance: "rendezvous" });
    expect((await sluicegate(command, WEB, ...flags, "--json")).stdout).toBe(first.stdout);
  });

  test.each([
    ["ports", ["--grow", "0x"], '--grow is "0x", expected a multiple above zero such as 3x or 1.5x'],
    [
      "diff",
      ["--at", "noon"],
      '--at is "noon", expected a time since the first frame such as 12.5s or 2m, or RFC 3339',
    ],
    ["diff", ["--at", "every day"], '--at is "day", expected a duration above zero'],
    ["failover", ["--detect", "1s,soon"], '--detect is "soon", expected a duration above zero'],
    ["failover", ["--detect", "100us"], "--detect has 100000 ns, expected whole milliseconds"],
    ["failover", ["--at", "9s"], "--at is 2026-11-23T07:58:53.480001000Z, expected a time from"],
    ["failover", ["--at", "1m30s"], "--at is 2026-11-23T08:00:14.480001000Z, expected a time from"],
    ["failover", ["--at", "2030-01-01T00:00:00.0000005Z"], "--at is 2030-01-01T00:00:00.000000500Z, expected a time"],
    ["failover", ["--at", "1960-01-01T00:00:00.5Z"], '--at is "1960-01-01T00:00:00.5Z", expected a time since'],
    ["drain", ["--node", "gw-a", "--at", "every 1s"], "--at is every …, expected one time: a node is drained once"],
    [
      "drain",
      ["--node", "gw-a", "--at", "1s", "--fail-on", "cut>0"],
      "drain.{connectionsAtStart,openedAfter,stillLive}",
    ],
    ["drain", ["--node", "w1", "--at", "1s"], '--node is "w1", expected a gateway node: gw-a, gw-b, gw-c, gw-d'],
    ["zones", ["--fail-on", "crossZone>1"], "the name of a number: disabled.{connections,"],
  ])("%s %j says what is wrong", async (command, flags, message) => {
    const { code, stderr } = await sluicegate(command, WEB, "-m", MANIFESTS, ...flags);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

test.each([
  ["failover", []],
  ["drain", ["--node", "gw-a", "--at", "0s"]],
])("%s says of a connection table that it cannot tell what goes on", async (command, flags) => {
  const table = await sluicegate(command, "pcaps/records/ct-list.txt", "-m", MANIFESTS, ...flags);
  expect(table.stdout).toContain(
    "\n  note: all frames have one instant: nothing is open before it, or goes on after it\n",
  );
  const flows = await sluicegate(command, "pcaps/records/flows.jsonl.gz", "-m", MANIFESTS, ...flags);
  expect(flows.stdout).not.toContain("one instant");
});

test("a capture whose end is cut off is warned of once, however often it is read", async () => {
  const cut = join(folder, "cut.pcap");
  writeFileSync(cut, readFileSync(WEB).subarray(0, 100_000));
  for (const command of ["zones", "failover"]) {
    const { code, stderr } = await sluicegate(command, cut, "-m", MANIFESTS);
    expect(code).toBe(0);
    expect(stderr).toBe(`warning: ${cut}: its last record is cut off; everything before it was replayed\n`);
  }
});

describe("ports", () => {
  test("shows use, limit, and what growth would do, beside the original's search", async () => {
    const { code, stdout } = await sluicegate("ports", WEB, "-m", MANIFESTS, "--grow", "2000x");
    expect(code).toBe(0);
    expect(stdout).toContain("32,768 for each egress IP toward one remote, port and protocol");
    expect(stdout).toMatch(/gw-c +203\.0\.113\.30 +tcp 198\.51\.100\.10:80 +21 +21 +0\.064 %/);
    expect(stdout).toMatch(/tcp 198\.51\.100\.10:80 +68 +5 +5 +10\n/);
  });

  test("--fail-on knows its numbers", async () => {
    const { code, stderr } = await sluicegate("ports", WEB, "-m", MANIFESTS, "--fail-on", "peak>=21");
    expect([code, stderr]).toEqual([1, "--fail-on peak>=21: holds (ports.peak is 21, >= 21)\n"]);
  });
});

describe("failover", () => {
  const flags = ["failover", WEB, "-m", MANIFESTS, "--kill", "gw-a", "--at", "4s", "--detect", "0.5s,1s"];

  test("says the same from several threads as from none", async () => {
    const [inThreads, alone] = [await builtSluicegate(...flags, "--json"), await sluicegate(...flags, "--json")];
    expect(inThreads).toBe(alone.stdout);
  });

  test("--fail-on judges the worst failure", async () => {
    const { code, stderr } = await sluicegate(...flags, "--fail-on", "lost>10 and broken>=1");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^--fail-on .*: holds \(failover\.lost is \d+, > 10, failover\.broken is 1, >= 1\)\n$/);
    expect((await sluicegate(...flags, "--fail-on", "broken>1")).code).toBe(0);
  });

  test("--redact leaves no name and no address", async () => {
    const { stdout } = await sluicegate(...flags, "--redact", "--verbose");
    expect(stdout).not.toMatch(/shop|cart|gw-|203\.0\.113|198\.51\.100|10\.1\./);
  });

  test("counts its runs on a terminal, and leaves nothing of that behind", async () => {
    const console = new FakeConsole();
    console.progress = true;
    expect(await main(flags, console, {})).toBe(0);
    expect(console.stderr).toBe("\r\x1b[K1 of 2 runs\r\x1b[K2 of 2 runs\r\x1b[K");
  });
});

/** What the built program prints: only there do threads run. */
function builtSluicegate(...argv: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ["dist/src/cli/main.js", ...argv], (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    );
  });
}
