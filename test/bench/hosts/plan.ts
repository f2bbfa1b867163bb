import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as abi from "../../../assembly/abi.js";
import { benchCluster } from "../../../src/bench/cluster.js";
import { establishedContestant, openingContestant } from "../../../src/bench/contestants.js";
import { FRAME_BYTES, TCP_ACK, TCP_SYN } from "../../../src/bench/frames.js";
import type { Contestant } from "../../../src/bench/measure.js";
import { START_NS, Subject } from "../../../src/bench/subject.js";
import { Traffic } from "../../../src/bench/traffic.js";
import { compilePolicy } from "../../../src/engine/blob.js";
import { encodeEngineConfig } from "../../../src/engine/engine-config.js";

/** Frames of established connections in either direction, and first frames of new ones, which forget the established ones. */
export const WORKS = ["forward", "reverse", "new"] as const;
export type WorkName = (typeof WORKS)[number];

/** SHA-256 of what became of the frames of one pass: all verdict records in the order of the frames, and the frames themselves. */
export interface Outcome {
  readonly verdicts: string;
  readonly frames: string;
}

/** Frames that a host hands to the engine: a file of `count` frames. */
export interface Step {
  readonly file: string;
  readonly hook: number;
  readonly count: number;
}

export interface WorkPlan extends Step {
  /** True where every connection is forgotten before a pass. */
  readonly forgets: boolean;
  /** What the bench's own engine made of the frames, after its counters and a sample of the frames were found right. */
  readonly expected: Outcome;
}

/** All that a host needs to repeat the bench's work on its own: offsets and codes of the ABI, files beside the plan, what must come of it. */
export interface Plan {
  readonly connections: number;
  readonly frameBytes: number;
  /** Frames per call of the engine. */
  readonly batch: number;
  readonly regions: { readonly arena: number; readonly frames: number; readonly verdicts: number };
  readonly verdictSize: number;
  /** Time of the first frame, nanoseconds since the epoch. */
  readonly startLow: number;
  readonly startHigh: number;
  readonly files: { readonly engine: string; readonly driver: string; readonly policy: string };
  /** Configuration records, files: with and without the blind-store touch. */
  readonly configs: { readonly on: string; readonly off: string };
  /** What takes the connections to where frames change nothing but their age. */
  readonly establish: readonly Step[];
  readonly works: Readonly<Record<WorkName, WorkPlan>>;
}

export interface PlanOptions {
  readonly connections: number;
  readonly batch: number;
  readonly engine: string;
  readonly driver: string;
}

export const PLAN_FILE = "plan.json";
const SHAPE = { gateways: 4, policies: 1 };

/**
 * Lets the bench's own engine do all work once, and writes what it did and what came of it into a folder.
 * @throws {EngineError} where the work was not done, or done wrong
 */
export async function writePlan(folder: string, options: PlanOptions): Promise<Plan> {
  const { connections, batch } = options;
  const traffic = new Traffic(connections, "tcp");
  const subject = await Subject.create(traffic, { ...SHAPE, maxBatch: batch, touch: true, wasm: options.engine });
  const put = (file: string, bytes: Uint8Array) => {
    writeFileSync(join(folder, file), bytes);
    return file;
  };
  const step = (file: string, frames: Uint8Array, hook: number): Step => ({
    file: put(file, frames),
    hook,
    count: frames.length / FRAME_BYTES,
  });
  const [endpoint, network] = [abi.HOOK_FROM_ENDPOINT, abi.HOOK_FROM_NETWORK];
  subject.establish(batch);
  const forward = traffic.forward(TCP_ACK);
  const answers = subject.answers();
  const openers = traffic.openersOf(traffic.shuffled(), TCP_SYN);
  const expected = (contestant: Contestant, frames: Uint8Array, hook: number) => {
    contestant.verify();
    contestant.restore();
    return outcomeOf(subject, frames, hook, batch);
  };
  const workOf = (work: WorkName, frames: Uint8Array, hook: number, contestant: Contestant): WorkPlan => ({
    ...step(work, frames, hook),
    forgets: work === "new",
    expected: expected(contestant, frames, hook),
  });
  const works = {
    forward: workOf("forward", forward, endpoint, establishedContestant(subject, forward, "forward", batch)),
    reverse: workOf("reverse", answers, network, establishedContestant(subject, answers, "reverse", batch)),
    // Last, as it forgets the connections.
    new: workOf("new", openers, endpoint, openingContestant(subject, batch)),
  };
  const { config } = subject.engine;
  const plan: Plan = {
    ...{ connections, frameBytes: FRAME_BYTES, batch, verdictSize: abi.VERDICT_SIZE },
    regions: { arena: abi.REGION_ARENA, frames: abi.REGION_FRAMES, verdicts: abi.REGION_VERDICTS },
    startLow: Number(START_NS & 0xffff_ffffn),
    startHigh: Number(START_NS >> 32n),
    files: {
      engine: options.engine,
      driver: options.driver,
      policy: put("policy", compilePolicy(benchCluster(SHAPE))),
    },
    configs: {
      on: put("config-on", encodeEngineConfig({ ...config, touch: true })),
      off: put("config-off", encodeEngineConfig({ ...config, touch: false })),
    },
    establish: [
      step("syn", traffic.openers(TCP_SYN), endpoint),
      step("syn-ack", subject.firstAnswers(), network),
      step("ack", traffic.openers(TCP_ACK), endpoint),
    ],
    works,
  };
  put(PLAN_FILE, Buffer.from(JSON.stringify(plan)));
  return plan;
}

/** What becomes of frames, one batch after the other. */
function outcomeOf(subject: Subject, frames: Uint8Array, hook: number, batch: number): Outcome {
  const verdicts = createHash("sha256");
  const bytes = createHash("sha256");
  const records = subject.engine.regionBytes(abi.REGION_VERDICTS);
  for (let at = 0; at < frames.length; at += batch * FRAME_BYTES) {
    const some = frames.subarray(at, at + batch * FRAME_BYTES);
    subject.load(some, hook);
    const count = subject.pass(batch);
    verdicts.update(records.subarray(0, count * abi.VERDICT_SIZE));
    bytes.update(subject.frames);
  }
  return { verdicts: verdicts.digest("hex"), frames: bytes.digest("hex") };
}
