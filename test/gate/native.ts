import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildEngine, type Mutation, PRODUCT_OPTIONS } from "../verify/mutant.js";

/** Programs that counts depend on; Debian's packages gcc, wabt and valgrind. */
export interface Tools {
  readonly gcc: string;
  readonly wasm2c: string;
  readonly valgrind: string;
  /** The AssemblyScript compiler. */
  readonly asc: string;
  readonly arch: string;
}

/** Two builds of one engine behind test/gate/harness.c. */
export interface NativeEngine {
  /** As fast as it gets, without bounds checks, as in hosts that have guard pages. */
  readonly counts: string;
  /** Every load and store tells where. */
  readonly lines: string;
}

const WABT = "/usr/share/wabt/wasm2c";
const HARNESS = "test/gate/harness.c";
/** Loops in place of memory.copy and memory.fill, so that what they touch is counted, too. */
const PLAIN_WASM = ["--disable", "bulk-memory"];
const CHECK = "#define MEMCHECK(mem, a, t) RANGE_CHECK(mem, a, sizeof(t))";
const HOOK = "extern void touched(u64, u32);\n#define MEMCHECK(mem, a, t) touched(a, sizeof(t))";

/**
 * Compiles the engine, with `mutations` in its sources, to C and that to programs in `folder`.
 * @throws Error where a mutation cannot be planted or a tool refuses
 */
export async function buildNative(folder: string, mutations: readonly Mutation[] = []): Promise<NativeEngine> {
  const wasm = join(folder, "engine.wasm");
  writeFileSync(wasm, await buildEngine(mutations, [...PRODUCT_OPTIONS, ...PLAIN_WASM]));
  output("wasm2c", [wasm, "-o", join(folder, "engine.c")]);
  const source = readFileSync(join(folder, "engine.c"), "utf8");
  if (source.split(CHECK).length !== 2)
    throw new Error(
      "engine.c: wasm2c defines no MEMCHECK as expected, so accesses cannot be counted (wabt 1.0.32 does)",
    );
  writeFileSync(join(folder, "traced.c"), source.replace(CHECK, HOOK));
  return {
    counts: compile(folder, "counts", "engine.c", ["-O2", "-DWASM_RT_MEMCHECK_SIGNAL_HANDLER=1"]),
    lines: compile(folder, "lines", "traced.c", ["-O1", "-DWASM_RT_MEMCHECK_SIGNAL_HANDLER=0"]),
  };
}

function compile(folder: string, name: string, engine: string, options: readonly string[]): string {
  const program = join(folder, name);
  const sources = [HARNESS, join(folder, engine), join(WABT, "wasm-rt-impl.c")];
  output("gcc", ["-std=gnu11", "-w", ...options, `-I${WABT}`, `-I${folder}`, ...sources, "-lm", "-o", program]);
  return program;
}

/** Versions as the tools print them. @throws Error where one is missing */
export function toolVersions(): Tools {
  const version = (program: string, args: readonly string[]) => /\d+\.\d+\.\d+/.exec(output(program, args))?.[0] ?? "";
  const { version: asc } = JSON.parse(readFileSync("node_modules/assemblyscript/package.json", "utf8"));
  return {
    gcc: version("gcc", ["-dumpfullversion"]),
    wasm2c: version("wasm2c", ["--version"]),
    valgrind: version("valgrind", ["--version"]),
    asc,
    arch: process.arch,
  };
}

/** What a program that must succeed prints. */
export function output(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", maxBuffer: 64 << 20 });
  if (error)
    throw new Error(`${program} cannot be started, expected Debian's gcc, libc6-dev, wabt and valgrind`, {
      cause: error,
    });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: exit ${status}\n${stderr}`);
  return stdout;
}
