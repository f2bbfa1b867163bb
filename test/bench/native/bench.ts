import { benchCase, DEFAULT_BATCH } from "../../../src/bench/bench.js";
import { type Case, toCase } from "../../../src/bench/cases.js";
import { benchCluster } from "../../../src/bench/cluster.js";
import { establishedContestant, openingContestant } from "../../../src/bench/contestants.js";
import { measuringClock } from "../../../src/bench/cpu-clock.js";
import { TCP_ACK, TCP_SYN } from "../../../src/bench/frames.js";
import { measurePairs, type PairResult } from "../../../src/bench/measure.js";
import type { BenchCase } from "../../../src/bench/report-types.js";
import { Subject } from "../../../src/bench/subject.js";
import { Traffic } from "../../../src/bench/traffic.js";
import { compilePolicy } from "../../../src/engine/blob.js";
import { compileReference, type Defines } from "./compile.js";
import { establish, type NativeWork, nativeContestant } from "./contestants.js";
import { NativeReference } from "./reference.js";

export interface NativeBenchOptions {
  readonly sizes: readonly number[];
  readonly placements: number;
  readonly turns: number;
  readonly blockMs: number;
  readonly batch: number;
  /** How the reference is built. */
  readonly defines: Defines;
  /** Works to measure. */
  readonly works: readonly NativeWork[];
  /** Another build of the engine than the package's. */
  readonly wasmFile: string | undefined;
  onProgress(text: string): void;
}

export const DEFAULT_OPTIONS: NativeBenchOptions = {
  sizes: [1000, 10_000, 100_000, 1_000_000],
  placements: 3,
  turns: 5,
  blockMs: 50,
  batch: DEFAULT_BATCH,
  defines: {},
  works: ["forward", "reverse", "new"],
  wasmFile: undefined,
  onProgress: () => {},
};

const CLUSTER = { gateways: 4, policies: 1 };

/**
 * The engine beside the C reference over the same frames, which take turns. Both are proved to have made the same bytes before the first
 * turn and after the last one.
 * @throws {Error} where one of them did not do its work, or there is no compiler
 */
export async function runNativeBench(options: NativeBenchOptions): Promise<BenchCase[]> {
  const program = compileReference(undefined, options.defines);
  const cases: BenchCase[] = [];
  for (const connections of options.sizes) cases.push(...(await measureSize(program, connections, options)));
  return cases;
}

async function measureSize(program: string, connections: number, options: NativeBenchOptions): Promise<BenchCase[]> {
  const { placements, turns, blockMs } = options;
  const runs: PairResult[][] = [];
  let made: Case[] = [];
  for (let i = 0; i < placements; i++) {
    options.onProgress(`${connections} connections: setting up, ${i + 1} of ${placements}`);
    const traffic = new Traffic(connections, "tcp");
    const subject = await Subject.create(traffic, {
      ...CLUSTER,
      maxBatch: options.batch,
      touch: true,
      wasm: options.wasmFile,
    });
    const native = new NativeReference(program, subject.engine.config, compilePolicy(benchCluster(CLUSTER)));
    subject.establish(options.batch);
    establish(native, traffic, options.batch);
    made = makeCases(native, subject, options);
    // One after the other, and what forgets all connections last: the reference has the frames of one case at a time.
    runs.push(
      made.flatMap(({ pair, info }) =>
        measurePairs(info.id, [pair], { turns, blockMs, clock: measuringClock(), onPair: options.onProgress }),
      ),
    );
    native.close();
  }
  return made.map(({ info }, i) =>
    benchCase(
      info,
      runs.map((run) => run[i]!.samples),
      Math.max(...runs.map((run) => run[i]!.marginOfError)),
    ),
  );
}

function makeCases(native: NativeReference, subject: Subject, { batch, works }: NativeBenchOptions): Case[] {
  const { traffic } = subject;
  const { connections } = traffic;
  const make = {
    forward: () => {
      const frames = traffic.forward(TCP_ACK);
      return [establishedContestant(subject, frames, "forward", batch), frames] as const;
    },
    reverse: () => {
      const frames = subject.answers();
      return [establishedContestant(subject, frames, "reverse", batch), frames] as const;
    },
    new: () => [openingContestant(subject, batch), traffic.openersOf(traffic.shuffled(), TCP_SYN)] as const,
  };
  return works.map((work) => {
    const [engine, frames] = make[work]();
    const info = { connections, protocol: traffic.protocol, work, batch, yardstick: "C" } as const;
    return toCase(`${work}/${connections}`, info, engine, nativeContestant(native, work, subject, frames, batch));
  });
}
