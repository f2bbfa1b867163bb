import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { runInThreads } from "../../src/whatif/job-pool.js";
import { withFolder } from "../support/capture-read.js";

/** Answers with the job squared, later ones sooner, and fails on 13. */
const MODULE = `
import { parentPort, workerData } from "node:worker_threads";
parentPort.on("message", ({ index, job }) => {
  if (job === 13) return parentPort.postMessage({ index, error: "13 is refused" });
  if (job === 17) throw new Error("dies of 17");
  parentPort.postMessage({ index, result: job * job + workerData });
});
`;

function run(jobs: readonly number[], workers: number, onDone?: (done: number) => void): Promise<number[]> {
  return withFolder(async (folder) => {
    const file = join(folder, "worker.mjs");
    writeFileSync(file, MODULE);
    return runInThreads(jobs, { module: pathToFileURL(file), workers, setup: 1000, ...(onDone && { onDone }) });
  });
}

test.each([1, 2, 5])("results come in the order of the jobs, with %i threads", async (workers) => {
  const done: number[] = [];
  const results = await run([5, 4, 3, 2, 1, 0], workers, (n) => done.push(n));
  expect(results).toEqual([1025, 1016, 1009, 1004, 1001, 1000]);
  expect(done).toEqual([1, 2, 3, 4, 5, 6]);
});

test("no jobs need no threads", async () => {
  expect(await run([], 4)).toEqual([]);
});

test.each([
  [13, "13 is refused"],
  [17, "worker thread: dies of 17"],
])("a job that fails ends the others: %i", async (job, message) => {
  await expect(run([1, job, 2], 2)).rejects.toThrow(message);
});
