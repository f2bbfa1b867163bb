import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildMutant, type Mutation } from "../verify/mutant.js";

/** What came of the NAT tests against one engine. */
export interface TestRun {
  readonly passed: number;
  /** `file: test` of each that failed. */
  readonly failed: readonly string[];
}

interface JsonReport {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/**
 * Builds the engine with the bugs of `mutations`, none for a control, and runs test files against it.
 * @param files of test/nat and test/assembly; none = all   @param bail tests that may fail before the run ends, 0 = all
 * @param names parts of the names of the tests to run; none = all
 * @throws Error where a bug cannot be planted, the engine does not compile, or the run ends without a result
 */
export async function runAgainst(
  mutations: readonly Mutation[],
  files: readonly string[],
  bail: number,
  names: readonly string[] = [],
): Promise<TestRun> {
  const wasm = await buildMutant(mutations);
  const folder = await mkdtemp(join(tmpdir(), "sluicegate-mutants-"));
  try {
    const engine = join(folder, "engine.wasm");
    await writeFile(engine, wasm);
    const report = join(folder, "report.json");
    const selected = names.length > 0 ? ["--testNamePattern", names.map((name) => `(${name})`).join("|")] : [];
    const output = await runVitest([...files, `--bail=${bail}`, ...selected], engine, report);
    const text = await readFile(report, "utf8").catch(() => {
      throw new Error(`the test run left no report:\n${output}`);
    });
    return resultOf(JSON.parse(text) as JsonReport, output);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** @returns what it printed; how it ended shows in the report */
function runVitest(which: readonly string[], engine: string, report: string): Promise<string> {
  const options = ["--config", "test/mutants/vitest.config.ts", "--reporter=json", `--outputFile=${report}`];
  const env = { ...process.env, SLUICEGATE_MUTANT: engine };
  const child = spawn(process.execPath, ["node_modules/vitest/vitest.mjs", "run", ...options, ...which], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece: Buffer) => (output += piece.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => resolve(output));
  });
}

function resultOf(report: JsonReport, output: string): TestRun {
  const failed = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === "failed")
      .map(({ fullName }) => `${name.slice(name.indexOf("test/"))}: ${fullName}`),
  );
  // A file that could not be loaded is no verdict on the engine.
  const broken = report.testResults.find(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  );
  if (broken) throw new Error(`${broken.name} did not run: ${broken.message}\n${output}`);
  if (failed.length + report.numPassedTests === 0) throw new Error(`no test was run:\n${output}`);
  return { passed: report.numPassedTests, failed };
}
