import { checkModel } from "../config/check.js";
import { UsageError } from "../errors.js";
import { explainFrame } from "../replay/explain.js";
import type { FrameExplanation } from "../replay/explain-types.js";
import type { ReplayOptions } from "../replay/options.js";
import type { PageExtra } from "../report/html/page.js";
import type { Redaction } from "./cluster.js";
import type { FlagValues } from "./flags.js";
import type { ReplayFiles } from "./replay-files.js";

/** @throws {UsageError} for walks that nothing would show, or that would have to read standard input again */
export function refuseWalks(captures: readonly string[], { walk }: FlagValues, { pages }: ReplayFiles): void {
  if (walk === undefined) return;
  if (pages.length === 0) throw new UsageError("--walk shows in a page only, expected -o or --html with it");
  if (captures.includes("-")) throw new UsageError("--walk reads the captures again, expected files and not -");
}

/**
 * What a replay's page shows besides the report. Nothing where no page is asked for.
 * @throws {UsageError} for a walk of a frame that the captures do not have
 */
export async function pageExtra(
  options: ReplayOptions,
  flags: FlagValues,
  { pages }: ReplayFiles,
  redact: Redaction,
): Promise<PageExtra> {
  if (pages.length === 0) return {};
  const walks: FrameExplanation[] = [];
  for (const frame of new Set(flags.walk)) {
    const walk = await explainFrame(options, frame);
    walks.push(flags.redact ? { ...redact.data(walk), bytes: { captured: "", result: "" } } : walk);
  }
  return { policyTable: redact.data(checkModel(options.model).rows), walks };
}
