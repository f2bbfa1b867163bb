import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { HostError } from "./hosts.js";
import type { Outcome, WorkName } from "./plan.js";

export const TOUCHES = ["on", "off"] as const;
export type Touch = (typeof TOUCHES)[number];

/** What is asked of a host's process, one line of JSON each; it answers with one line. */
export type Order =
  | { readonly order: "start"; readonly plan: string; readonly touch: Touch }
  | { readonly order: "outcome"; readonly touch: Touch; readonly work: WorkName }
  | { readonly order: "block"; readonly touch: Touch; readonly work: WorkName; readonly ms: number };

/** A host's process. It works only while an order is open, so hosts that are asked in turns never work at once. */
export class Session {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #closed: Promise<unknown>;
  #complaint = "";

  constructor(name: string, program: string, args: readonly string[]) {
    this.name = name;
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#closed = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.on("error", ({ message }) => {
      this.#complaint += message;
    });
    // A process that has ended takes no more orders; the answer that does not come tells of it.
    this.#child.stdin!.on("error", () => {});
    this.#child.stderr!.on("data", (chunk: Buffer) => {
      this.#complaint += chunk.toString();
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** @returns what the host and its compiler call themselves   @throws {HostError} where the engine does not start there */
  start(plan: string, touch: Touch): Promise<{ host: string; compiler: string }> {
    return this.#ask({ order: "start", plan, touch });
  }

  /** What comes of a work, done once. */
  outcome(touch: Touch, work: WorkName): Promise<Outcome> {
    return this.#ask({ order: "outcome", touch, work });
  }

  /** Does a work for `ms` milliseconds of CPU time. @returns nanoseconds per frame */
  async block(touch: Touch, work: WorkName, ms: number): Promise<number> {
    const { ns } = await this.#ask<{ ns: number }>({ order: "block", touch, work, ms });
    return ns;
  }

  /** Ends the process. */
  close(): void {
    this.#child.stdin!.end();
    this.#child.kill();
  }

  async #ask<Answer>(order: Order): Promise<Answer> {
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`);
    const { value, done } = await this.#lines.next();
    if (done !== true) return JSON.parse(value) as Answer;
    await this.#closed;
    const complaint = this.#complaint.trim();
    throw new HostError(`${this.name}: ended at ${JSON.stringify(order)}, expected an answer\n${complaint}`.trim());
  }
}
