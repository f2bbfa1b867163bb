import type { Fault, JobName, Jobs, Modules, Progress, ToPage, ToWorker } from "../messages.js";

/** A job ended without a result. */
export class JobError extends Error {
  readonly code: string;

  constructor({ code, message }: Fault) {
    super(message);
    this.code = code;
  }
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: JobError): void;
  readonly onProgress: (progress: Progress) => void;
}

/** The worker as the page knows it: jobs by name, one at a time. */
export class Remote {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;

  /** @param code of the worker, one classic script */
  constructor(code: string, modules: Modules) {
    const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    this.#worker = new Worker(address);
    this.#worker.onmessage = ({ data }: MessageEvent<ToPage>) => this.#take(data);
    this.#worker.onerror = ({ message }) => this.#end(`the worker ended: ${message}`);
    this.#worker.postMessage(modules);
  }

  /** Begins a job; that at hand is cancelled. @throws {JobError} */
  ask<N extends JobName>(
    name: N,
    input: Jobs[N]["takes"],
    onProgress: (progress: Progress) => void = () => {},
  ): Promise<Jobs[N]["gives"]> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject, onProgress });
      this.#send({ id, name, input });
    });
  }

  /** Ends the job at hand, if there is one: it throws a `JobError` with code `cancelled`. */
  cancel(): void {
    this.#send({ cancel: this.#next - 1 });
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message);
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

  #end(message: string): void {
    for (const job of this.#waiting.values()) job.reject(new JobError({ code: "fault", message }));
    this.#waiting.clear();
  }
}
