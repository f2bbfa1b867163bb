import { nextTask } from "#platform/tasks.js";
import { untilAborted } from "../platform/abort.js";
import type { EngineFrame } from "./frame.js";

type Source = AsyncIterable<EngineFrame> | Iterable<EngineFrame>;
type Arrival = IteratorResult<EngineFrame, unknown>;

/** Whether a value can be asked for frames at all. */
export function isSource(source: unknown): source is Source {
  return typeof source === "object" && source !== null && (Symbol.asyncIterator in source || Symbol.iterator in source);
}

/** Frames of a source as they come, until a signal says stop. */
export class Arrivals {
  isOver = false;
  readonly #frames: AsyncIterator<EngineFrame> | Iterator<EngineFrame>;
  readonly #signal: AbortSignal | undefined;
  #asked: Arrival | Promise<Arrival> | undefined;

  constructor(source: Source, signal: AbortSignal | undefined) {
    this.#frames = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    this.#signal = signal;
  }

  /** The next frame, waited for; undefined at the end. @throws the signal's reason, or what the source throws */
  async next(): Promise<EngineFrame | undefined> {
    const arrival = this.#ask();
    return this.#take(arrival instanceof Promise ? await untilAborted(arrival, this.#signal) : arrival);
  }

  /** The next frame if it is there already; undefined where it is not, and at the end. @throws as `next` */
  async nextAtOnce(): Promise<EngineFrame | undefined> {
    const asked = this.#ask();
    const arrival = asked instanceof Promise ? await Promise.race([asked, nextTask()]) : asked;
    return arrival ? this.#take(arrival) : undefined;
  }

  /** No more frames are wanted. Nobody waits for a source that is still busy with one. */
  close(): void {
    if (this.isOver) return;
    this.isOver = true;
    Promise.resolve(this.#frames.return?.()).catch(() => {});
  }

  #ask(): Arrival | Promise<Arrival> {
    this.#asked ??= this.#frames.next();
    return this.#asked;
  }

  #take({ done, value }: Arrival): EngineFrame | undefined {
    this.#asked = undefined;
    if (!done) return value as EngineFrame;
    this.isOver = true;
    return undefined;
  }
}
