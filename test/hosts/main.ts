/**
 * npm run hosts -- [--packets N] [--turns N] [--rounds N] [--json] [--build]
 *
 * The hosts of test/hosts over the same two captures, in turns. They are built into build/programs, optimised; --build does no more. Exit code:
 * 0 figures given, 1 a host cannot be built or wrote something else than the others, 2 usage.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeMachine } from "../../src/bench/machine.js";
import { EgressError } from "../../src/errors.js";
import { packageFile } from "../../src/platform/node/wasm.js";
import { type HostFigures, printPrograms } from "./print-programs.js";
import { buildProgram, type HostProgram, INTERPRETED, PROGRAMS, ProgramError, type ReplayLine } from "./programs.js";
import { generated, type HostInput, hostInput } from "./traffic.js";

const { values } = parseArgs({
  options: {
    packets: { type: "string", default: "40000" },
    turns: { type: "string", default: "7" },
    rounds: { type: "string", default: "15" },
    json: { type: "boolean", default: false },
    build: { type: "boolean", default: false },
  },
});

/** What is generated: frames of the least length, and lengths as an ISP sees them. */
const SIZES = ["small", "measured"] as const;
/** Of a connection. */
const FRAMES_PER_FLOW = 40;
const ROOT = packageFile();
const FOLDER = packageFile("build", "programs");

function fail(message: string, code: number): never {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

function wholeNumber(name: "packets" | "turns" | "rounds"): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 1)
    fail(`--${name} is ${values[name]}, expected a whole number from 1 on`, 2);
  return value;
}

const progress = (text: string) => process.stderr.write(`${text}\n`);
const [packets, turns, rounds] = [wholeNumber("packets"), wholeNumber("turns"), wholeNumber("rounds")];

async function inputs(scratch: string): Promise<Map<string, HostInput>> {
  const all = new Map<string, HostInput>();
  for (const sizes of SIZES) {
    const flows = Math.max(1, Math.round(packets / FRAMES_PER_FLOW));
    const size = ["--packets", String(packets), "--flows", String(flows), "--endpoints", "64", "--sizes", sizes];
    const traffic = generated(ROOT, join(scratch, sizes), ...size, "--share", "ipv6=0");
    all.set(sizes, await hostInput(ROOT, join(scratch, `${sizes} for hosts`), { ...traffic, connections: 4 * flows }));
  }
  return all;
}

function replay(program: HostProgram, input: HostInput, out: string): ReplayLine {
  const [file = "", ...first] = program.command(ROOT, join(FOLDER, program.name), "release");
  const flags = [
    ...program.flags(packageFile("build", "engine.wasm")),
    "--policy",
    input.policy,
    "--about",
    input.about,
  ];
  const args = [...first, "replay", ...flags, "--rounds", String(rounds), input.capture, out];
  return JSON.parse(execFileSync(file, args, { encoding: "utf8" }));
}

/** @throws {ProgramError} where a host comes to another file than the first one */
async function measure(scratch: string, programs: readonly HostProgram[]): Promise<HostFigures[]> {
  const figures = programs.map(
    ({ title }): HostFigures => ({ title, runtime: "", rates: { small: [], measured: [] } }),
  );
  const captures = await inputs(scratch);
  const expected = new Map<string, string>();
  for (let turn = 0; turn < turns; turn++) {
    progress(`turn ${turn + 1} of ${turns}`);
    for (const sizes of SIZES)
      for (let i = 0; i < programs.length; i++) {
        const place = (i + turn) % programs.length;
        const program = programs[place]!;
        const line = replay(program, captures.get(sizes)!, join(scratch, "out.pcap"));
        const sum = expected.get(sizes) ?? line.sha256;
        expected.set(sizes, sum);
        if (line.sha256 !== sum)
          throw new ProgramError(`${program.title}: SHA-256 is ${line.sha256}, expected ${sum} as in the others`);
        figures[place]!.runtime = line.runtime;
        figures[place]!.rates[sizes].push(line.framesPerSecond);
      }
  }
  return figures;
}

const scratch = mkdtempSync(join(tmpdir(), "sluicegate-programs-"));
try {
  for (const program of PROGRAMS) {
    progress(`building ${program.title}`);
    await buildProgram(program, ROOT, join(FOLDER, program.name), "release");
  }
  if (!values.build) {
    const machine = describeMachine();
    const figures = await measure(scratch, [...PROGRAMS, INTERPRETED]);
    const report = { machine, packets, rounds, turns, figures };
    process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : printPrograms(report));
  }
} catch (error) {
  if (error instanceof EgressError) fail(error.message, 1);
  throw error;
} finally {
  rmSync(scratch, { recursive: true });
}
