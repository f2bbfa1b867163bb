import type { Console } from "../../src/cli/console.js";
import { main } from "../../src/cli/main.js";

/** A console that keeps what it is told; its clock stands still unless a test moves it. */
export class FakeConsole implements Console {
  stdout = "";
  stderr = "";
  colour = false;
  progress = false;
  width = 100;
  timeMs = 0;

  out(text: string): void {
    this.stdout += text;
  }

  err(text: string): void {
    this.stderr += text;
  }

  now(): number {
    return this.timeMs;
  }
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line in this process. */
export async function sluicegate(...argv: string[]): Promise<Outcome> {
  const console = new FakeConsole();
  const code = await main(argv, console, {});
  return { code, stdout: console.stdout, stderr: console.stderr };
}
