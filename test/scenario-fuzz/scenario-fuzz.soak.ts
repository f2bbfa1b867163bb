import { expect, it } from "vitest";
import { DUAL_STACK_FROM } from "./dual-stack.js";
import { PIECES_FROM } from "./pieces.js";
import { runTrials } from "./trials.js";

const { env } = process;
const scripts = Number(env.SLUICEGATE_FUZZ_SCRIPTS ?? 20_000);
const first = Number(env.SLUICEGATE_FUZZ_FIRST ?? 1001);
const [worker, workers] = [Number(env.SLUICEGATE_FUZZ_WORKER), Number(env.SLUICEGATE_FUZZ_WORKERS)];
const share = Math.floor((scripts - worker + workers - 1) / workers);

it(`${share} random scripts, and half as many in both families and in pieces, hold what high availability promises`, async () => {
  const failures = await runTrials(first + worker, share, workers, 20);
  const dual = await runTrials(DUAL_STACK_FROM + first + worker, Math.ceil(share / 2), workers, 20);
  const pieces = await runTrials(PIECES_FROM + first + worker, Math.ceil(share / 2), workers, 20);
  expect([...failures, ...dual, ...pieces].join("\n")).toBe("");
});
