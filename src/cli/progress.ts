import { statSync } from "node:fs";
import type { Console } from "./console.js";

/** Work shorter than this shows no bar. */
const SHOW_AFTER_MS = 1000;
const REDRAW_MS = 100;
const BAR_CELLS = 24;
const CLEAR_LINE = "\r\x1b[K";

/** How far work has come. */
export interface Progress {
  readonly frames: number;
  /** Bytes of frames taken out of the captures. */
  readonly bytes: number;
}

/** A bar on a terminal for work over a second; silent elsewhere. */
export class ProgressBar {
  readonly #console: Console;
  readonly #totalBytes: number | undefined;
  readonly #start: number;
  #drawnAt: number;
  #drawn = false;

  /** @param total bytes that there are; undefined where nobody knows */
  constructor(console: Console, total: number | undefined) {
    this.#console = console;
    this.#totalBytes = total;
    this.#start = console.now();
    this.#drawnAt = this.#start + SHOW_AFTER_MS - REDRAW_MS;
  }

  update({ frames, bytes }: Progress): void {
    const now = this.#console.now();
    if (!this.#console.progress || now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    this.#drawn = true;
    const seconds = (now - this.#start) / 1000;
    this.#console.err(`${CLEAR_LINE}${this.#bar(bytes)}${progressText(frames, seconds)}`);
  }

  /** Prints a line where the bar stands; the bar comes back with the next update. */
  above(line: string): void {
    this.clear();
    this.#console.err(line);
  }

  /** Takes the bar off the terminal. */
  clear(): void {
    if (this.#drawn) this.#console.err(CLEAR_LINE);
    this.#drawn = false;
  }

  #bar(bytes: number): string {
    if (!this.#totalBytes) return "";
    // Record headers are not counted, and gzip hides the size: a bar never goes past its end.
    const share = Math.min(1, bytes / this.#totalBytes);
    const full = Math.floor(share * BAR_CELLS);
    return `[${"#".repeat(full)}${".".repeat(BAR_CELLS - full)}] ${Math.floor(share * 100)} %  `;
  }
}

/** @returns the size of all captures, or undefined where one is standard input, packed or no plain file */
export function totalBytes(captures: readonly string[]): number | undefined {
  let total = 0;
  for (const path of captures) {
    const stat = path === "-" || path.endsWith(".gz") ? undefined : statSync(path, { throwIfNoEntry: false });
    if (!stat?.isFile()) return undefined;
    total += stat.size;
  }
  return total;
}

function progressText(frames: number, seconds: number): string {
  const perSecond = Math.round(frames / seconds).toLocaleString("en-US");
  return `${frames.toLocaleString("en-US")} frames, ${perSecond} frames/s`;
}
