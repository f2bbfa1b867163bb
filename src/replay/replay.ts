import type { MergedCapture } from "../capture/merge.js";
import { nodeTable } from "../engine/blob.js";
import { CaptureError } from "../errors.js";
import { takeAll } from "./drive.js";
import { lateEvents } from "./late-events.js";
import { NoMatchError } from "./no-match.js";
import type { ReplayOptions } from "./options.js";
import type { Outcome } from "./outcome.js";
import { buildReport } from "./report.js";
import type { ReplayReport } from "./report-types.js";
import { Session } from "./session.js";
import { type ResolvedOptions, resolveOptions, startMachine } from "./setup.js";
import { type Finished, replayShared } from "./shared-replay.js";
import { openCaptures } from "./sources.js";
import { writeReplayState } from "./state.js";
import { scenarioHash } from "./state-use.js";

/** A capture was damaged; everything before the damage was replayed, and the outputs are complete up to there. */
export class DamagedCaptureError extends CaptureError {
  /** What came of the frames before the damage. */
  readonly report: ReplayReport;

  constructor(cause: CaptureError, report: ReplayReport) {
    super(cause.file, cause.offset, cause.what, { cause, line: cause.line });
    this.report = report;
  }
}

/**
 * Replays captures through the policy of a model: every frame goes through the engine as it would through the gateways, replies are built
 * as the outside would have sent them, and (unless told otherwise) every result is verified. Captures of the results are written to
 * `outDir`. Captures and report (its `timing` aside) are a pure function of the inputs. Memory does not grow with the captures: see
 * `startMachine`; verification adds what it remembers of live connections.
 * @throws {UsageError} for options out of range and captures that do not exist
 * @throws {DamagedCaptureError} at damage, after everything before it was replayed and written
 * @throws {NoMatchError} where no frame is of an endpoint, unless `allowNoMatch`
 * @throws {OutputError} where a result cannot be written
 * @throws the reason of `signal` once it is aborted
 */
export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  const started = performance.now();
  const asked = resolveOptions(options);
  options.signal?.throwIfAborted();
  const merged = await openCaptures(asked);
  try {
    // Frames that were made up of records have no bytes to be held to.
    const resolved = merged.readers.some(({ records }) => records) ? { ...asked, verify: false } : asked;
    if (resolved.workers > 1) return finish(await replayShared(resolved, merged), resolved, merged, started);
    const session = new Session(await startMachine(resolved), resolved);
    try {
      return await replayInto(session, merged, started);
    } finally {
      session.closeOutputs();
    }
  } finally {
    await merged.close();
  }
}

async function replayInto(session: Session, merged: MergedCapture, started: number): Promise<ReplayReport> {
  const { options } = session;
  const startClock = session.machine.notes?.startClockNs;
  const startClockNs = options.fromFrame === 1 || startClock === undefined ? clockOf(session).toString() : startClock;
  const damage = await takeAll(session, merged);
  session.closeOutputs();
  if (options.saveState !== undefined) saveState(session, options.saveState, startClockNs);
  session.machine.engines.advance(clockOf(session));
  return finish({ outcome: session.outcome(), damage }, options, merged, started);
}

function finish(
  { outcome, damage }: Finished,
  options: ResolvedOptions,
  merged: MergedCapture,
  started: number,
): ReplayReport {
  warn(outcome, options, merged);
  const report = buildReport(outcome, options, merged, performance.now() - started);
  if (damage) throw new DamagedCaptureError(damage, report);
  const { framesRead, framesMatched, sources = [] } = outcome;
  if (framesMatched === 0 && framesRead > 0 && !isPartial(options) && !options.allowNoMatch)
    throw new NoMatchError(sources, framesRead);
  return report;
}

function warn({ startNs, clockNs }: Outcome, options: ResolvedOptions, merged: MergedCapture): void {
  for (const reader of merged.readers) {
    if (reader.truncated)
      options.onWarning?.(`${reader.name}: its last record is cut off; everything before it was replayed`);
  }
  const { scenario, saveState } = options;
  // Where the state is saved, more frames may come.
  if (!scenario || startNs === undefined || saveState !== undefined || isPartial(options)) return;
  const late = lateEvents(scenario, startNs, clockNs);
  if (late !== undefined) options.onWarning?.(late);
}

/** A part of the captures says nothing about whether they fit the manifests. */
function isPartial(options: ResolvedOptions): boolean {
  return options.fromFrame !== 1 || options.toFrame !== Number.MAX_SAFE_INTEGER;
}

function clockOf({ machine: { outside } }: Session): bigint {
  return (BigInt(outside.clockHigh) << 32n) | BigInt(outside.clockLow);
}

function saveState(session: Session, path: string, startClockNs: string): void {
  const { machine, options, tally, course } = session;
  const { engine, engines, region, plan, driver } = machine;
  const { model } = plan.picture;
  writeReplayState(path, {
    notes: {
      framesPassed: Math.min(session.framesPassed, options.toFrame),
      startClockNs,
      seed: options.seed,
      balance: options.balance,
      tally: tally.save(),
      held: session.saveHeld(),
      scenario: scenarioHash(options.scenario),
      ...course.save(),
      nodes: nodeTable(model).map(({ name }) => name),
      policies: model.policies.map(({ name }) => name),
    },
    kept: engine.host.slice(0, region.keptSize),
    blob: driver.blob,
    engine: engines.saveState(),
  });
}
