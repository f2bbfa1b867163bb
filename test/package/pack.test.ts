import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BUILD_MS } from "./built.js";
import { packProject } from "./packed.js";

let folder: string;
let files: readonly string[];

beforeAll(() => {
  ({ folder, files } = packProject());
}, BUILD_MS);
afterAll(() => rmSync(folder, { recursive: true }));

function manifest() {
  return JSON.parse(readFileSync(join(folder, "package/package.json"), "utf8"));
}

describe("the packed package", () => {
  test("holds the program, its types and every Wasm module, and neither sources nor tests", () => {
    for (const file of [
      "dist/src/cli/main.js",
      "dist/src/index.d.ts",
      "build/engine.wasm",
      "build/outside.wasm",
      "build/page/assets.js",
      "dist/src/platform/node/files.js",
      "dist/src/platform/web/files.js",
      "docs/library.md",
      "abi/abi.json",
      "abi/sluicegate.h",
      "LICENSE",
    ])
      expect(files).toContain(file);
    expect(files.filter((file) => /\.ts$/.test(file) && !/\.d\.ts$/.test(file))).toEqual([]);
    expect(files.filter((file) => /^(?:test|pcaps|assembly|src)\//.test(file))).toEqual([]);
  });

  test("has no script that runs at installation, and needs no compiler", () => {
    const { scripts, dependencies } = manifest();
    for (const name of ["preinstall", "install", "postinstall", "prepare"]) expect(scripts).not.toHaveProperty(name);
    expect(Object.keys(dependencies)).not.toContain("assemblyscript");
    expect(Object.keys(dependencies)).not.toContain("typescript");
  });

  test("holds no path of the machine that it was packed on", () => {
    const texts = files.filter((file) => /\.(?:js|ts|json|md)$/.test(file));
    const own = [process.cwd(), process.env.HOME ?? "/home/nobody"].filter((path) => path.length > 5);
    for (const file of texts) {
      const text = readFileSync(join(folder, "package", file), "utf8");
      for (const path of own) expect(text.includes(path), `${file} names ${path}`).toBe(false);
    }
  });

  test("its bin replays a capture from another folder", () => {
    const bin = join(folder, "node_modules/sluicegate", manifest().bin.sluicegate);
    expect(readFileSync(bin, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
    const args = ["replay", resolve("pcaps/web/in.pcap"), "-m", resolve("pcaps/manifests"), "-o", "out"];
    const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { cwd: folder, encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/Verification {2}ok: [\d,]+ frames/);
    expect(JSON.parse(readFileSync(join(folder, "out/report.json"), "utf8")).frames.read).toBe(1739);
  });

  test("gives a host of the engine its policy and the numbers of the ABI, which belong together", () => {
    const bin = join(folder, "package", manifest().bin.sluicegate);
    const args = ["compile", "-m", resolve("pcaps/manifests"), "-o", "policy.bin"];
    const { status, stderr } = spawnSync(process.execPath, [bin, ...args], { cwd: folder, encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const { abiVersion, blob } = JSON.parse(readFileSync(join(folder, "policy.json"), "utf8"));
    expect(readFileSync(join(folder, "policy.bin")).length).toBe(blob.bytes);
    expect(JSON.parse(readFileSync(join(folder, "package/abi/abi.json"), "utf8")).abiVersion).toBe(abiVersion);
    const header = readFileSync(join(folder, "package/abi/sluicegate.h"), "utf8");
    expect(header).toContain(`#define SG_ABI_VERSION ${abiVersion}u `);
  });

  test("works as a library, and knows its own version", () => {
    writeFileSync(
      join(folder, "use.mjs"),
      `import { loadManifests, parseAddress, replay, summary } from "sluicegate";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
const model = loadManifests([process.argv[2] + "/manifests"]);
const report = await replay({ captures: [process.argv[2] + "/icmp/in.pcap"], model });
const wasm = readFileSync(fileURLToPath(import.meta.resolve("sluicegate/engine.wasm")));
console.log(JSON.stringify([report.frames.read, report.verification.ok, parseAddress("::1").length, wasm.length > 1000]));
if (!summary(report, { colour: false, verbose: false }).includes("Verification")) process.exit(1);
`,
    );
    const run = spawnSync(process.execPath, ["use.mjs", resolve("pcaps")], { cwd: folder, encoding: "utf8" });
    expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(run.stdout)).toEqual([89, true, 16, true]);
    const bin = join(folder, "package", manifest().bin.sluicegate);
    expect(execFileSync(process.execPath, [bin, "--version"], { encoding: "utf8" })).toBe(`${manifest().version}\n`);
  });

  test("its types hold for a strict consumer", () => {
    writeFileSync(
      join(folder, "use.ts"),
      `import { type EgressError, loadManifests, NoMatchError, replay, type ReplayReport, summary } from "sluicegate";
const report: ReplayReport = await replay({ captures: ["a.pcap"], model: loadManifests(["m"]), seed: 3 });
const read: number = report.frames.read;
const text: string = summary(report, { colour: false, verbose: false });
export const code = (error: EgressError): string => (error instanceof NoMatchError ? error.hint : error.code);
// @ts-expect-error a seed is a number
await replay({ captures: [], model: loadManifests([]), seed: "3" });
console.log(read, text);
`,
    );
    const options = ["--noEmit", "--strict", "--target", "ES2022", "--module", "NodeNext", "--lib", "ES2023"];
    const types = ["--types", "node", "--typeRoots", resolve("node_modules/@types")];
    const args = [resolve("node_modules/typescript/bin/tsc"), ...options, ...types, "use.ts"];
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  });
});
