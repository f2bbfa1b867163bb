import { join } from "node:path";
import { listManifestFiles } from "../config/files.js";
import { UsageError } from "../errors.js";
import type { FlagValues } from "./flags.js";
import { refuseOverwriting } from "./output-files.js";

/** Where a replay writes what its flags ask for; `-o` and the single flags may both be given. */
export interface ReplayFiles {
  readonly outDir: string | undefined;
  readonly reports: readonly string[];
  readonly pages: readonly string[];
  readonly metrics: string | undefined;
}

/**
 * Settles the files of a replay before anything is read.
 * @throws {UsageError} where a result would overwrite an input or another result
 */
export function replayFiles(captures: readonly string[], flags: FlagValues): ReplayFiles {
  const { output, report, html, metrics, saveState, loadState, scenario, topology, manifests = [] } = flags;
  const inDir = (name: string) => (output === undefined ? [] : [join(output, name)]);
  const reports = [...inDir("report.json"), ...(report === undefined ? [] : [report])];
  const pages = [...inDir("index.html"), ...(html === undefined ? [] : [html])];
  const captured = ["external.pcapng", "endpoint.pcapng", ...(topology === "cluster" ? ["overlay.pcapng"] : [])];
  const outputs = [...captured.flatMap(inDir), ...reports, ...pages, metrics, saveState];
  const single = [loadState, scenario].filter((path) => path !== undefined);
  const inputs = [...captures, ...manifestFiles(manifests), ...single];
  refuseOverwriting(outputs, inputs);
  return { outDir: output, reports, pages, metrics };
}

/** @returns nanoseconds by capture, as given @throws {UsageError} for a skew of a file that is not read */
export function skewsOf(captures: readonly string[], { skew = [] }: FlagValues): Map<string, bigint> {
  const skews = new Map<string, bigint>();
  for (const { file, ns } of skew) {
    if (!captures.includes(file))
      throw new UsageError(`--skew names ${file}, expected one of ${captures.join(", ")}, as on the command line`);
    if (skews.has(file)) throw new UsageError(`--skew names ${file} twice, expected once`);
    skews.set(file, ns);
  }
  return skews;
}

/** Paths of the files that these files and folders hold. */
export function manifestFiles(paths: readonly string[]): string[] {
  return listManifestFiles(paths).files.map(({ name }) => name);
}
