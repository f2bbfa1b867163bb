import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { open } from "node:fs/promises";
import type { ChunkStream, FileKind, OpenFile } from "../file.js";

// Every function throws the operating system's error, with its `code`.

export { basename, dirname, isAbsolute, join } from "node:path";

/** What lies at a path, links followed. */
export function kindOf(path: string): FileKind {
  const status = statSync(path);
  if (status.isFile()) return "file";
  if (status.isDirectory()) return "folder";
  return status.isCharacterDevice() || status.isBlockDevice() ? "device" : "pipe";
}

/** Whether anything lies at a path. */
export function exists(path: string): boolean {
  return existsSync(path);
}

/** The path with all links resolved. */
export function realPath(path: string): string {
  return realpathSync(path);
}

/** Names in a folder, in no order. */
export function namesIn(folder: string): string[] {
  return readdirSync(folder);
}

/** Makes a folder and those above it, unless they are there. */
export function makeFolder(path: string): void {
  mkdirSync(path, { recursive: true });
}

/** A file, whole. */
export function readWhole(path: string): Uint8Array {
  return readFileSync(path);
}

/** Creates a file or overwrites it. */
export function writeWhole(path: string, bytes: Uint8Array): void {
  writeFileSync(path, bytes);
}

/** Opens a file, a pipe or a folder for blocking reads. */
export async function openFile(path: string): Promise<OpenFile> {
  const handle = await open(path, "r");
  return {
    isFolder: (await handle.stat()).isDirectory(),
    read: (target) => readSync(handle.fd, target, 0, target.length, null),
    close: () => handle.close(),
  };
}

/** Opens a file for blocking reads, in a blocking way. */
export function openNow(path: string): { read(target: Uint8Array): number; close(): void } {
  const fd = openSync(path, "r");
  return { read: (target) => readSync(fd, target), close: () => closeSync(fd) };
}

/** Standard input. */
export function standardInput(): ChunkStream {
  return process.stdin;
}

/** Creates a file or overwrites it. @returns its descriptor */
export function openForWriting(path: string): number {
  return openSync(path, "w");
}

/** Writes bytes [at, end). @returns how many of them were written */
export function writeSome(descriptor: number, bytes: Uint8Array, at: number, end: number): number {
  return writeSync(descriptor, bytes, at, end - at);
}

/** Closes what `openForWriting` opened. */
export function closeWriting(descriptor: number): void {
  closeSync(descriptor);
}
