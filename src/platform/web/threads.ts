import { UsageError } from "../../errors.js";
import type { Thread, ThreadModule } from "../thread.js";

/** Whether this platform has threads that run modules of this package. */
export const HAS_THREADS: boolean = false;

/** @throws {UsageError} always: run the whole replay in a Web Worker instead */
export function startThread(module: ThreadModule | URL, _data: unknown): Thread {
  throw new UsageError(`${module}: there are no worker threads here, expected none to be asked for`);
}
