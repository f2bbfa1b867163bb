/** Hears of `message` with the answer, of `error` with its cause, of `exit` with a code. */
// biome-ignore lint/suspicious/noExplicitAny: what comes is settled by the module that the thread runs
type Listener = (value: any) => void;

/** A thread that answers messages, as far as the pools of threads use it. */
export interface Thread {
  postMessage(message: unknown): void;
  on(event: string, listener: Listener): unknown;
  once(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
  terminate(): Promise<unknown>;
}

/** Modules of this package that threads run. */
export type ThreadModule = "replay/share-worker.js" | "whatif/failover-worker.js";
