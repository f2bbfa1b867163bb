import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { Modules, PickedFile, RunSettings } from "../../src/playground/messages.js";

/** What a page has from its own data. */
export function modules(): Modules {
  return { engine: bytesOf("build/engine.wasm"), outside: bytesOf("build/outside.wasm") };
}

export const MANIFESTS = ["cilium-config", "endpoints", "nodes", "policies", "workloads"].map(
  (name) => `pcaps/manifests/${name}.yaml`,
);

/** Files as a user picks them. */
export function picked(...paths: readonly string[]): PickedFile[] {
  return paths.map((path) => ({ name: basename(path), file: new Blob([bytesOf(path)]) }));
}

/** A file that is no file. */
export function made(name: string, text: string): PickedFile {
  return { name, file: new Blob([text]) };
}

export const SETTINGS: RunSettings = {
  natProfile: undefined,
  topology: "single",
  seed: 1,
  probeIntervalMs: 1000,
  timeoutMs: 2000,
  failures: [],
};

function bytesOf(path: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(path));
}
