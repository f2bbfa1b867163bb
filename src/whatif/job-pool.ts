import { startThread } from "#platform/threads.js";
import { EngineError } from "../errors.js";
import { untilAborted } from "../platform/abort.js";
import type { Thread, ThreadModule } from "../platform/thread.js";

/** What a worker thread is told, and what it answers. */
export interface JobMessage<Job> {
  readonly index: number;
  readonly job: Job;
}

export type JobAnswer<Result> =
  | { readonly index: number; readonly result: Result }
  | { readonly index: number; readonly error: string };

export interface PoolOptions {
  /** Module that the threads run; it answers each `JobMessage` with a `JobAnswer`. */
  readonly module: ThreadModule | URL;
  readonly workers: number;
  /** Given to each thread once as its `workerData`. */
  readonly setup: unknown;
  readonly onDone?: (done: number) => void;
  /** Ends all threads; what they were doing is lost. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Does jobs in worker threads, each thread one at a time.
 * @returns results in the order of the jobs, whatever thread did them and when
 * @throws {EngineError} where a job fails   @throws the signal's reason
 */
export async function runInThreads<Job, Result>(jobs: readonly Job[], options: PoolOptions): Promise<Result[]> {
  const results = new Array<Result>(jobs.length);
  const threads = Array.from({ length: Math.min(options.workers, jobs.length) }, () =>
    startThread(options.module, options.setup),
  );
  let [next, done] = [0, 0];
  try {
    const all = threads.map(async (thread) => {
      while (next < jobs.length) {
        const index = next++;
        results[index] = await ask<Job, Result>(thread, { index, job: jobs[index]! });
        options.onDone?.(++done);
      }
    });
    await untilAborted(Promise.all(all), options.signal);
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
  return results;
}

function ask<Job, Result>(thread: Thread, message: JobMessage<Job>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onError = (cause: Error) => reject(new EngineError(`worker thread: ${cause.message}`, { cause }));
    thread.once("error", onError);
    thread.once("message", (answer: JobAnswer<Result>) => {
      thread.off("error", onError);
      if ("error" in answer) reject(new EngineError(answer.error));
      else resolve(answer.result);
    });
    thread.postMessage(message);
  });
}
