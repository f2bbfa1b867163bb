import { parentPort, workerData } from "node:worker_threads";
import { type FailoverJob, type FailoverOutcome, type FailoverSetup, playFailure } from "./failover-job.js";
import type { JobAnswer, JobMessage } from "./job-pool.js";

// The module that `failover` runs in its worker threads: one failure after the other, as they are asked for.

const setup = workerData as FailoverSetup;

parentPort?.on("message", async ({ index, job }: JobMessage<FailoverJob>) => {
  parentPort!.postMessage(await answer(index, job));
});

async function answer(index: number, job: FailoverJob): Promise<JobAnswer<FailoverOutcome>> {
  try {
    return { index, result: await playFailure(setup, job) };
  } catch (error) {
    return { index, error: error instanceof Error ? error.message : String(error) };
  }
}
