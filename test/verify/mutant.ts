import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import { createEngine, type Engine } from "../../src/engine/engine.js";
import type { EngineConfig } from "../../src/engine/engine-config.js";

/** One planted bug: `search` is replaced by `replace` in one file of `assembly/`. */
export interface Mutation {
  readonly file: string;
  readonly search: string;
  readonly replace: string;
}

/** What `npm run build:engine` gives the compiler beside asconfig.json. */
export const PRODUCT_OPTIONS = ["--transform", "./assembly/keep-apart.mjs"];

/**
 * Compiles the engine with bugs planted in its source text and returns the module's bytes. Nothing on disk changes.
 * Optimisation is off: builds are quick, and a bug is a bug either way.
 * @throws Error where a search text does not occur exactly once (the bug would not be planted), or the compiler refuses
 */
export function buildMutant(mutations: readonly Mutation[]): Promise<Uint8Array> {
  return buildEngine(mutations, ["--optimizeLevel", "0"]);
}

/**
 * The same, or the engine as it is where `mutations` is empty, compiled with `options` beside those of asconfig.json.
 * @throws Error where a search text does not occur exactly once, or the compiler refuses
 */
export async function buildEngine(
  mutations: readonly Mutation[],
  options: readonly string[] = PRODUCT_OPTIONS,
): Promise<Uint8Array> {
  const mutated = new Map<string, string>();
  for (const { file, search, replace } of mutations) {
    const text = mutated.get(file) ?? (await readFile(file, "utf8"));
    const occurrences = text.split(search).length - 1;
    if (occurrences !== 1)
      throw new Error(`${file}: the text to mutate occurs ${occurrences} times, expected once: ${search}`);
    mutated.set(
      file,
      text.replace(search, () => replace),
    );
  }
  return compile(mutated, options);
}

async function compile(mutated: ReadonlyMap<string, string>, how: readonly string[]): Promise<Uint8Array> {
  const used = new Set<string>();
  let wasm: Uint8Array | undefined;
  const options = ["assembly/index.ts", "--outFile", "mutant.wasm", ...how];
  const { error, stderr } = await asc.main(options, {
    readFile: async (name, baseDir) => {
      const changed = mutated.get(name);
      if (changed !== undefined) used.add(name);
      return changed ?? (await readFile(join(baseDir, name), "utf8").catch(() => null));
    },
    writeFile: (name, contents) => {
      if (name === "mutant.wasm" && typeof contents !== "string") wasm = contents;
    },
  });
  if (error || !wasm) throw new Error(`the mutated engine does not compile: ${error?.message}\n${stderr.toString()}`);
  for (const file of mutated.keys()) if (!used.has(file)) throw new Error(`${file}: the compiler never read it`);
  return wasm;
}

/** Starts the engine from the bytes of a mutant's module, or the product's own build. */
export async function startEngine(config: EngineConfig, wasm?: Uint8Array): Promise<Engine> {
  if (!wasm) return createEngine(config);
  const folder = await mkdtemp(join(tmpdir(), "sluicegate-mutant-"));
  try {
    const file = join(folder, "mutant.wasm");
    await writeFile(file, wasm);
    return await createEngine(config, file);
  } finally {
    await rm(folder, { recursive: true });
  }
}
