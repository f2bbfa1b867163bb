import { execFile, spawnSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");
export const PCAPS = join(ROOT, "pcaps");
export const MANIFESTS = join(PCAPS, "manifests");

/** Debian's own interpreter: python3-scapy and python3-yaml are only there for this one. */
export const PYTHON = "/usr/bin/python3";
const OUTPUT_LIMIT = 256 * 1024 * 1024;
const REQUIRED = process.env.SLUICEGATE_REQUIRE_SYSTEM === "1";

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end and returns what it said; throws only where it cannot be started. */
export function run(program: string, args: readonly string[]): Finished {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: OUTPUT_LIMIT,
  });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** The same, beside whatever else is running. */
export function start(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Finished> {
  const options = { cwd: ROOT, env, encoding: "utf8", maxBuffer: OUTPUT_LIMIT } as const;
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (typeof error?.code === "string") reject(error);
      else resolve({ status: child.exitCode, stdout, stderr });
    });
  });
}

/** The standard output of a program that must succeed. */
export function output(program: string, args: readonly string[]): string {
  const { status, stdout, stderr } = run(program, args);
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: exit ${status}\n${stderr}`);
  return stdout;
}

/** Runs one of the helpers beside this file and parses the JSON document it prints. */
export function python<T>(script: string, ...args: string[]): T {
  return JSON.parse(output(PYTHON, [join(import.meta.dirname, script), ...args])) as T;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => isExecutable(join(folder, program)));
}

/**
 * What of these programs and Python modules is missing here, as a reason for skipping; empty when all are there.
 * @throws where something is missing although SLUICEGATE_REQUIRE_SYSTEM=1 demands it
 */
export function missing(programs: readonly string[], modules: readonly string[] = [], root = false): string {
  const absent = programs.filter((program) => !onPath(program));
  for (const module of modules) {
    const there = isExecutable(PYTHON) && run(PYTHON, ["-c", `import ${module}`]).status === 0;
    if (!there) absent.push(`python3-${module}`);
  }
  if (root && process.getuid?.() !== 0) absent.push("root");
  if (absent.length > 0 && REQUIRED)
    throw new Error(`missing: ${absent.join(", ")}; SLUICEGATE_REQUIRE_SYSTEM=1 demands them`);
  return absent.join(", ");
}

const scratchFolders: string[] = [];
process.on("exit", () => {
  for (const folder of scratchFolders) rmSync(folder, { recursive: true, force: true });
});

/** A new empty folder that goes with this process. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluicegate-system-"));
  scratchFolders.push(folder);
  return folder;
}
