import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import * as attw from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BUILD_MS } from "./built.js";
import { bundle } from "./bundle.js";
import { JOBS, nodeResults } from "./jobs.js";
import { type PackedProject, packProject } from "./packed.js";

let project: PackedProject;
beforeAll(() => {
  project = packProject();
}, BUILD_MS);
afterAll(() => rmSync(project.folder, { recursive: true }));

function node(file: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    cwd: project.folder,
    encoding: "utf8",
    maxBuffer: 64 << 20,
  });
  return { status, stdout, stderr };
}

describe("the package is as others expect packages to be", () => {
  test("publint finds nothing", async () => {
    const { messages, pkg } = await publint({ pkgDir: join(project.folder, "package"), strict: true, pack: false });
    expect(messages.map((message) => formatMessage(message, pkg!))).toEqual([]);
  });

  test("arethetypeswrong finds nothing but that it cannot be required", async () => {
    const analysis = await attw.checkPackage(attw.createPackageFromTarballData(readFileSync(project.archive)), {
      // The others are Wasm and JSON.
      entrypoints: ["."],
    });
    if (!analysis.types) throw new Error("the package has no types");
    const kinds = analysis.problems.map(({ kind, ...where }) => [kind, "entrypoint" in where ? where.entrypoint : ""]);
    // The package is for `import` alone; engines ≥ 20.10 do not require ES modules.
    expect(kinds.filter(([kind]) => kind !== "CJSResolvesToESM")).toEqual([]);
  });

  test("its types hold in a browser project, without those of Node, all of them checked", () => {
    writeFileSync(
      join(project.folder, "browser.ts"),
      `import { type CaptureInput, Engine, EgressError, loadManifestTexts, replay, type ReplayReport } from "sluicegate";
declare const file: File, stream: ReadableStream<Uint8Array>;
const model = loadManifestTexts({ "a.yaml": await file.text() });
const captures: CaptureInput[] = [file, { name: "a", bytes: file }, { name: "b", bytes: stream }, { name: "c", frames: [] }];
const report: ReplayReport = await replay({ captures, model, signal: AbortSignal.timeout(5), onOutput: (_, bytes) => new Blob([bytes]) });
const engine = await Engine.create({ policy: model, wasm: await WebAssembly.compile(await file.arrayBuffer()) });
for await (const { action, bytes } of engine.stream([])) console.log(report.frames.read, action, bytes.length, EgressError.name);
// @ts-expect-error a verdict is one of four words
if (engine.process([])[0]!.action === "redirect") engine.dispose();
`,
    );
    const compilerOptions = {
      ...{ noEmit: true, strict: true, skipLibCheck: false, types: [], lib: ["ES2023", "DOM", "DOM.Iterable"] },
      ...{ target: "ES2022", module: "ESNext", moduleResolution: "bundler" },
    };
    writeFileSync(join(project.folder, "browser.json"), JSON.stringify({ compilerOptions, files: ["browser.ts"] }));
    const { status, stdout } = node(resolve("node_modules/typescript/bin/tsc"), "-p", "browser.json");
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  });
});

describe("a bundle for browsers", () => {
  const rooms = (modules: readonly string[]) =>
    [...new Set(modules.flatMap((path) => /^dist\/src\/([\w-]+)/.exec(path)?.[1] ?? []))].sort();

  test("has of the library what is used: loading manifests comes without engine, verifier and reports", async () => {
    const all = await bundle(project.folder, "all", 'export * from "sluicegate";');
    const one = await bundle(project.folder, "one", 'export { loadManifests } from "sluicegate";');
    expect(rooms(one.modules)).toEqual(["config", "errors", "net", "platform"]);
    expect(one.code.length).toBeLessThan(all.code.length / 4);
    for (const mark of ["Verifier", "WebAssembly", "uPlot", "Session", "<!doctype html>"])
      expect([mark, one.code.includes(mark), all.code.includes(mark)]).toEqual([mark, false, true]);
    const error = await bundle(project.folder, "error", 'export { EgressError } from "sluicegate";');
    expect(error.code.length).toBeLessThan(2000);
    const engine = await bundle(project.folder, "engine", 'export { Engine } from "sluicegate";');
    for (const room of ["verify", "replay", "report", "whatif"]) expect(rooms(engine.modules)).not.toContain(room);
  });

  test("of all has nothing of Node, no warning, and makes of captures what Node makes of them", async () => {
    const out = join(project.folder, "bundled");
    const { code, modules, warnings } = await bundle(project.folder, "whole", 'export * from "sluicegate";', out);
    expect(warnings).toEqual([]);
    expect(code).not.toMatch(/["']node:|__vite-browser-external|\brequire\(["']/);
    expect(modules.filter((path) => path.includes("platform/node"))).toEqual([]);
    expect(rooms(modules)).toEqual(
      expect.arrayContaining(["compile", "demo", "embed", "replay", "report", "verify", "whatif"]),
    );
    // What a browser has and Node has not, and the other way round.
    writeFileSync(
      join(out, "run.mjs"),
      `import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
const [jobs, pcaps] = [JSON.parse(process.argv[2]), process.argv[3]];
const bytesOf = (name) => new Uint8Array(readFileSync(pcaps + "/" + name));
globalThis.fetch = async (url) => ({ ok: true, arrayBuffer: async () => Uint8Array.from(readFileSync(fileURLToPath(url))).buffer });
void Response; // Node makes it with a Buffer.
globalThis.Buffer = undefined;
const { runJob } = await import("./job.mjs");
const sluicegate = await import("./whole.js");
const results = [];
for (const job of jobs) results.push(await runJob(sluicegate, job, bytesOf));
process.stdout.write(JSON.stringify(results));
`,
    );
    cpSync("test/package/job.mjs", join(out, "job.mjs"));
    const { status, stdout, stderr } = node(join(out, "run.mjs"), JSON.stringify(JOBS), resolve("pcaps"));
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual(await nodeResults());
  });
});

describe("the examples run as they stand", () => {
  const run = (name: string, ...args: string[]) => {
    const examples = join(project.folder, "examples");
    mkdirSync(examples, { recursive: true });
    cpSync(join(project.folder, "package/docs/examples/library"), examples, { recursive: true });
    return node(join(examples, name), ...args);
  };
  const [web, manifests] = [resolve("pcaps/web/in.pcap"), resolve("pcaps/manifests")];

  test("who-would-be-hit.mjs names the pods whose connections break", () => {
    const { status, stdout, stderr } = run("who-would-be-hit.mjs", web, manifests, "gw-d");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(
      /\ngw-d fails at \S+: 1 connections lose 3 frames, 1 break\n {2}shop\/cart-1 {2}tcp 10\.1\.1\.11:34404 -> /,
    );
  });

  test("and says what is wrong where something is", () => {
    const { status, stdout, stderr } = run("who-would-be-hit.mjs", web, manifests, "gw-z");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/^usage: --kill is "gw-z", expected a gateway node: gw-a/);
  });

  test("stream-frames.mjs prints each connection that leaves", () => {
    const { status, stdout, stderr } = run("stream-frames.mjs", web, manifests);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^a connection leaves by gw-\w as 203\.0\.113\.\d+:\d+\n/);
    expect(stdout).toMatch(/\n832 frames left, 102 connections were opened\n$/);
  });

  test("verify-gateway.mjs compares two captures", () => {
    const snat = resolve("pcaps/snat");
    const { status, stdout, stderr } = run(
      "verify-gateway.mjs",
      `${snat}/inside.pcap`,
      `${snat}/uplink.pcap`,
      manifests,
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^\d+ packets seen on both sides, 0 mismatches\n$/);
  });
});
