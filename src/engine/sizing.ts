import * as abi from "../../assembly/abi.js";
import type { PolicyModel } from "../config/types.js";
import { compilePolicy } from "./blob.js";
import { sectionCounts, zoneCount } from "./describe-blob.js";
import { DEFAULT_ENGINE_CONFIG, type EngineConfig } from "./engine-config.js";

/**
 * A configuration that every one of `models` fits into: the defaults, grown where a model needs more, then `overrides`. Give all models
 * of a scenario: an engine cannot grow later. The NAT profile is that of the overrides, else of the first model's settings.
 */
export function configFor(
  models: PolicyModel | readonly PolicyModel[],
  overrides: Partial<EngineConfig> = {},
): EngineConfig {
  const list = "policies" in models ? [models] : models;
  const natProfile = overrides.natProfile ?? list[0]?.settings.natProfile?.value ?? DEFAULT_ENGINE_CONFIG.natProfile;
  let config: EngineConfig = { ...DEFAULT_ENGINE_CONFIG, natProfile };
  for (const model of list) config = growFor(config, compilePolicy(model, { natProfile }));
  return { ...config, ...overrides };
}

/** `config` with every table at least as large as `blob` needs. */
export function growFor(config: EngineConfig, blob: Uint8Array): EngineConfig {
  const needed = neededBy(blob);
  return {
    ...config,
    nodes: Math.max(config.nodes, needed.nodes),
    zones: Math.max(config.zones, needed.zones),
    egresses: Math.max(config.egresses, needed.egresses),
    policies: Math.max(config.policies, needed.policies),
    prefixes: Math.max(config.prefixes, needed.prefixes),
    endpoints: Math.max(config.endpoints, needed.endpoints),
    blobSize: Math.max(config.blobSize, blob.length),
    arenaSize: Math.max(config.arenaSize, blob.length),
  };
}

/** Rows that a blob needs of each configured table. */
export function neededBy(
  blob: Uint8Array,
): Pick<EngineConfig, "nodes" | "zones" | "egresses" | "policies" | "prefixes" | "endpoints"> {
  const counts = sectionCounts(blob);
  return {
    zones: zoneCount(blob),
    nodes: counts[abi.SECTION_NODES]!,
    egresses: counts[abi.SECTION_EGRESSES]!,
    policies: counts[abi.SECTION_POLICIES]!,
    prefixes: counts[abi.SECTION_PREFIXES]!,
    endpoints: counts[abi.SECTION_ENDPOINTS]!,
  };
}
