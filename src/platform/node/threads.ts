import { Worker } from "node:worker_threads";
import type { Thread, ThreadModule } from "../thread.js";

/** Whether this platform has threads that run modules of this package. */
export const HAS_THREADS: boolean = true;

/** @param module of this package, or a module of a test   @param data its `workerData` */
export function startThread(module: ThreadModule | URL, data: unknown): Thread {
  const url = typeof module === "string" ? new URL(`../../${module}`, import.meta.url) : module;
  return new Worker(url, { workerData: data });
}
