import { type CaptureInput, isRereadable, nameOfInput } from "../capture/input.js";
import { UsageError } from "../errors.js";
import type { ScenarioTime } from "../gateway/scenario.js";
import type { ReplayOptions } from "../replay/options.js";
import { replay } from "../replay/replay.js";
import type { ReplayReport } from "../replay/report-types.js";
import { resolveOptions } from "../replay/setup.js";
import { formatTime } from "../replay/time.js";
import { ConnectionLog } from "./connection-log.js";
import { isOneInstant } from "./one-instant.js";
import { sinceStart } from "./scenarios.js";

/** A replay with every connection of it. */
export interface LoggedRun {
  readonly report: ReplayReport;
  readonly log: ConnectionLog;
}

/** What every answer depends on: without it a number says little. */
export interface Assumptions {
  seed: number;
  natProfile: string;
  balance: string;
  /** What the replay says about its input that an answer must be read with. */
  notes: string[];
}

export function assumptionsOf({ seed, natProfile, settings, verification }: ReplayReport): Assumptions {
  return { seed, natProfile, balance: settings.balance!.value, notes: Object.keys(verification.notes) };
}

/** What an answer about one moment must be read with where there is nothing before or after it. */
const ONE_INSTANT =
  "all frames have one instant: their connections are taken for open at it, and the event for one after it";

/** The same for answers about what happens at some time. A connection table does not say when its connections began. */
export function timedAssumptionsOf(report: ReplayReport): Assumptions {
  const assumptions = assumptionsOf(report);
  if (!isOneInstant(report)) return assumptions;
  return { ...assumptions, notes: [...assumptions.notes, ONE_INSTANT] };
}

export interface LoggedRunOptions extends ReplayOptions {
  /** See `ConnectionLogOptions`. */
  readonly snapshotAt?: ScenarioTime;
}

/** Replays without verification and keeps a log of connections. Throws as `replay` does. */
export async function runLogged({ snapshotAt, ...options }: LoggedRunOptions): Promise<LoggedRun> {
  const { model, laterModels, natProfile } = resolveOptions(options);
  const log = new ConnectionLog({
    models: [model, ...(laterModels ?? [])],
    natProfile,
    ...(snapshotAt && { snapshotAt }),
  });
  const observers = [...(options.observers ?? []), log];
  const report = await replay({ ...options, verify: false, observers });
  requireFrames(report, options);
  return { report, log };
}

/** @throws {UsageError} where there is not one frame: every answer would be that nothing happens, and every condition would pass */
export function requireFrames(
  { frames }: Pick<ReplayReport, "frames">,
  { captures, allowNoMatch }: Pick<ReplayOptions, "captures" | "allowNoMatch">,
): void {
  if (frames.read > 0 || allowNoMatch) return;
  throw new UsageError(`no frames in ${captures.map(nameOfInput).join(", ")}: nothing to ask about`);
}

/** @throws {UsageError} where a capture can be read only once: questions that take several replays need files */
export function requireFiles(captures: readonly CaptureInput[]): void {
  const single = captures.find((capture) => !isRereadable(capture));
  if (single === undefined) return;
  const what = single === "-" ? "standard input" : "a stream";
  throw new UsageError(`${nameOfInput(single)}: is ${what}, expected files: captures are read several times here`);
}

/** First and last instant of captures, nanoseconds since the epoch. */
export interface CaptureSpan {
  readonly startNs: bigint;
  readonly endNs: bigint;
}

/** @returns nanoseconds since the first frame   @throws {UsageError} where the captures do not reach that far */
export function momentOf(time: ScenarioTime, { startNs, endNs }: CaptureSpan, flag: string): bigint {
  const ns = sinceStart(time, startNs);
  if (ns >= 0n && startNs + ns <= endNs) return ns;
  const [from, to] = [formatTime(startNs), formatTime(endNs)];
  throw new UsageError(`${flag} is ${formatTime(startNs + ns)}, expected a time from ${from} to ${to}`);
}
