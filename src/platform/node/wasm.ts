import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { EngineError } from "../../errors.js";

/** @returns the path of a file of this package, wherever this module runs from (`dist`, or the sources under a test runner) */
export function packageFile(...parts: string[]): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return join(folder, ...parts);
    if (folder === dirname(folder)) throw new EngineError(`${start}: no folder above it holds a package.json`);
  }
}

/** Where the package's own build of a module is: a path for {@link readModule}. */
export function ownModule(name: "engine" | "outside"): string {
  return packageFile("build", `${name}.wasm`);
}

/** @param path or `file:` URL   @throws the operating system's error */
export async function readModule(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return Uint8Array.from(await readFile(path.startsWith("file:") ? fileURLToPath(path) : path));
}
