import { availableParallelism } from "node:os";
import { NS_PER_MS } from "../../config/time.js";
import { UsageError } from "../../errors.js";
import { failoverText } from "../../report/whatif-failover.js";
import { type FailoverReport, playFailures } from "../../whatif/failover.js";
import type { CommandRun } from "../commands.js";
import type { Console } from "../console.js";
import type { FlagValues } from "../flags.js";
import { conditionsFor, loadForWhatIf, printAnswer, whatIfOptions } from "../whatif.js";

const NAMES = ["connections", "broken", "rebound", "hit", "lost", "breaking"] as const;
const DEFAULT_SEEDS = 20;

/** `failover CAPTURE… -m PATH`: what breaks when a gateway node fails. */
export const run: CommandRun = async (captures, flags, console) => {
  const conditions = conditionsFor(flags, "failover", NAMES);
  const subject = loadForWhatIf(flags, captures, console);
  const progress = new RunCounter(console);
  try {
    const report = await playFailures({
      ...whatIfOptions(captures, subject, flags, console),
      kill: flags.kill ?? "each",
      at: flags.at,
      detectMs: delays(flags),
      seeds: flags.seeds ?? (flags.balance === "random" ? DEFAULT_SEEDS : 1),
      workers: threads(),
      onRun: progress.update,
    });
    progress.clear();
    const numbers = { failover: numbersOf(report) };
    return printAnswer({ report, text: failoverText, conditions, numbers }, flags, console, subject.redact);
  } finally {
    progress.clear();
  }
};

/** Threads run compiled modules: under a test runner, which compiles as it goes, the work is done in this one. */
function threads(): number {
  return import.meta.url.endsWith(".js") ? availableParallelism() : 0;
}

function delays({ detect = [] }: FlagValues): number[] {
  return detect.map((ns) => {
    if (ns % NS_PER_MS === 0n) return Number(ns / NS_PER_MS);
    throw new UsageError(`--detect has ${ns} ns, expected whole milliseconds`);
  });
}

/** The worst of all failures and seeds. */
function numbersOf({ connections, failures }: FailoverReport): Record<(typeof NAMES)[number], number> {
  const most = (of: (row: FailoverReport["failures"][number]) => number) => Math.max(0, ...failures.map(of));
  return {
    connections,
    broken: most(({ broken }) => broken.max),
    rebound: most(({ rebound }) => rebound.max),
    hit: most(({ hit }) => hit.max),
    lost: most(({ lostFrames }) => lostFrames.max),
    breaking: most((row) => row.connections.length),
  };
}

/** `12 of 40 runs` on a terminal. */
class RunCounter {
  readonly #console: Console;
  #isDrawn = false;

  constructor(console: Console) {
    this.#console = console;
  }

  readonly update = (done: number, runs: number): void => {
    if (!this.#console.progress) return;
    this.#console.err(`\r\x1b[K${done} of ${runs} runs`);
    this.#isDrawn = true;
  };

  clear(): void {
    if (this.#isDrawn) this.#console.err("\r\x1b[K");
    this.#isDrawn = false;
  }
}
