import { UsageError } from "../errors.js";
import type { ReplayOptions } from "../replay/options.js";
import { replay } from "../replay/replay.js";
import type { ReplayReport } from "../replay/report-types.js";
import { resolveOptions } from "../replay/setup.js";
import { ConnectionLog } from "./connection-log.js";

/** A replay with every connection of it. */
export interface LoggedRun {
  readonly report: ReplayReport;
  readonly log: ConnectionLog;
}

/** Replays without verification and keeps a log of connections. Throws as `replay` does. */
export async function runLogged(options: ReplayOptions): Promise<LoggedRun> {
  const { model, natProfile } = resolveOptions(options);
  const log = new ConnectionLog({ model, natProfile });
  const observers = [...(options.observers ?? []), log];
  const report = await replay({ ...options, verify: false, observers });
  return { report, log };
}

/** @throws {UsageError} where a capture can be read only once: questions that take several replays need files */
export function requireFiles(captures: readonly string[]): void {
  if (captures.includes("-"))
    throw new UsageError("-: is standard input, expected files: captures are read several times here");
}
