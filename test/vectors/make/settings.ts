import type { PolicyModel } from "../../../src/config/types.js";
import { compilePolicy } from "../../../src/engine/blob.js";
import { DEFAULT_ENGINE_CONFIG, type EngineConfig, encodeEngineConfig } from "../../../src/engine/engine-config.js";
import type { VerifierOptions } from "../../../src/verify/verifier.js";

/** Tables as small as these vectors need them, so that any machine runs hundreds of engines. */
const SMALL: Partial<EngineConfig> = {
  arenaSize: 1 << 17,
  maxBatch: 64,
  connections: 256,
  connections6: 256,
  endpoints: 64,
  prefixes: 256,
  policies: 16,
  egresses: 16,
  nodes: 16,
  zones: 8,
  blobSize: 1 << 15,
  bitmaps: 4,
  fragments: 16,
  tableSeed: 0x0123_4567_89ab_cdefn,
};

export interface Configuration {
  readonly name: string;
  readonly about: string;
  readonly config: EngineConfig;
}

export function configuration(name: string, about: string, fields: Partial<EngineConfig> = {}): Configuration {
  return { name, about, config: { ...DEFAULT_ENGINE_CONFIG, ...SMALL, ...fields } };
}

export function recordOf({ config }: Configuration): Uint8Array {
  return encodeEngineConfig(config);
}

/** A policy as `sluicegate compile` gives it, or bytes that are none. */
export interface Policy {
  readonly name: string;
  readonly about: string;
  readonly model: PolicyModel | undefined;
  readonly blob: Uint8Array;
}

export function policyOf(
  name: string,
  about: string,
  model: PolicyModel,
  natProfile: "cilium" | "rfc" = "cilium",
): Policy {
  return { name, about, model, blob: compilePolicy(model, { natProfile }) };
}

/** What a vector starts from. */
export interface Setting {
  readonly configuration: Configuration;
  readonly policy: Policy;
  /** Undefined: no verifier knows such engines. */
  readonly verifier: Partial<VerifierOptions> | undefined;
}

export const RFC = configuration("rfc", "profile rfc: lifetimes of the RFCs, later fragments are held", {
  natProfile: "rfc",
});
export const CILIUM = configuration("cilium", "profile cilium: lifetimes and transitions of the original");
