import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  REGION_ADDRESSES,
  REGION_CONNTRACK,
  REGION_COUNTERS,
  REGION_EGRESS_STATS,
  REGION_STATE,
} from "../../assembly/abi.js";
import { createEngine } from "../../src/engine/engine.js";
import { DEFAULT_ENGINE_CONFIG } from "../../src/engine/engine-config.js";
import type { FrozenAbi } from "./compare.js";
import { type AbiDescription, describeAbi } from "./describe.js";
import { headerOf } from "./header.js";
import { pageRows, readMeanings } from "./page.js";
import { readConstants, readFunctions } from "./source.js";

/** What the files are made from. */
export interface AbiSources {
  /** Text of `assembly/abi.ts`. */
  readonly constants: string;
  /** Text of a file of `assembly/` by its path there without `.ts`. */
  readonly assembly: (path: string) => string;
  /** Text of docs/abi.md. */
  readonly page: string;
}

export const SOURCES: AbiSources = {
  constants: readFileSync("assembly/abi.ts", "utf8"),
  assembly: (path) => readFileSync(join("assembly", `${path}.ts`), "utf8"),
  page: readFileSync("docs/abi.md", "utf8"),
};

export function described({ constants, assembly, page }: AbiSources): AbiDescription {
  return describeAbi(readConstants(constants), readFunctions(assembly), readMeanings(page));
}

/** Files for hosts in other languages, by their path in the package. */
export function abiFiles(sources: AbiSources): Map<string, string> {
  const abi = described(sources);
  return new Map([
    ["abi/abi.json", `${JSON.stringify(abi, undefined, 2)}\n`],
    ["abi/sluicegate.h", headerOf(abi)],
  ]);
}

/** Names of the files that are missing or differ from what the sources give. */
export function staleFiles(sources: AbiSources, read: (path: string) => string | undefined): string[] {
  return [...abiFiles(sources)].filter(([path, text]) => read(path) !== text).map(([path]) => path);
}

/** What a version promises: without the words, which may get better. @param state see `stateLayout` */
export function promiseOf({ constants, assembly, page }: AbiSources, state: FrozenAbi["state"]): FrozenAbi {
  const abi = describeAbi(readConstants(constants), readFunctions(assembly));
  const hashVectors = pageRows(page).filter(([first = "", second = ""]) => isVector(first, second));
  return { abi, hashVectors, state };
}

function isVector(first: string, second: string): boolean {
  return /^[0-9a-f]{16}$/.test(first) || (first.includes("/") && /^[0-9a-f]{16}$/.test(second));
}

/** Where things lie in the saved state of an engine of a certain size: built from sources, so the engine has to be asked. */
export async function stateLayout(): Promise<FrozenAbi["state"]> {
  const tables = { connections: 1000, connections6: 300, endpoints: 100, prefixes: 100, policies: 10, egresses: 20 };
  const others = { nodes: 30, zones: 3, bitmaps: 5, fragments: 40, arenaSize: 4096, blobSize: 4096, maxBatch: 16 };
  const engine = await createEngine({ ...DEFAULT_ENGINE_CONFIG, ...tables, ...others });
  const state = engine.regionBytes(REGION_STATE);
  const at = (id: number) => engine.regionBytes(id).byteOffset - state.byteOffset;
  return {
    size: state.length,
    counters: at(REGION_COUNTERS),
    egressStats: at(REGION_EGRESS_STATS),
    conntrack: at(REGION_CONNTRACK),
    addresses: at(REGION_ADDRESSES),
  };
}
