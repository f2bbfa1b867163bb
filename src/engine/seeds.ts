import { sha256 } from "#platform/hash.js";
import { viewOf } from "../net/bytes.js";

/** Seeds of an engine, all derived from the one that the user gives. */
export interface Seeds {
  readonly tableSeed: bigint;
  readonly placementSeed: bigint;
  readonly portSeed: bigint;
}

/**
 * @param balance `random` draws from another stream than `rendezvous`, so that the two differ under one seed
 * @returns 64-bit seeds; a pure function of its arguments, the same on every machine
 */
export function deriveSeeds(seed: number, balance: "rendezvous" | "random"): Seeds {
  return {
    tableSeed: derive(`table ${seed}`),
    placementSeed: derive(`placement ${balance} ${seed}`),
    portSeed: derive(`port ${seed}`),
  };
}

function derive(text: string): bigint {
  return viewOf(sha256(`sluicegate ${text}`)).getBigUint64(0, true);
}
