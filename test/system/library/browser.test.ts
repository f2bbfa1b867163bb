import { cpSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadManifests, replay, summary } from "../../../src/index.js";
import { BUILD_MS, ensureBuilt } from "../../package/built.js";
import { JOBS, nodeResults } from "../../package/jobs.js";
import { ARGS, CHROMIUM, lacking } from "../page/browser.js";
import { ROOT, scratch } from "../tools.js";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** A project with the example's page and one of the tests, built by Vite as a user would. */
async function buildSite(): Promise<string> {
  ensureBuilt();
  const project = scratch();
  cpSync(join(ROOT, "docs/examples/library/browser"), project, { recursive: true });
  cpSync(join(ROOT, "test/package/job.mjs"), join(project, "job.mjs"));
  cpSync(join(ROOT, "test/system/library/site"), project, { recursive: true });
  mkdirSync(join(project, "node_modules"));
  symlinkSync(ROOT, join(project, "node_modules/sluicegate"));
  const { build } = await import("vite");
  const input = ["index.html", "jobs.html"].map((name) => join(project, name));
  await build({ root: project, logLevel: "silent", build: { target: "es2022", rollupOptions: { input } } });
  return join(project, "dist");
}

/** Serves files, and captures below /pcaps; what is asked for is kept. */
function serve(site: string, asked: string[]): Promise<Server> {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? "", "http://localhost").pathname);
    asked.push(`${request.method} ${path}`);
    try {
      const body = readFileSync(path.startsWith("/pcaps/") ? join(ROOT, path) : join(site, path));
      const policy =
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; img-src data:";
      response.writeHead(200, {
        "content-type": TYPES[extname(path)] ?? "application/octet-stream",
        "content-security-policy": policy,
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

describe.skipIf(lacking !== "")("the library in a browser", () => {
  const asked: string[] = [];
  let server: Server;
  let browser: Browser;
  let address: string;
  beforeAll(async () => {
    server = await serve(await buildSite(), asked);
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  }, BUILD_MS);
  afterAll(async () => {
    await browser.close();
    server.close();
  });

  async function open(path: string): Promise<{ page: Page; faults: string[] }> {
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on("console", (message) => faults.push(message.text()));
    page.on("pageerror", (error) => faults.push(error.message));
    await page.goto(`${address}/${path}`);
    return { page, faults };
  }

  test.each(["page", "worker"])(
    "makes of shipped captures, in a %s, what it makes in Node: reports, captures, pages, walks, policies",
    async (where) => {
      const { page, faults } = await open("jobs.html");
      await page.waitForSelector("body[data-ready]", { state: "attached" });
      const results = await page.evaluate(`runJobs(${JSON.stringify(JOBS)}, "${where}")`);
      expect(results).toEqual(await nodeResults());
      expect(faults).toEqual([]);
      await page.close();
    },
  );

  test("the example replays files that a user picks, says what is wrong, and sends nothing anywhere", async () => {
    const { page, faults } = await open("index.html");
    const texts = ["nodes", "endpoints", "workloads", "policies", "cilium-config"].map((name) =>
      join(ROOT, `pcaps/manifests/${name}.yaml`),
    );
    await page.setInputFiles("#capture", join(ROOT, "pcaps/web/in.pcap"));
    await page.setInputFiles("#manifests", texts);
    await page.click("#start");
    await page.locator("#result", { hasText: "Verification" }).waitFor();
    const shown = (await page.textContent("#result"))!;
    const report = await replay({
      captures: [join(ROOT, "pcaps/web/in.pcap")],
      model: loadManifests([join(ROOT, "pcaps/manifests")]),
    });
    const lines = summary(report, { colour: false, verbose: false }).split("\n");
    const frames = lines.findIndex((line) => line.startsWith("Frames"));
    const speed = lines.findIndex((line) => line.startsWith("Speed"));
    expect(shown).toContain(lines.slice(frames, speed).join("\n"));
    expect(shown).toContain("in.pcap frame 1 at 2026-11-23T07:58:44.480001000Z");
    expect(await page.textContent("#progress")).toBe("1739 frames");
    await page.setInputFiles("#capture", join(ROOT, "README.md"));
    await page.click("#start");
    await page.locator("#result", { hasText: /^damaged-capture: README.md: byte 0/ }).waitFor();
    expect(faults).toEqual([]);
    expect(
      asked.filter((line) => !/^GET \/(?:pcaps\/|assets\/|index\.html|jobs\.html|favicon\.ico)/.test(line)),
    ).toEqual([]);
    await page.close();
  });

  test("a replay is cancelled while it runs, with progress until then", async () => {
    const { page } = await open("jobs.html");
    await page.waitForSelector("body[data-ready]", { state: "attached" });
    const told = await page.evaluate("cancelEndless(5)");
    expect(told).toEqual({ reason: "enough", isAfter: true, pieces: expect.any(Number) });
    await page.close();
  });
});
