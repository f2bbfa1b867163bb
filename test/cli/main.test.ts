import { spawn, spawnSync } from "node:child_process";
import { beforeAll, describe, expect, test } from "vitest";
import { processConsole, type Terminal } from "../../src/cli/console.js";
import { describeError } from "../../src/cli/describe-error.js";
import { EngineError, UsageError } from "../../src/errors.js";
import { BUILD_MS, ensureBuilt, MAIN } from "../package/built.js";

beforeAll(ensureBuilt, BUILD_MS);

function run(argv: string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...argv], {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

describe("the built program", () => {
  test("ends with the command's exit code", () => {
    expect(run(["--version"]).status).toBe(0);
    expect(run(["nonsense"])).toMatchObject({ status: 2, stdout: "" });
    expect(run(["replay", "pcaps/web/in.pcap", "-m", "pcaps/manifests", "--fail-on", "snat>0"]).status).toBe(1);
  });

  test("writes all of a long result into a pipe", () => {
    const { stdout } = run(["replay", "pcaps/web/in.pcap", "-m", "pcaps/manifests", "--json"]);
    expect(JSON.parse(stdout).frames.read).toBe(1739);
  });

  test("ends quietly where its reader goes away", async () => {
    const child = spawn(process.execPath, [MAIN, "replay", "pcaps/web/in.pcap", "-m", "pcaps/manifests", "--json"]);
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    const [code, signal] = await new Promise<[number | null, string | null]>((end) =>
      child.on("close", (...result) => end(result)),
    );
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: "" });
  });

  test("reads a capture from standard input", () => {
    const shell = `${process.execPath} ${MAIN} replay - -m pcaps/manifests --json < pcaps/icmp/in.pcap`;
    const { status, stdout } = spawnSync("sh", ["-c", shell], { encoding: "utf8" });
    expect(status).toBe(0);
    expect(JSON.parse(stdout).frames.read).toBe(89);
  });

  test("shows a stack trace only where it is asked to", () => {
    const argv = ["replay", "missing.pcap", "-m", "pcaps/manifests"];
    expect(run(argv).stderr).not.toMatch(/^ {4}at /m);
    expect(run(argv, { SLUICEGATE_TRACE: "1" }).stderr).toMatch(/^ {4}at /m);
  });
});

describe("colours and progress", () => {
  const terminal = (tty: boolean, env: Terminal["env"] = {}): Terminal => ({
    stdout: { isTTY: tty, columns: 40, write: () => true },
    stderr: { isTTY: tty, write: () => true },
    env,
  });

  test.each([
    ["a terminal has them", terminal(true), { colour: true, progress: true, width: 60 }],
    ["a pipe has neither", terminal(false), { colour: false, progress: false, width: 100 }],
    ["NO_COLOR turns colours off, not the bar", terminal(true, { NO_COLOR: "1" }), { colour: false, progress: true }],
    ["an empty NO_COLOR says nothing", terminal(true, { NO_COLOR: "" }), { colour: true }],
    ["a dumb terminal has neither", terminal(true, { TERM: "dumb" }), { colour: false, progress: false }],
  ])("%s", (_, given, expected) => {
    expect(processConsole(given)).toMatchObject(expected);
  });
});

describe("an error", () => {
  test("of ours is its message", () => {
    expect(describeError(new UsageError("x is 1, expected 2"), false)).toBe("x is 1, expected 2\n");
  });

  test("of the program says so and how to see more", () => {
    expect(describeError(new TypeError("boom"), false)).toBe(
      "sluicegate: internal error: boom (SLUICEGATE_TRACE=1 shows where)\n",
    );
    expect(describeError("thrown text", false)).toContain("internal error: thrown text");
  });

  test("with a trace shows its causes too", () => {
    const text = describeError(new EngineError("outer", { cause: new Error("inner") }), true);
    expect(text).toMatch(/^outer\nEngineError: outer\n[\s\S]*caused by Error: inner\n/);
  });
});
