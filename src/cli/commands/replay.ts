import { nameOfInput } from "../../capture/input.js";
import type { ManifestWarning } from "../../config/types.js";
import { replayMetrics } from "../../metrics/replay-metrics.js";
import type { ReplayOptions } from "../../replay/options.js";
import { DamagedCaptureError, replay } from "../../replay/replay.js";
import type { ReplayReport, ViewpointDecision } from "../../replay/report-types.js";
import { type PageExtra, reportPage } from "../../report/html/page.js";
import { reportJson } from "../../report/json.js";
import { summary } from "../../report/summary.js";
import { loadCluster, printWarnings, type Redaction, redaction } from "../cluster.js";
import { type CommandRun, EXIT_MISMATCH, EXIT_OK } from "../commands.js";
import type { Console } from "../console.js";
import { failures, parseFailOn } from "../fail-on.js";
import { makeFolder, writeTextFile } from "../output-files.js";
import { pageExtra, refuseWalks } from "../page-extra.js";
import { ProgressBar, totalBytes } from "../progress.js";
import { type ReplayFiles, replayFiles } from "../replay-files.js";
import { replayOptions } from "../replay-options.js";
import { loadScenario, type ScenarioInput } from "../scenario.js";

/** `replay CAPTURE… -m PATH`: the main job. */
export const run: CommandRun = async (captures, flags, console) => {
  const conditions = parseFailOn(flags.failOn);
  const files = replayFiles(captures, flags);
  refuseWalks(captures, flags, files);
  const model = loadCluster(flags);
  const played = loadScenario(flags, model);
  const redact = redaction(model, captures, flags, played?.laterModels);
  printWarnings([...model.warnings, ...warningsOf(played)], flags, console, redact);
  const options = { ...replayOptions(captures, model, flags), ...played };
  const extra = await pageExtra(options, flags, files, redact);
  const { report, damage } = await replayWithProgress(options, files, console, redact);
  const shown = redact.data(report);
  writeViews(shown, extra, files);
  const style = { colour: console.colour, verbose: flags.verbose ?? false };
  console.out(flags.json ? reportJson(shown) : summary(shown, style));
  const failed = failures(conditions, report);
  for (const line of failed) console.err(`${line}\n`);
  if (damage) throw damage;
  return report.verification.ok && failed.length === 0 ? EXIT_OK : EXIT_MISMATCH;
};

interface Outcome {
  readonly report: ReplayReport;
  /** What ended the replay early; the report is of everything before it. */
  readonly damage?: DamagedCaptureError;
}

async function replayWithProgress(
  options: ReplayOptions,
  { outDir }: ReplayFiles,
  console: Console,
  redact: Redaction,
): Promise<Outcome> {
  const bar = new ProgressBar(console, totalBytes(options.captures.map(nameOfInput)));
  const decisions: ViewpointDecision[] = [];
  try {
    const report = await replay({
      ...options,
      ...(outDir !== undefined && { outDir }),
      onProgress: (progress) => bar.update(progress),
      onDecision: (decision) => decisions.push(decision),
      onWarning: (text) => bar.above(`warning: ${redact.text(text)}\n`),
    });
    return { report };
  } catch (error) {
    if (error instanceof DamagedCaptureError) return { report: error.report, damage: error };
    bar.clear();
    printDecisions(decisions, redact, console);
    throw error;
  } finally {
    bar.clear();
  }
}

/** Of the scenario and of the manifests that it brings into force. */
function warningsOf(played: ScenarioInput | undefined): ManifestWarning[] {
  return played ? [...played.scenario.warnings, ...played.laterModels.flatMap(({ warnings }) => warnings)] : [];
}

function writeViews(report: ReplayReport, extra: PageExtra, { outDir, reports, pages, metrics }: ReplayFiles): void {
  if (outDir !== undefined) makeFolder(outDir);
  for (const file of reports) writeTextFile(file, reportJson(report));
  for (const file of pages) writeTextFile(file, reportPage(report, extra));
  if (metrics !== undefined) writeTextFile(metrics, replayMetrics(report));
}

/** What was decided about each interface, where no summary says it. */
function printDecisions(decisions: readonly ViewpointDecision[], redact: Redaction, console: Console): void {
  for (const { file, interface: name, linkType, viewpoint, reasons } of decisions) {
    console.err(redact.text(`${file}: ${name} (${linkType}): ${viewpoint} view: ${reasons.join("; ")}\n`));
  }
}
