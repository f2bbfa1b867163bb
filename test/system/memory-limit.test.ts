import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import * as abi from "../../assembly/abi.js";
import { buildProgram, PROGRAMS } from "../hosts/programs.js";
import { ethernet, ipv4, text, udp } from "../support/frames.js";
import { MANIFESTS, missing, ROOT, scratch } from "./tools.js";

// A host that lets no instance have more memory than it says (docs/sandbox.md): wasmtime's own limit, and V8's. A module whose memory
// has a maximum is test/engine/memory-limit.test.ts.

const PYTHON = PROGRAMS.find(({ name }) => name === "python")!;
const BUILT = scratch();
const WASM = join(ROOT, "build/engine.wasm");
const FOLDER = scratch();
const POLICY = join(FOLDER, "policy.bin");

/** What memory_limit.py prints. */
interface Told {
  readonly needed: number;
  readonly first: number;
  readonly refused: number;
  readonly after: number;
  readonly empty: number;
  readonly unready: readonly number[];
  readonly again: number;
  readonly smaller: number;
  readonly loaded: number;
  readonly fits: boolean;
  readonly limited: readonly unknown[][];
  readonly unlimited: readonly unknown[][];
  readonly error: string;
}

const lacking = missing(PYTHON.tools);

describe.skipIf(lacking !== "")(`wasmtime ${lacking && `(missing: ${lacking})`}`, () => {
  let finished: { readonly status: number | null; readonly stdout: string; readonly stderr: string };
  beforeAll(async () => {
    await buildProgram(PYTHON, ROOT, BUILT, "quick");
    execFileSync(process.execPath, [join(ROOT, "dist/src/cli/main.js"), "compile", "-m", MANIFESTS, "-o", POLICY]);
    const question = udp({ srcPort: 40_000, dstPort: 53, payload: text("question") });
    const frame = ethernet(ipv4({ src: "10.1.1.10", dst: "198.51.100.10" }, question));
    const script = join(ROOT, "test/system/memory_limit.py");
    const files = [join(ROOT, "test/hosts/python"), WASM, POLICY, join(FOLDER, "policy.json")];
    const input = `${Buffer.from(frame).toString("hex")}\n`;
    finished = spawnSync(join(BUILT, "bin/python"), ["-B", script, ...files], { input, encoding: "utf8" });
  });

  test("refuses to let the memory grow: ERROR_MEMORY, nothing taken, and a smaller record goes on", () => {
    expect([finished.status, finished.stderr]).toEqual([0, ""]);
    const { needed, limited: _, unlimited: __, ...told } = JSON.parse(finished.stdout) as Told;
    expect(needed).toBeGreaterThan(100 << 20);
    expect(told).toEqual({
      ...{ first: 65_536, refused: abi.ERROR_MEMORY, after: 65_536, empty: abi.REGION_COUNT },
      unready: new Array(4).fill(abi.ERROR_NOT_CONFIGURED),
      ...{ again: abi.ERROR_MEMORY, smaller: abi.OK, loaded: abi.OK, fits: true },
      error: "FILE: configure() gives -4 (ERROR_MEMORY), expected 0 (OK)",
    });
  });

  test("gives the same verdicts with a limit as without, whose bytes outlive their gateway", () => {
    const { limited, unlimited } = JSON.parse(finished.stdout) as Told;
    expect(limited).toEqual(unlimited);
    expect(limited.map((verdict) => verdict.slice(0, 2))).toEqual([[abi.ACTION_SNAT, abi.REASON_NONE]]);
  });
});

test("V8 under --wasm-max-mem-pages does the same: this package says what is too much, and runs what fits", () => {
  const source = `
    const { createEngine, DEFAULT_ENGINE_CONFIG } = await import(${JSON.stringify(join(ROOT, "dist/src/index.js"))});
    const said = await createEngine(DEFAULT_ENGINE_CONFIG).catch((error) => error.message);
    const engine = await createEngine({ ...DEFAULT_ENGINE_CONFIG, connections: 1 << 16 });
    console.log(JSON.stringify({ said, arena: engine.arena.length }));
  `;
  const flags = ["--wasm-max-mem-pages=2500", "--input-type=module", "-e", source];
  const { said, arena } = JSON.parse(execFileSync(process.execPath, flags, { encoding: "utf8" }));
  expect(said).toBe(
    "engine: configure: the configured tables do not fit into 32-bit memory, or the host has not that much (memory)",
  );
  expect(arena).toBe(16 << 20);
});
