import { spawn } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT, run, scratch, start } from "../tools.js";

const VECTORS = join(ROOT, "test/vectors/gateways.json");
const { vectors } = JSON.parse(readFileSync(VECTORS, "utf8")) as { vectors: { steps: unknown[] }[] };
const SUM = `${vectors.length} vectors, ${vectors.reduce((sum, { steps }) => sum + steps.length, 0)} steps: as expected`;
const LINES = `gateways.json: ${SUM}\n${SUM}\n`;

/** The host in a project of its own, with one of its files changed. */
function changed(file: string, change: (text: string) => string): string {
  const project = scratch();
  for (const folder of ["javascript", "node", "chromium"])
    cpSync(join(ROOT, "test/hosts", folder), join(project, folder), { recursive: true });
  const modules = join(project, "node_modules");
  mkdirSync(modules);
  symlinkSync(ROOT, join(modules, "sluicegate"));
  symlinkSync(join(ROOT, "node_modules/playwright-core"), join(modules, "playwright-core"));
  const text = readFileSync(join(project, file), "utf8");
  expect(change(text)).not.toBe(text);
  writeFileSync(join(project, file), change(text));
  return join(project, "chromium/host.mjs");
}

/** Ids of a process's descendants whose command line has a word. */
function descendants(root: number, word: string): number[] {
  const rows = run("ps", ["-e", "-o", "pid=,ppid=,args="]).stdout.trim().split("\n");
  const all = rows.map((row) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(row)!);
  const below = (pid: number): RegExpExecArray[] =>
    all.filter(([, , parent]) => Number(parent) === pid).flatMap((row) => [row, ...below(Number(row[1]))]);
  return below(root)
    .filter(([, , , args]) => args!.includes(word))
    .map(([, pid]) => Number(pid));
}

/** Text and place of an error in the first line of the worker: the browser tells of it twice, in either order, each time with both. */
const PLANTED = /planted.*worker\.mjs:1:|worker\.mjs:1:.*planted/s;

/** What goes wrong in the browser, and not in the work. */
export function chromiumTests(): void {
  describe("Chromium ends the program with an error where", () => {
    const host = (text: string) => changed("chromium/worker.mjs", () => text);
    const cases: readonly [what: string, program: () => string, says: RegExp][] = [
      ["the worker throws", () => host('throw new TypeError("planted")'), PLANTED],
      [
        "it throws later",
        () =>
          host(
            'const { port1, port2 } = new MessageChannel(); port1.onmessage = () => { throw new TypeError("planted"); }; port2.postMessage(0);',
          ),
        PLANTED,
      ],
      ["it rejects, and nobody handles it", () => host('Promise.reject(new TypeError("planted"))'), /planted/],
      ["it awaits what is rejected", () => host('await Promise.reject(new TypeError("planted"))'), /planted/],
      ["it is no JavaScript", () => host("let let = 1;"), /the worker cannot be loaded/],
      [
        "it imports a file that is not served",
        () => host('import "../node/files.mjs"'),
        /asks for GET node\/files\.mjs/,
      ],
      [
        "it asks for one that is not served",
        () => host('await fetch("../node/files.mjs")'),
        /asks for GET node\/files\.mjs/,
      ],
      ["the page throws", () => changed("chromium/page.mjs", () => 'throw new TypeError("planted")'), /planted/],
      [
        "a module of the work is broken",
        () => changed("javascript/abi.mjs", (text) => text.replace('"abi.json"', '"abi.txt"')),
        /asks for GET javascript\/abi\.txt/,
      ],
    ];
    test.each(cases)("%s", async (_, program, says) => {
      const { status, stdout, stderr } = await start(process.execPath, [program(), "vectors", VECTORS]);
      expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
      expect(stderr).toMatch(says);
    });

    test.each([
      ["a server that would answer", (port: number) => `http://127.0.0.1:${port}/`],
      ["a name", (port: number) => `http://localhost:${port}/`],
    ])("its page asks %s, which hears nothing, as the page's policy forbids it", async (_, address) => {
      const asked: string[] = [];
      const server = createServer(({ url = "" }, response) => {
        asked.push(url);
        response.writeHead(200, { "access-control-allow-origin": "*" }).end();
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const to = address((server.address() as AddressInfo).port);
      const program = host(`
        const refused = new Promise((resolve) => addEventListener("securitypolicyviolation", resolve));
        await fetch(${JSON.stringify(to)}).then(() => { throw new Error("it answers"); }, () => {});
        throw new Error((await refused).effectiveDirective);
      `);
      const { status, stderr } = await start(process.execPath, [program, "vectors", VECTORS]);
      server.close();
      expect({ status, asked }).toEqual({ status: 1, asked: [] });
      expect(stderr).toContain("connect-src");
    });

    test.each([
      ["the page", "--type=renderer", /the page has crashed/],
      ["the browser", "--headless", /the page was closed, or Chromium has ended/],
    ])("%s is killed", async (_, word, says) => {
      const program = changed("chromium/worker.mjs", (text) =>
        text.replace("await run(", 'await print("ready").then(() => new Promise(() => {}), '),
      );
      const child = spawn(process.execPath, [program, "vectors", VECTORS], { stdio: ["ignore", "pipe", "pipe"] });
      let said = "";
      child.stderr.on("data", (text) => (said += text));
      child.stdout.once("data", () => {
        for (const pid of descendants(child.pid!, word)) process.kill(pid, "SIGKILL");
      });
      const code = await new Promise((resolve) => child.once("close", resolve));
      expect(said).toMatch(says);
      expect(code).toBe(1);
    });
  });

  describe("Chromium", () => {
    test.each([
      [
        "is missing",
        "/nowhere/chromium",
        /^\/nowhere\/chromium: cannot be started \(ENOENT\), expected Chromium: .*\n$/,
      ],
      ["is another program", "/bin/true", /^\/bin\/true: cannot be started \(.+\), expected Chromium: .*\n$/],
    ])("that %s is said on one line", async (_, path, says) => {
      const env = { ...process.env, CHROMIUM: path };
      const program = join(ROOT, "test/hosts/chromium/host.mjs");
      const { status, stdout, stderr } = await start(process.execPath, [program, "vectors", VECTORS], env);
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(stderr).toMatch(says);
    });

    test("leaves nothing running and nothing behind", async () => {
      const temporary = scratch();
      const program = join(ROOT, "test/hosts/chromium/host.mjs");
      const done = await start(process.execPath, [program, "vectors", VECTORS], { ...process.env, TMPDIR: temporary });
      expect(done).toEqual({ status: 0, stdout: LINES, stderr: "" });
      expect(readdirSync(temporary)).toEqual([]);
      expect(run("ps", ["-e", "-o", "args="]).stdout).not.toContain(temporary);
    });
  });
}
