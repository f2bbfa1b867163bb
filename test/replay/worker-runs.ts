import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ReplayOptions } from "../../src/replay/options.js";
import type { ReplayReport } from "../../src/replay/report-types.js";
import { ensureBuilt } from "../package/built.js";
import { withFolder } from "../support/capture-read.js";

const FILES = ["external.pcapng", "endpoint.pcapng", "overlay.pcapng"] as const;

type Replay = (options: ReplayOptions) => Promise<ReplayReport>;

/** The built program's `replay`: threads run compiled modules. */
export async function builtReplay(): Promise<Replay> {
  ensureBuilt();
  const module = (await import(pathToFileURL("dist/src/replay/replay.js").href)) as { replay: Replay };
  return module.replay;
}

export interface WorkersRun {
  readonly report: Omit<ReplayReport, "timing">;
  /** By name; those that were not written are missing. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/** Replays into a folder of its own with so many workers. */
export async function runWith(workers: number, options: Omit<ReplayOptions, "outDir">): Promise<WorkersRun> {
  const replay = await builtReplay();
  return withFolder(async (folder) => {
    const outDir = join(folder, "out");
    mkdirSync(outDir);
    const { timing: _timing, ...report } = await replay({ ...options, workers, outDir });
    const written = FILES.filter((name) => existsSync(join(outDir, name)));
    return { report, files: new Map(written.map((name) => [name, readFileSync(join(outDir, name))])) };
  });
}

/** What differs from `one` where others do the same with more workers: the first characters of a report or the name of a file. */
export function differences(one: WorkersRun, other: WorkersRun): string[] {
  const [left, right] = [JSON.stringify(one.report), JSON.stringify(other.report)];
  const names = FILES.filter((name) => {
    const [a, b] = [one.files.get(name), other.files.get(name)];
    return a && b ? !a.equals(b) : a !== b;
  });
  if (left === right) return names;
  let at = 0;
  while (left[at] === right[at]) at++;
  const from = Math.max(0, at - 100);
  return [`report: ${left.slice(from, at + 80)} <> ${right.slice(from, at + 80)}`, ...names];
}

/**
 * Replays with one worker and with each of `counts`.
 * @returns what one makes of it, and what is different with how many workers: nothing, where all is well
 */
export async function compareWorkers(
  options: Omit<ReplayOptions, "outDir">,
  counts: readonly number[] = [2, 3, 4],
): Promise<{ one: WorkersRun; found: string[] }> {
  const one = await runWith(1, options);
  const found: string[] = [];
  for (const workers of counts)
    for (const text of differences(one, await runWith(workers, options))) found.push(`${workers} workers: ${text}`);
  return { one, found };
}
