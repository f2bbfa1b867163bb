import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { EgressError } from "../../src/errors.js";

/** A host cannot be built, or did other work than the others. */
export class ProgramError extends EgressError {
  constructor(message: string, options?: ErrorOptions) {
    super("HOST", message, options);
  }
}

/** A program of its own in another language, or another runtime, that has the engine inside or loads it. */
export interface HostProgram {
  readonly name: string;
  /** For tables. */
  readonly title: string;
  /** Programs that have to be there to build it. */
  readonly tools: readonly string[];
  /** Commands that build it below `folder`, in order; nothing else is written. @param way `quick` where a build counts and not its speed */
  build(root: string, folder: string, way: "quick" | "release"): readonly BuildCommand[];
  /** Program and first arguments; the commands `vectors` and `replay` come behind them. */
  command(root: string, folder: string, way: "quick" | "release"): readonly string[];
  /** Arguments behind the command. */
  readonly flags: (engine: string) => readonly string[];
}

export interface BuildCommand {
  readonly cwd: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const loadsEngine = (engine: string) => ["--engine", engine];

export const NODE: HostProgram = {
  name: "node",
  title: "Node",
  tools: ["node"],
  build: () => [],
  command: (root) => [process.execPath, join(root, "test/hosts/node/host.mjs")],
  flags: loadsEngine,
};

const GO: HostProgram = {
  name: "go",
  title: "Go: wazero",
  tools: ["go"],
  build: (root, folder) => [
    {
      cwd: join(root, "test/hosts/go"),
      command: [
        "go",
        "build",
        "-trimpath",
        "-buildvcs=false",
        "-o",
        join(folder, "sluicegate-host"),
        "./cmd/sluicegate-host",
      ],
      env: { CGO_ENABLED: "0" },
    },
  ],
  command: (_, folder) => [join(folder, "sluicegate-host")],
  flags: loadsEngine,
};

/** Rust's tools put their files where this says. */
const RUST_PROFILES = { quick: "ci", release: "release" } as const;

const RUST: HostProgram = {
  name: "rust",
  title: "Rust: wasmtime",
  tools: ["cargo"],
  build: (root, folder, way) => [
    {
      cwd: join(root, "test/hosts/rust"),
      command: ["cargo", "build", "--locked", "--quiet", "--profile", RUST_PROFILES[way]],
      env: { CARGO_TARGET_DIR: folder },
    },
  ],
  command: (_, folder, way) => [join(folder, RUST_PROFILES[way], "sluicegate-host")],
  flags: loadsEngine,
};

const PYTHON: HostProgram = {
  name: "python",
  title: "Python: wasmtime",
  tools: ["python3"],
  build: (root, folder) => {
    const pip = [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "--only-binary",
      ":all:",
      "--require-hashes",
    ];
    const requirements = join(root, "test/hosts/python/requirements.txt");
    return [
      { cwd: root, command: ["python3", "-m", "venv", "--clear", folder] },
      { cwd: root, command: [join(folder, "bin/python"), ...pip, "-r", requirements] },
    ];
  },
  command: (root, folder) => [join(folder, "bin/python"), "-B", join(root, "test/hosts/python/host.py")],
  flags: loadsEngine,
};

const C: HostProgram = {
  name: "c",
  title: "C: wasm2c",
  tools: ["gcc", "make", "wasm2c"],
  build: (root, folder) => [{ cwd: join(root, "test/hosts/c"), command: ["make", "-s", `BUILD=${folder}`] }],
  command: (_, folder) => [join(folder, "sluicegate-host")],
  flags: () => [],
};

const CHROMIUM: HostProgram = {
  name: "chromium",
  title: "Chromium",
  tools: ["chromium"],
  build: () => [],
  command: (root) => [process.execPath, join(root, "test/hosts/chromium/host.mjs")],
  flags: loadsEngine,
};

/** Node first: the others are compared with it. */
export const PROGRAMS: readonly HostProgram[] = [NODE, CHROMIUM, GO, PYTHON, RUST, C];

/** The same program by wazero's interpreter, for platforms that its compiler does not know. */
export const INTERPRETED: HostProgram = {
  ...GO,
  title: "Go: wazero's interpreter",
  flags: (engine) => ["--interpreter", ...loadsEngine(engine)],
};

const run = promisify(execFile);

/** @throws {ProgramError} with what the failing command said */
export async function buildProgram(
  program: HostProgram,
  root: string,
  folder: string,
  way: "quick" | "release",
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const { cwd, command, env } of program.build(root, folder, way)) {
    const [file = "", ...args] = command;
    try {
      await run(file, args, { cwd, env: { ...process.env, ...env }, maxBuffer: 1 << 26 });
    } catch (cause) {
      const { stderr, message } = cause as Error & { stderr?: string };
      throw new ProgramError(`${program.title} cannot be built: ${command.join(" ")}: ${stderr?.trim() || message}`, {
        cause,
      });
    }
  }
}

/** What `replay` prints. */
export interface ReplayLine {
  readonly host: string;
  readonly runtime: string;
  readonly frames: number;
  readonly given: number;
  readonly skipped: number;
  readonly actions: Readonly<Record<string, number>>;
  readonly reasons: Readonly<Record<string, number>>;
  readonly errors: number;
  readonly written: number;
  readonly sha256: string;
  readonly rounds: number;
  readonly framesPerSecond: number;
}
