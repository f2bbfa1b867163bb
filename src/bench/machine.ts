import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";

/** What a figure must be read with. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly v8: string;
  readonly platform: string;
  /** Transparent huge pages as the kernel gives them, e.g. `madvise`; `unknown` off Linux. */
  readonly pages: string;
  /** Load over the last minute when the run began. */
  readonly load: number;
}

const HUGE_PAGES = "/sys/kernel/mm/transparent_hugepage/enabled";

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    node: process.version,
    v8: process.versions.v8 ?? "unknown",
    platform: `${process.platform} ${process.arch}`,
    pages: pageMode(HUGE_PAGES),
    load: loadavg()[0] ?? 0,
  };
}

/** The bracketed word of the kernel's list of modes. */
function pageMode(file: string): string {
  try {
    return /\[(\w+)\]/.exec(readFileSync(file, "latin1"))?.[1] ?? "unknown";
  } catch {
    return "unknown";
  }
}
