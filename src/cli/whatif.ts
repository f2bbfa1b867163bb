import type { PolicyModel } from "../config/types.js";
import type { ReplayOptions } from "../replay/options.js";
import type { Condition, ConditionNames, ReportNumbers } from "../report/condition.js";
import { reportJson } from "../report/json.js";
import type { ViewStyle } from "../report/whatif-parts.js";
import { loadCluster, printWarnings, type Redaction, redaction } from "./cluster.js";
import { EXIT_MISMATCH, EXIT_OK } from "./commands.js";
import type { Console } from "./console.js";
import { holding, parseFailOn } from "./fail-on.js";
import type { FlagValues } from "./flags.js";
import { type Progress, ProgressBar, totalBytes } from "./progress.js";
import { replayOptions } from "./replay-options.js";

/** What a what-if is about, and how its names are shown. */
export interface Subject {
  readonly model: PolicyModel;
  readonly redact: Redaction;
}

/** The manifests of a what-if, with what is to be said about them said. */
export function loadForWhatIf(flags: FlagValues, captures: readonly string[], console: Console): Subject {
  const model = loadCluster(flags);
  const redact = redaction(model, captures, flags);
  printWarnings(model.warnings, flags, console, redact);
  return { model, redact };
}

/** Options of the replays that a what-if does; warnings about the captures are printed once, however often these are read. */
export function whatIfOptions(
  captures: readonly string[],
  { model, redact }: Subject,
  flags: FlagValues,
  console: Console,
): ReplayOptions {
  const warned = new Set<string>();
  return {
    ...replayOptions(captures, model, flags),
    onWarning: (text) => {
      if (!warned.has(text)) console.err(`warning: ${redact.text(text)}\n`);
      warned.add(text);
    },
  };
}

/** Conditions of `--fail-on` over the numbers of one answer. @throws {UsageError} before any work is done */
export function conditionsFor(flags: FlagValues, section: string, names: readonly string[]): Condition[] {
  const known: ConditionNames = { [section]: names };
  return parseFailOn(flags.failOn, known);
}

/** How an answer is printed and judged. */
export interface Answer<T extends object> {
  readonly report: T;
  readonly text: (report: T, style: ViewStyle) => string;
  readonly conditions: readonly Condition[];
  readonly numbers: ReportNumbers;
  /** Without `--fail-on`: exit 1 where this is true. */
  readonly isFailure?: boolean;
}

/** Prints an answer as text or JSON. @returns the exit code */
export function printAnswer<T extends object>(
  { report, text, conditions, numbers, isFailure = false }: Answer<T>,
  flags: FlagValues,
  console: Console,
  redact: Redaction,
): number {
  const shown = redact.data(report);
  const style = { colour: console.colour, verbose: flags.verbose ?? false };
  console.out(flags.json ? reportJson(shown) : text(shown, style));
  const failed = holding(conditions, numbers);
  for (const line of failed) console.err(`${line}\n`);
  const fails = conditions.length > 0 ? failed.length > 0 : isFailure;
  return fails ? EXIT_MISMATCH : EXIT_OK;
}

/** Progress over several replays of the same captures, one after the other. */
export class RunsProgress {
  readonly #bar: ProgressBar;
  #done: Progress = { frames: 0, bytes: 0 };
  #last: Progress = { frames: 0, bytes: 0 };

  constructor(console: Console, captures: readonly string[], runs: number) {
    const total = totalBytes(captures);
    this.#bar = new ProgressBar(console, total === undefined ? undefined : total * runs);
  }

  /** As `ReplayOptions.onProgress`: the next replay counts from zero again. */
  readonly update = (now: Progress): void => {
    if (now.frames < this.#last.frames) this.#done = sum(this.#done, this.#last);
    this.#last = now;
    this.#bar.update(sum(this.#done, now));
  };

  clear(): void {
    this.#bar.clear();
  }
}

function sum(a: Progress, b: Progress): Progress {
  return { frames: a.frames + b.frames, bytes: a.bytes + b.bytes };
}
