import { mkdirSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { OutputError, UsageError } from "../errors.js";

/**
 * Refuses a run that would write over what it reads, and two results in one file, before anything is read.
 * @param outputs undefined ones are not written
 * @param inputs files and folders; `-` is standard input
 * @throws {UsageError}
 */
export function refuseOverwriting(outputs: readonly (string | undefined)[], inputs: readonly string[]): void {
  const read = new Map(inputs.filter((path) => path !== "-").map((path) => [identity(path), path]));
  const written = new Map<string, string>();
  for (const path of outputs) {
    if (path === undefined) continue;
    const id = identity(path);
    const input = read.get(id);
    if (input !== undefined) throw new UsageError(`${path}: is an input (${input}), expected another file to write to`);
    const other = written.get(id);
    if (other !== undefined) throw new UsageError(`${path}: is written twice, expected different files`);
    written.set(id, path);
  }
}

/** Creates a folder with those above it. @throws {OutputError} */
export function makeFolder(path: string): void {
  writing(path, () => mkdirSync(path, { recursive: true }));
}

/** @throws {OutputError} naming the file and what the system said */
export function writeTextFile(path: string, text: string): void {
  writing(path, () => writeFileSync(path, text));
}

/** @throws {OutputError} naming the file and what the system said */
export function writeBytes(path: string, bytes: Uint8Array): void {
  writing(path, () => writeFileSync(path, bytes));
}

function writing(path: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    throw new OutputError(path, (cause as NodeJS.ErrnoException).code ?? "unknown", { cause });
  }
}

/** The same for every name of one file: hard and symbolic links by inode, files that do not exist yet by their place. */
function identity(path: string): string {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return placeOf(resolve(path));
  }
}

function placeOf(path: string): string {
  const parent = dirname(path);
  try {
    return realpathSync(parent) + path.slice(parent.length);
  } catch {
    return path;
  }
}
