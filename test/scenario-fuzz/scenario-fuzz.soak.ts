import { expect, it } from "vitest";
import { runTrials } from "./trials.js";

const { env } = process;
const scripts = Number(env.SLUICEGATE_FUZZ_SCRIPTS ?? 20_000);
const first = Number(env.SLUICEGATE_FUZZ_FIRST ?? 1001);
const [worker, workers] = [Number(env.SLUICEGATE_FUZZ_WORKER), Number(env.SLUICEGATE_FUZZ_WORKERS)];
const share = Math.floor((scripts - worker + workers - 1) / workers);

it(`${share} random scripts hold what high availability promises`, async () => {
  const failures = await runTrials(first + worker, share, workers, 20);
  expect(failures.join("\n")).toBe("");
});
