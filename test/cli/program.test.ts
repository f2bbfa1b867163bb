import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/commands.js";
import { FLAGS, type Flag } from "../../src/cli/flags.js";
import { shownFlags } from "../../src/cli/help.js";
import { parseCommandLine } from "../../src/cli/program.js";
import { FakeConsole, sluicegate } from "./fake-console.js";

async function parse(...argv: string[]) {
  const invocation = await parseCommandLine(argv, "1.2.3", new FakeConsole());
  return { args: invocation?.args, flags: invocation?.flags };
}

describe("a command line that is right", () => {
  test("gives the arguments and only the flags that were given", async () => {
    expect(await parse("replay", "a.pcap", "-", "-m", "x", "--manifests", "y", "--seed", "7", "--no-verify")).toEqual({
      args: ["a.pcap", "-"],
      flags: { manifests: ["x", "y"], seed: 7, noVerify: true },
    });
  });

  test("-m takes one path, so that a capture may follow it", async () => {
    expect(await parse("replay", "-m", "x", "a.pcap")).toEqual({ args: ["a.pcap"], flags: { manifests: ["x"] } });
  });

  test("values come parsed: port ranges, skews, words", async () => {
    const { flags } = await parse(
      ...["replay", "a", "-m", "x", "--snat-ports", "1024-65535", "--viewpoint", "network"],
      ...["--skew", "a=-0.25", "--skew", "b=c=+3ms"],
      ...["--timeout", "udp=1m30s", "--timeout", "portHold=0s"],
    );
    expect(flags).toEqual({
      manifests: ["x"],
      timeout: [
        ["udp", 90_000],
        ["portHold", 0],
      ],
      snatPorts: { low: 1024, high: 65535 },
      viewpoint: "network",
      skew: [
        { file: "a", ns: -250_000_000n },
        { file: "b=c", ns: 3_000_000n },
      ],
    });
  });

  test("what is the default may be asked for by name", async () => {
    const { flags } = await parse("replay", "a", "-m", "x", "--topology", "single", "--workers", "1");
    expect(flags).toMatchObject({ topology: "single", workers: 1 });
  });
});

describe("a command line that is wrong ends with 2 and says where, what and what was expected", () => {
  test.each([
    [["replya"], 'sluicegate: "replya" is not a command, did you mean replay?'],
    [["frobnicate"], 'sluicegate: "frobnicate" is not a command, expected one of replay, check'],
    [["replay", "-m", "x"], "sluicegate replay: CAPTURE is missing, expected CAPTURE..."],
    [["replay", "a"], "sluicegate replay: --manifests is missing, expected -m PATH"],
    [["replay", "a", "-m"], "--manifests has no value, expected PATH"],
    [["replay", "a", "-m", ""], '--manifests is "", expected a text that is not empty'],
    [
      ["replay", "a", "-m", "x", "--seeed", "1"],
      "sluicegate replay: --seeed is not a flag of it, expected perhaps --seed",
    ],
    [["check", "-m", "x", "--frobnicate"], "expected those that sluicegate check --help names"],
    [["check", "-m", "x", "extra"], "sluicegate check: has too many arguments, expected none"],
    [["replay", "a", "-m", "x", "--seed", "1", "--seed", "2"], "--seed is given twice, expected once"],
    [["replay", "a", "-m", "x", "--seed", "-1"], '--seed is "-1", expected an integer from 0 to 4294967295'],
    [["replay", "a", "-m", "x", "--seed", "1e3"], '--seed is "1e3"'],
    [["replay", "a", "-m", "x", "--snat-ports", "9-8"], '--snat-ports is "9-8", expected LOW-HIGH within 1-65535'],
    [
      ["replay", "a", "-m", "x", "--timeout", "tcp=9s"],
      '--timeout is "tcp=9s", expected NAME=DURATION with one of tcpOpening',
    ],
    [
      ["replay", "a", "-m", "x", "--timeout", "udp=0s"],
      '--timeout is "udp=0s", expected udp= and a duration above zero',
    ],
    [["replay", "a", "-m", "x", "--timeout", "udp=13h=1"], '--timeout is "udp=13h=1"'],
    [["replay", "a", "-m", "x", "--timeout", "icmp=300h"], '--timeout is "icmp=300h"'],
    [["replay", "a", "-m", "x", "--mid-stream", "no"], '--mid-stream is "no", expected one of pick-up, drop'],
    [["replay", "a", "-m", "x", "--snat-ports", "0-8"], '--snat-ports is "0-8"'],
    [["replay", "a", "-m", "x", "--viewpoint", "sideways"], "expected one of auto, endpoint, network"],
    [["replay", "a", "-m", "x", "--skew", "a"], '--skew is "a", expected FILE=±T'],
    [["replay", "a", "-m", "x", "--skew", "a=1h"], '--skew is "a=1h"'],
    [["replay", "a", "-m", "x", "--workers", "0"], '--workers is "0", expected an integer from 1 to 256'],
    [["replay", "a", "-m", "x", "--workers", "257"], "expected an integer from 1 to 256"],
    [["replay", "a", "-m", "x", "--records-at", "5x"], '--records-at is "5x", expected an RFC 3339 time such as'],
    [["replay", "a", "-m", "x", "--records-at", "1960-01-01T00:00:00Z"], "from 1970 to 2106"],
    [["replay", "a", "-m", "x", "--records-at", "2106-02-07T06:28:16Z"], "from 1970 to 2106"],
    [["who", "203.0.113.10:1@1960-01-01T00:00:00Z"], "expected EGRESS_IP:PORT@TIME, such as"],
    [["explain", "a", "-m", "x"], "sluicegate explain: --frame is missing, expected --frame N"],
    [["explain", "a", "-m", "x", "--frame", "0"], '--frame is "0", expected an integer from 1'],
    [[], "no command given"],
    [["help", "repaly"], "did you mean replay?"],
  ])("%j", async (argv, message) => {
    const { code, stdout, stderr } = await sluicegate(...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });
});

describe("help", () => {
  test("names every command", async () => {
    const { code, stdout } = await sluicegate("--help");
    expect(code).toBe(0);
    for (const { name, summary } of COMMANDS)
      expect(stdout).toMatch(new RegExp(`^  ${name} +${summary.slice(0, 20)}`, "m"));
    expect(await sluicegate("help")).toEqual({ code: 0, stdout, stderr: "" });
  });

  test.each(COMMANDS.map((command) => [command.name, command] as const))(
    "%s --help names its flags",
    async (name, command) => {
      const { code, stdout } = await sluicegate(name, "--help");
      expect(code).toBe(0);
      for (const flag of shownFlags(command)) expect(stdout).toContain(flag.name);
      expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
      const long = (await sluicegate("help", name)).stdout;
      for (const { details } of shownFlags(command))
        if (details) expect(long).toContain(details.split(" ")[0]!.replaceAll("`", ""));
    },
  );

  test.each(COMMANDS.map(({ name }) => name))("%s --help speaks of no other command's defaults", async (name) => {
    const others = COMMANDS.flatMap((command) => (command.name === name ? [] : [command.name]));
    const { stdout } = await sluicegate(name, "--help");
    expect(stdout.replace(/\s+/g, " ")).not.toMatch(new RegExp(`\\bof (?:${others.join("|")})\\b`));
  });

  test("says when a failure happens where nobody says when, and of a drain nothing of the kind", async () => {
    const at = async (name: string) => /--at T +(.*?) +--/s.exec((await sluicegate(name, "--help")).stdout)?.[1];
    expect((await at("failover"))?.replace(/\s+/g, " ")).toContain("(default: half way through the captures)");
    expect((await at("demo"))?.replace(/\s+/g, " ")).toContain("(default: 2m)");
    expect(await at("drain")).not.toContain("default");
  });

  test.each(COMMANDS.filter(({ flags }) => flags.includes("failOn")).map(({ name }) => name))(
    "%s names in its help every number that --fail-on may name there",
    async (name) => {
      const required = ["-m", "x", "--from", "x", "--to", "x", "--node", "x", "--at", "1s"];
      const flags = COMMANDS.find((command) => command.name === name)!.required!.flatMap((key) => {
        const at = required.indexOf(key === "manifests" ? "-m" : `--${key}`);
        return required.slice(at, at + 2);
      });
      if (name === "drain") flags.push("--deadline", "9s");
      const { stderr } = await sluicegate(name, "a", ...flags, "--fail-on", "nothing>0");
      const names = [...stderr.matchAll(/\.\{([^}]*)\}/g)].flatMap(([, list]) => list!.split(","));
      const help = (await sluicegate("help", name)).stdout.replace(/\s+/g, " ");
      if (name === "replay" || name === "shrink") return expect(help).toContain("frames.X, connections.X");
      expect(names.length).toBeGreaterThan(4);
      expect(names.filter((number) => !new RegExp(`\\b${number}\\b`).test(help))).toEqual([]);
      const example = /--fail-on EXPR.*?'([^']+)'/.exec(help)![1]!;
      const tried = await sluicegate(name, "a", ...flags, "--fail-on", example);
      expect(tried.stderr).not.toContain("--fail-on");
    },
  );

  test("--version prints that of package.json", async () => {
    const { stdout } = await sluicegate("--version");
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

test("every flag belongs to a command, and no two share a name", () => {
  const used = new Set(COMMANDS.flatMap(({ flags }) => flags));
  expect(Object.keys(FLAGS).filter((key) => !used.has(key as never))).toEqual([]);
  const names = (Object.values(FLAGS) as Flag[]).flatMap(({ name, short }) => [name, ...(short ? [short] : [])]);
  expect(new Set(names).size).toBe(names.length);
});
