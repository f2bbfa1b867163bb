import type { Fault, JobName, Jobs, Modules, PickedFile, Progress, ToPage, ToWorker } from "../messages.js";

/** How long a worker may take to end a job that is wanted no more: milliseconds. Then it is ended itself. */
const PATIENCE_MS = 2000;

/** A job ended without a result. */
export class JobError extends Error {
  readonly code: string;

  constructor({ code, message }: Fault) {
    super(message);
    this.code = code;
  }
}

interface Waiting {
  readonly message: ToWorker;
  resolve(result: unknown): void;
  reject(error: JobError): void;
  readonly onProgress: (progress: Progress) => void;
}

/** The worker as the page knows it: jobs by name, one at a time. One that does not answer any more is replaced. */
export class Remote {
  readonly #address: string;
  readonly #modules: Modules;
  /** By number, in the order in which they were asked for. */
  readonly #waiting = new Map<number, Waiting>();
  /** Started when it is needed. */
  #worker: Worker | undefined;
  /** What is open in the worker. */
  #files: readonly PickedFile[] | undefined;
  #next = 0;

  /** @param code of the worker, one classic script */
  constructor(code: string, modules: Modules) {
    this.#address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    this.#modules = modules;
  }

  /** Begins a job; that at hand is cancelled. @throws {JobError} */
  ask<N extends JobName>(
    name: N,
    input: Jobs[N]["takes"],
    onProgress: (progress: Progress) => void,
  ): Promise<Jobs[N]["gives"]> {
    const before = [...this.#waiting.keys()].at(-1);
    if (before !== undefined) this.#watch(before);
    const id = this.#next++;
    const message = { id, name, input };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { message, resolve: resolve as (result: unknown) => void, reject, onProgress });
      if (name === "open") this.#files = input as Jobs["open"]["takes"];
      this.#send(message);
    });
  }

  /** Ends the job at hand, if there is one: it throws a `JobError` with code `cancelled`. */
  cancel(): void {
    const last = this.#next - 1;
    if (!this.#waiting.has(last)) return;
    this.#send({ cancel: last });
    this.#watch(last);
  }

  #start(): Worker {
    const worker = new Worker(this.#address);
    worker.onmessage = ({ data }: MessageEvent<ToPage>) => this.#take(data);
    worker.onerror = ({ message }) => this.#end({ code: "fault", message: `the worker ended: ${message}` });
    worker.onmessageerror = () => this.#end({ code: "fault", message: "the worker sent what cannot be read" });
    worker.postMessage(this.#modules);
    return worker;
  }

  #send(message: ToWorker): void {
    if (!this.#worker) {
      this.#worker = this.#start();
      const opens = "name" in message && message.name === "open";
      if (this.#files && !opens) this.#worker.postMessage({ again: this.#files } satisfies ToWorker);
    }
    this.#worker.postMessage(message);
  }

  /** Gives a job some time to end; jobs behind it begin anew in another worker where it does not. */
  #watch(id: number): void {
    setTimeout(() => {
      if (this.#waiting.has(id)) this.#end({ code: "cancelled", message: "cancelled" }, id);
    }, PATIENCE_MS);
  }

  /** Ends the worker and with it all jobs up to one, or all; another worker does the rest. */
  #end(fault: Fault, upTo = this.#next): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    const ended = [...this.#waiting].filter(([id]) => id <= upTo);
    for (const [id] of ended) this.#waiting.delete(id);
    for (const { message } of this.#waiting.values()) this.#send(message);
    for (const [, job] of ended) job.reject(new JobError(fault));
  }

  #take(message: ToPage): void {
    const job = this.#waiting.get(message.id);
    if (!job) return;
    if ("progress" in message) {
      job.onProgress(message.progress);
      return;
    }
    this.#waiting.delete(message.id);
    if ("result" in message) job.resolve(message.result);
    else job.reject(new JobError(message.fault));
  }
}
