// The files of a command line.

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HostError } from "../javascript/sluicegate.mjs";

/** @throws {HostError} */
export function readInput(name) {
  try {
    const { buffer, byteOffset, length } = readFileSync(name);
    return { name, bytes: new Uint8Array(buffer, byteOffset, length) };
  } catch (cause) {
    throw new HostError(`${name}: cannot be read (${cause.code ?? cause.message})`, { cause });
  }
}

/** @throws {HostError} */
export function writeOutput(name, bytes) {
  try {
    writeFileSync(name, bytes);
  } catch (cause) {
    throw new HostError(`${name}: cannot be written (${cause.code ?? cause.message})`, { cause });
  }
}

/** Names of the files of vectors that a path stands for: itself, or all of a folder. @throws {HostError} */
export function vectorFiles(path) {
  try {
    if (!statSync(path).isDirectory()) return [path];
  } catch (cause) {
    throw new HostError(`${path}: cannot be read (${cause.code})`, { cause });
  }
  const names = readdirSync(path).filter((name) => name.endsWith(".json"));
  return names.sort().map((name) => join(path, name));
}
