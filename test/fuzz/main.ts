/**
 * npm run fuzz -- [--seconds N] [--seed S] [--target T[,T…]] [--runs N] [--input TEXT|@FILE] [--keep] [--native]
 *
 * Sends made-up inputs through the engine and the readers and judges what comes of them. Prints the seed, executions per second and, for
 * each finding, a line that repeats it. Exit code: 0 nothing found, 1 findings, 2 wrong usage.
 */
import { spawnSync } from "node:child_process";
import { createHash, randomInt } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { corpusFile, writeCorpus } from "./corpus.js";
import { asFinding } from "./finding.js";
import { runInTime } from "./fuzzer.js";
import { inputFromText, inputText } from "./input-text.js";
import { TARGET_NAMES, TARGETS, type TargetName } from "./targets/index.js";
import type { TargetRow, WorkerMessage, WorkerOrder } from "./worker.js";

/** Longer inputs go into a file. */
const LONGEST_TEXT = 3000;
/** Seconds after which an execution that has not come back never will. */
const STUCK_SECONDS = 20;
const SHARED_SIZE = 8 + (1 << 20);
const FINDINGS_FOLDER = "build/fuzz";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string" },
    target: { type: "string" },
    runs: { type: "string" },
    input: { type: "string" },
    keep: { type: "boolean", default: false },
    native: { type: "boolean", default: false },
  },
});

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    fail(`--${name} is ${text}, expected a whole number from ${least} on`);
  return value;
}

function chosenTargets(text: string | undefined): TargetName[] {
  const names = text === undefined ? TARGET_NAMES : text.split(",");
  const unknown = names.find((name) => !(name in TARGETS));
  if (unknown !== undefined) fail(`--target is ${unknown}, expected some of ${TARGET_NAMES.join(", ")}`);
  return names as TargetName[];
}

/** One input once more, with all that it says. */
async function repeat(name: TargetName, text: string): Promise<number> {
  const input = text.startsWith("@") ? Uint8Array.from(readFileSync(text.slice(1))) : inputFromText(text);
  const target = await TARGETS[name].start();
  try {
    const features = [...(await runInTime(target, input))];
    console.log(`${name}: ${input.length} bytes, nothing found; it showed ${features.length} features`);
    return 0;
  } catch (error) {
    console.log(`${name}: ${input.length} bytes: ${asFinding(error).message}`);
    if (error instanceof Error) console.log(error.stack);
    return 1;
  }
}

function repeatLine(target: string, input: Uint8Array): string {
  const text = inputText(input);
  if (text.length <= LONGEST_TEXT) return `npm run -s fuzz -- --target ${target} --input ${text}`;
  mkdirSync(FINDINGS_FOLDER, { recursive: true });
  const file = `${FINDINGS_FOLDER}/${target}-${createHash("sha256").update(input).digest("hex").slice(0, 12)}.bin`;
  writeFileSync(file, input);
  return `npm run -s fuzz -- --target ${target} --input @${file}`;
}

async function run(targets: readonly TargetName[], seed: number): Promise<number> {
  const shared = new SharedArrayBuffer(SHARED_SIZE);
  const seconds = wholeNumber("seconds", values.seconds, 1);
  const runs = values.runs === undefined ? undefined : wholeNumber("runs", values.runs, 1);
  const order: WorkerOrder = { targets, seed, seconds, runs, keep: values.keep, shared };
  const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: order });
  let findings = 0;
  let current: string = targets[0];
  const say = (target: string, what: string, line: string) => {
    findings++;
    console.log(`finding ${findings}: ${target}: ${what}\n  ${line}`);
  };
  const rows = await new Promise<readonly TargetRow[]>((resolve) => {
    const stop = watch(shared, (input) => {
      say(current, `hang: an input has not come back for ${STUCK_SECONDS} s`, repeatLine(current, input));
      void worker.terminate().then(() => resolve([]));
    });
    const end = (result: readonly TargetRow[]) => {
      stop();
      resolve(result);
    };
    worker.on("message", (message: WorkerMessage) => {
      if (message.kind === "target") current = message.name;
      else if (message.kind === "done") end(message.rows);
      else
        say(
          message.target,
          message.reason || message.finding,
          message.text && repeatLine(message.target, inputFromText(message.text)),
        );
    });
    worker.on("error", (error) => {
      say(current, `the run itself failed: ${error.stack}`, `npm run -s fuzz -- --seed ${seed}`);
      end([]);
    });
  });
  print(rows, seed);
  if (values.keep) for (const row of rows) writeCorpus(corpusFile(row.target), row.kept.map(inputFromText));
  return findings > 0 ? 1 : 0;
}

/** Looks every now and then whether the worker has begun another execution. @returns what ends the watch */
function watch(shared: SharedArrayBuffer, stuck: (input: Uint8Array) => void): () => void {
  const numbers = new Int32Array(shared, 0, 2);
  let [last, since] = [0, performance.now()];
  const timer = setInterval(() => {
    const now = Atomics.load(numbers, 0);
    if (now !== last) [last, since] = [now, performance.now()];
    else if (last > 0 && performance.now() - since > STUCK_SECONDS * 1000) {
      clearInterval(timer);
      stuck(new Uint8Array(shared, 8, Atomics.load(numbers, 1)).slice());
    }
  }, 250);
  return () => clearInterval(timer);
}

function print(rows: readonly TargetRow[], seed: number): void {
  const number = (value: number) => Math.round(value).toLocaleString("en-US");
  for (const { target, executions, units, seconds, corpus, features } of rows) {
    const rate = `${number(executions / seconds)} executions/s, ${number(units / seconds)} frames or calls/s`;
    console.log(
      `${target.padEnd(10)} ${number(executions)} executions, ${number(units)} frames or calls in ${seconds.toFixed(1)} s (${rate}); ${corpus} inputs kept for ${features} features`,
    );
  }
  const all = rows.reduce((sum, { executions }) => sum + executions, 0);
  const used = rows.reduce((sum, { seconds }) => sum + seconds, 0);
  if (rows.length > 0)
    console.log(`all        ${number(all)} executions (${number(all / used)} executions/s), seed ${seed}`);
}

/** The engine as C under libFuzzer: see native/run.sh. */
function runNative(seed: number): number {
  const seconds = String(wholeNumber("seconds", values.seconds, 1));
  return spawnSync("test/fuzz/native/run.sh", [seconds, String(seed)], { stdio: "inherit" }).status ?? 1;
}

const targets = chosenTargets(values.target);
if (values.native) {
  process.exitCode = runNative(values.seed === undefined ? 1 : wholeNumber("seed", values.seed, 1));
} else if (values.input !== undefined) {
  if (targets.length !== 1) fail("--input needs --target with the one target that it is for");
  process.exitCode = await repeat(targets[0], values.input);
} else {
  const seed = values.seed === undefined ? randomInt(2 ** 32) : wholeNumber("seed", values.seed, 0);
  console.log(`fuzzing ${targets.join(", ")} with --seed ${seed}`);
  process.exitCode = await run(targets, seed);
}
