import * as sluicegate from "sluicegate";
import { runJob } from "./job.mjs";

async function bytesOf(name) {
  return new Uint8Array(await (await fetch(`/pcaps/${name}`)).arrayBuffer());
}

/** Runs jobs here or in a worker; results go through JSON. */
globalThis.runJobs = async (jobs, where) => {
  if (where === "worker") {
    const worker = new Worker(new URL("./jobs-worker.js", import.meta.url), { type: "module" });
    const results = await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(jobs);
    });
    worker.terminate();
    return JSON.parse(results);
  }
  const results = [];
  for (const job of jobs) results.push(await runJob(sluicegate, job, bytesOf));
  return JSON.parse(JSON.stringify(results));
};

/** Replays frames that never end, and cancels from a timer: whoever waits in the event loop gets a turn. */
globalThis.cancelEndless = async (pieces) => {
  const controller = new AbortController();
  const frames = [];
  const bytes = await bytesOf("web/in.pcap");
  for await (const frame of sluicegate.captureFrames({ name: "in.pcap", bytes })) frames.push({ timeNs: frame.timeNs, bytes: frame.bytes.slice() });
  function* endless() {
    for (let round = 0n; ; round++)
      for (const frame of frames) yield { timeNs: frame.timeNs + round * 60_000_000_000n, bytes: frame.bytes };
  }
  const texts = [];
  for (const name of ["nodes", "endpoints", "workloads", "policies"]) texts.push([`${name}.yaml`, await bytesOf(`manifests/${name}.yaml`)]);
  let seen = 0;
  try {
    await sluicegate.replay({
      captures: [{ name: "endless", frames: endless() }],
      model: sluicegate.loadManifestTexts(texts),
      signal: controller.signal,
      onProgress: () => {
        if (++seen === pieces) setTimeout(() => controller.abort(new Error("enough")), 0);
      },
    });
    return undefined;
  } catch (error) {
    return { reason: error.message, isAfter: seen >= pieces, pieces: seen };
  }
};

document.body.dataset.ready = "";
