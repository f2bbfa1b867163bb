import type * as sluicegate from "../../src/index.js";
import type { Job, JobResult } from "./jobs.js";

export function runJob(
  library: typeof sluicegate,
  job: Job,
  bytesOf: (name: string) => Uint8Array | Promise<Uint8Array>,
): Promise<JobResult>;
