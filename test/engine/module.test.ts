import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ABI_VERSION, CONFIG_SIZE } from "../../assembly/abi.js";
import { instantiateEngine } from "../../src/engine/load.js";
import { EngineError } from "../../src/errors.js";
import { packageFile } from "../../src/platform/node/wasm.js";

interface ModuleStatics {
  new (bytes: Uint8Array): object;
  imports(module: object): object[];
  exports(module: object): { name: string; kind: string }[];
}

const { Module } = (globalThis as unknown as { WebAssembly: { Module: ModuleStatics } }).WebAssembly;
const WASM = packageFile("build", "engine.wasm");

describe("engine.wasm", () => {
  const bytes = readFileSync(WASM);
  const module = new Module(bytes);

  test("imports nothing, so that any host can start it", () => {
    expect(Module.imports(module)).toEqual([]);
  });

  test("exports its memory and the functions of docs/abi.md, and nothing else", () => {
    const exported = Module.exports(module);
    expect(exported.filter(({ kind }) => kind === "memory")).toEqual([{ name: "memory", kind: "memory" }]);
    const documented = [...readFileSync("docs/abi.md", "utf8").matchAll(/^### `(\w+)\(/gm)].map((match) => match[1]!);
    const functions = exported.filter(({ kind }) => kind === "function").map(({ name }) => name);
    expect(functions.sort()).toEqual(documented.sort());
    expect(exported.length).toBe(functions.length + 1);
  });

  test("is smaller than 64 KB", () => {
    expect(bytes.length).toBeLessThan(64_000);
  });
});

describe("instantiateEngine", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluicegate-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function refusal(name: string, bytes?: Uint8Array): Promise<string> {
    const file = join(folder, name);
    if (bytes) writeFileSync(file, bytes);
    const error: unknown = await instantiateEngine(file).then(
      () => undefined,
      (reason) => reason,
    );
    expect(error).toBeInstanceOf(EngineError);
    return (error as EngineError).message.replace(file, "FILE");
  }

  test("starts an engine of this ABI, each with a memory of its own", async () => {
    const [a, b] = [await instantiateEngine(), await instantiateEngine()];
    expect(a.abiVersion()).toBe(ABI_VERSION);
    expect(a.memory.buffer).not.toBe(b.memory.buffer);
    expect(a.configAt() + CONFIG_SIZE).toBeLessThan(a.memory.buffer.byteLength);
  });

  test("says what is wrong with a file that is missing, no WebAssembly, or another module", async () => {
    expect(await refusal("missing.wasm")).toContain("FILE: cannot be read, expected what `npm run build` makes");
    expect(await refusal("text.wasm", Buffer.from("not a module"))).toContain("FILE: cannot be instantiated");
    const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    expect(await refusal("empty.wasm", empty)).toMatch(
      /^FILE: exports no abiVersion, configAt, .*expected Sluicegate's engine$/,
    );
  });

  test("refuses an engine of another ABI version", async () => {
    const exportOfVersion = (version: number) =>
      moduleExporting(
        [
          "configAt",
          "configure",
          "regionAt",
          "regionSize",
          "loadPolicy",
          "setGateway",
          "setReachable",
          "nodeLost",
          "setOwnNode",
          "locate",
          "feedback",
          "setActive",
          "process",
          "advance",
          "passTime",
          "restore",
          "abiVersion",
        ],
        version,
      );
    expect(await refusal("other.wasm", exportOfVersion(99))).toBe(
      `FILE: has ABI version 99, this host expects ${ABI_VERSION}; build both together`,
    );
  });
});

/** A module in which each of `names` is one function without parameters that returns `value` (0 … 63 and 99 in LEB128). */
function moduleExporting(names: readonly string[], value: number): Uint8Array {
  const leb = value < 64 ? [value] : [(value & 0x7f) | 0x80, value >> 7];
  const section = (id: number, body: number[]) => [id, ...unsigned(body.length), ...body];
  const exports = names.flatMap((name) => [name.length, ...Buffer.from(name), 0, 0]);
  const code = [0, 0x41, ...leb, 0x0b];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 0, 1, 0x7f]),
    ...section(3, [1, 0]),
    ...section(7, [names.length, ...exports]),
    ...section(10, [1, code.length, ...code]),
  ]);
}

function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 0x7f) | 0x80, value >> 7];
}
