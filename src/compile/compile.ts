import type { NatProfile, PolicyModel } from "../config/types.js";
import { compilePolicy } from "../engine/blob.js";
import { createEngine } from "../engine/engine.js";
import {
  DEFAULT_ENGINE_CONFIG,
  type EngineConfig,
  LEAST_CONNECTIONS,
  MOST_CONNECTIONS,
} from "../engine/engine-config.js";
import { deriveSeeds } from "../engine/seeds.js";
import { checkRange } from "../errors.js";
import { GatewayControl } from "../gateway/control.js";
import { familyOf } from "../net/address.js";
import { type Opening, openingOf } from "./opening.js";
import { roomyFor } from "./room.js";

/** Frames that a host gives the engine at a time at most, unless it says otherwise. */
const DEFAULT_BATCH = 4096;
const DEFAULT_SEED = 1;

/** What a host's engine is to do beside what the manifests say; the same as of a replay, with the same defaults. */
export interface CompileSettings {
  /** Default: that of the manifests' settings, else `cilium`. */
  readonly natProfile?: NatProfile;
  readonly balance?: "rendezvous" | "random";
  /** Integer from 0 to 2^53 - 1; default 1. */
  readonly seed?: number;
  /** Connections that the engine has room for. */
  readonly connections?: number;
  /** Frames of one `process` call at most; default 4,096. */
  readonly maxBatch?: number;
  readonly unsupported?: "drop" | "pass";
  readonly badChecksum?: "keep" | "drop";
  readonly midStream?: "pick-up" | "drop";
  readonly icmpErrors?: boolean;
}

/** Everything that a host without this library needs to run an engine under a policy. */
export interface CompiledPolicy {
  /** What `loadPolicy` takes. */
  readonly blob: Uint8Array;
  /** What `configure` takes: room for twice what the policy needs. */
  readonly config: EngineConfig;
  /** What the engine has to be told once the policy is in force. */
  readonly opening: Opening;
  /** With the egress IPs that gateways have at the start: what the rows of the blob stand for. */
  readonly model: PolicyModel;
}

/**
 * Compiles the manifests of a cluster for a host of its own. A pure function of its arguments: the same model gives the same bytes. Frames
 * get the verdicts of a replay with the same settings.
 * @throws {UsageError} for a seed or a number of connections out of range
 * @throws {EngineError} naming the limit or the rule that the model breaks
 */
export function compileForHosts(model: PolicyModel, settings: CompileSettings = {}): CompiledPolicy {
  const { seed = DEFAULT_SEED, connections = DEFAULT_ENGINE_CONFIG.connections } = settings;
  checkRange("seed", seed, 0, Number.MAX_SAFE_INTEGER);
  checkRange("connections", connections, LEAST_CONNECTIONS, MOST_CONNECTIONS);
  const natProfile = settings.natProfile ?? model.settings.natProfile?.value ?? DEFAULT_ENGINE_CONFIG.natProfile;
  const { picture } = new GatewayControl(model);
  const blob = compilePolicy(picture.model, { natProfile });
  const hasIpv6 = picture.model.endpoints.some(({ addresses }) => addresses.some((one) => familyOf(one) === 6));
  const config = roomyFor(
    {
      ...DEFAULT_ENGINE_CONFIG,
      ...deriveSeeds(seed, settings.balance ?? "rendezvous"),
      natProfile,
      maxBatch: settings.maxBatch ?? DEFAULT_BATCH,
      connections,
      connections6: hasIpv6 ? connections : 0,
      unsupported: settings.unsupported ?? DEFAULT_ENGINE_CONFIG.unsupported,
      badChecksum: settings.badChecksum ?? DEFAULT_ENGINE_CONFIG.badChecksum,
      midStream: settings.midStream ?? DEFAULT_ENGINE_CONFIG.midStream,
      icmpErrors: settings.icmpErrors ?? DEFAULT_ENGINE_CONFIG.icmpErrors,
      tunnelPort: model.settings.tunnelPort.value,
    },
    blob,
  );
  return { blob, config, opening: openingOf(picture), model: picture.model };
}

/**
 * Does with an engine of its own what a host will do, so that nothing is handed out that an engine refuses.
 * @throws {EngineError} naming what it refuses
 */
export async function tryOut({ blob, config, opening }: CompiledPolicy, wasm?: string): Promise<void> {
  const engine = await createEngine(config, wasm);
  engine.loadPolicy(blob);
  for (const { node, state } of opening.gateways) engine.setGateway(node, state);
  for (const { policy, zone, members } of opening.active) engine.setActive(policy, zone, members);
}
