import type { EngineConfig } from "../engine/engine-config.js";
import { neededBy } from "../engine/sizing.js";

/** Largest values that `configure` takes (docs/abi.md). */
const MOST = {
  nodes: 1 << 20,
  zones: 4096,
  egresses: 0xffff,
  policies: 1 << 20,
  prefixes: 4 << 20,
  endpoints: 4 << 20,
  blobSize: 1 << 30,
} as const;

/** What a policy takes of each table. */
export type Needs = Pick<
  EngineConfig,
  "nodes" | "zones" | "egresses" | "policies" | "prefixes" | "endpoints" | "blobSize"
>;

export function needsOf(blob: Uint8Array): Needs {
  return { ...neededBy(blob), blobSize: blob.length };
}

/**
 * `config` with every table at least twice as large as `blob` needs, as far as engines go: a host loads the policies of a growing cluster
 * into the engine that it started with.
 */
export function roomyFor(config: EngineConfig, blob: Uint8Array): EngineConfig {
  const tables = Object.entries(needsOf(blob)).map(([name, needed]) => {
    const table = name as keyof Needs;
    return [table, Math.max(config[table], Math.min(needed * 2, MOST[table]))];
  });
  const roomy: EngineConfig = { ...config, ...Object.fromEntries(tables) };
  return { ...roomy, arenaSize: Math.max(config.arenaSize, roomy.blobSize) };
}
