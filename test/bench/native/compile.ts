import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as abi from "../../../assembly/abi.js";
import { packageFile } from "../../../src/platform/node/wasm.js";

const COMPILER = "gcc";
const OPTIONS = ["-std=c11", "-O3", "-march=native", "-Wall", "-Wextra", "-Werror"];

/** `-D` of a build: a difference planted on purpose (`PLANT`, see bytes.h), another size of block. */
export type Defines = Readonly<Record<string, number>>;

/**
 * Builds the C reference beside this file. Its numbers are those of assembly/abi.ts, written out as a header.
 * @param folder for the header and the program   @returns the program's path
 * @throws {Error} where there is no compiler, or with what it says
 */
export function compileReference(folder = packageFile("build", "native"), defines: Defines = {}): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "abi.h"), abiHeader());
  const name = Object.entries(defines).map(([key, value]) => `-${key.toLowerCase()}-${value}`);
  const program = join(folder, `reference${name.join("")}`);
  const source = packageFile("test", "bench", "native", "main.c");
  const flags = Object.entries(defines).map(([key, value]) => `-D${key}=${value}`);
  const { error, status, stderr } = spawnSync(COMPILER, [...OPTIONS, ...flags, `-I${folder}`, "-o", program, source], {
    encoding: "utf8",
  });
  if (error) {
    throw new Error(
      `${COMPILER}: cannot be started, expected a C compiler on the search path (Debian: apt-get install gcc libc6-dev)`,
      { cause: error },
    );
  }
  if (status !== 0) throw new Error(`${COMPILER} ${dirname(source)}: exit ${status}\n${stderr}`);
  return program;
}

function abiHeader(): string {
  const lines = Object.entries(abi).map(([name, value]) => {
    if (value < 0) return `#define ${name} (${value})`;
    return `#define ${name} ${value > 0x7fff_ffff ? `${value}u` : value}`;
  });
  return `/* Written by compile.ts from assembly/abi.ts. */\n${lines.join("\n")}\n`;
}
