import { startThread } from "#platform/threads.js";
import { EngineError, UsageError } from "../errors.js";
import type { Thread, ThreadModule } from "../platform/thread.js";
import type { Outcome } from "./outcome.js";
import type { PieceAnswer, PieceOrder, ShareSetup } from "./share.js";

/** What a thread answers, in the order in which it was asked. */
export type ShareAnswer =
  | { readonly piece: PieceAnswer }
  | { readonly outcome: Outcome }
  | { readonly error: { readonly name: string; readonly message: string; readonly isOurs: boolean } };

interface Asked {
  resolve(answer: ShareAnswer): void;
  reject(error: Error): void;
}

/** One share of a replay in a thread of its own. */
export class ShareThread {
  readonly #worker: Thread;
  readonly #asked: Asked[] = [];
  #failure: Error | undefined;

  /** @param module that the thread runs; it answers each order with a `ShareAnswer` */
  constructor(setup: ShareSetup, module: ThreadModule | URL = "replay/share-worker.js") {
    this.#worker = startThread(module, setup);
    this.#worker.on("message", (answer: ShareAnswer) => this.#asked.shift()?.resolve(answer));
    this.#worker.on("error", (cause: unknown) =>
      this.#fail(
        new EngineError(`worker thread: ${cause instanceof Error ? cause.message : String(cause)}`, { cause }),
      ),
    );
    this.#worker.on("exit", (code) => this.#fail(new EngineError(`worker thread: ended with code ${code}`)));
  }

  /** @throws what the share threw, or {EngineError} where its thread ended */
  async take(order: PieceOrder): Promise<PieceAnswer> {
    const answer = await this.#ask(order);
    if (!("piece" in answer)) throw errorOf(answer);
    return answer.piece;
  }

  async finish(): Promise<Outcome> {
    const answer = await this.#ask("finish");
    if (!("outcome" in answer)) throw errorOf(answer);
    return answer.outcome;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask(order: PieceOrder | "finish"): Promise<ShareAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      this.#asked.push({ resolve, reject });
      this.#worker.postMessage(order);
    });
  }

  /** Nobody answers any more. */
  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#asked.splice(0)) reject(this.#failure);
  }
}

/** An error of a share as it would have been without threads: of the same class, with the same words. */
function errorOf(answer: ShareAnswer): Error {
  if (!("error" in answer)) return new EngineError("worker thread: answered what it was not asked");
  const { name, message, isOurs } = answer.error;
  if (name === "UsageError") return new UsageError(message);
  return new EngineError(isOurs ? message : `worker thread: ${message}`);
}
