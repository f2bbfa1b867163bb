import type { ChunkStream, FileKind, OpenFile } from "../file.js";

// A browser has no paths: whoever is given one hears so. Bytes and texts go in by other ways (docs/library.md).

function noFiles(): never {
  throw Object.assign(new Error("there is no file system here"), { code: "no file system here" });
}

/** The last part of a path with `/`. */
export function basename(path: string): string {
  return path.replace(/\/+$/, "").replace(/^.*\//s, "");
}

/** The path without its last part; `.` where it has one only. */
export function dirname(path: string): string {
  const end = path.replace(/\/+$/, "").lastIndexOf("/");
  if (end < 0) return isAbsolute(path) ? "/" : ".";
  return path.slice(0, end) || "/";
}

/** Whether a path starts at the root. */
export function isAbsolute(path: string): boolean {
  return path.startsWith("/");
}

/** Parts of a path put together; `.` and `..` are taken away where that is possible. */
export function join(...parts: string[]): string {
  const text = parts.filter((part) => part !== "").join("/");
  const steps: string[] = [];
  for (const step of text.split("/")) {
    if (step === "" || step === ".") continue;
    if (step === ".." && steps.length > 0 && steps.at(-1) !== "..") steps.pop();
    else if (step !== ".." || !isAbsolute(text)) steps.push(step);
  }
  return `${isAbsolute(text) ? "/" : ""}${steps.join("/")}` || ".";
}

/** Nothing does. */
export function exists(_path: string): boolean {
  return false;
}

/** @throws {Error} always, as all below */
export function kindOf(_path: string): FileKind {
  return noFiles();
}

export function realPath(_path: string): string {
  return noFiles();
}

export function namesIn(_folder: string): string[] {
  return noFiles();
}

export function makeFolder(_path: string): void {
  noFiles();
}

export function readWhole(_path: string): Uint8Array {
  return noFiles();
}

export function writeWhole(_path: string, _bytes: Uint8Array): void {
  noFiles();
}

export async function openFile(_path: string): Promise<OpenFile> {
  return noFiles();
}

export function openNow(_path: string): { read(target: Uint8Array): number; close(): void } {
  return noFiles();
}

export function standardInput(): ChunkStream {
  return noFiles();
}

export function openForWriting(_path: string): number {
  return noFiles();
}

export function writeSome(_descriptor: number, _bytes: Uint8Array, _at: number, _end: number): number {
  return noFiles();
}

export function closeWriting(_descriptor: number): void {
  noFiles();
}
