import * as sluicegate from "sluicegate";
import { runJob } from "./job.mjs";

self.onmessage = async ({ data: jobs }) => {
  const bytesOf = async (name) => new Uint8Array(await (await fetch(`/pcaps/${name}`)).arrayBuffer());
  const results = [];
  for (const job of jobs) results.push(await runJob(sluicegate, job, bytesOf));
  self.postMessage(JSON.stringify(results));
};
