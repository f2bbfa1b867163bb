import { sha256 } from "#platform/hash.js";
import { NS_PER_MS } from "../config/time.js";
import { viewOf } from "../net/bytes.js";

/** When a node is probed: at `anchor + k × interval` for every whole k, negative ones too. Nanoseconds. */
export class ProbeSchedule {
  readonly intervalNs: bigint;
  readonly #anchorNs: bigint;

  /**
   * @param anchorNs time of any one probe
   * @param intervalNs above 0
   */
  constructor(anchorNs: bigint, intervalNs: bigint) {
    this.#anchorNs = anchorNs;
    this.intervalNs = intervalNs;
  }

  /** The first probe at or after `ns`. */
  atOrAfter(ns: bigint): bigint {
    return this.before(ns) + this.intervalNs;
  }

  /** The last probe before `ns`. */
  before(ns: bigint): bigint {
    const past = ns - 1n - this.#anchorNs;
    const remainder = past % this.intervalNs;
    return ns - 1n - (remainder < 0n ? remainder + this.intervalNs : remainder);
  }
}

/**
 * Where in the interval a node is probed: no two nodes alike, but the same on every machine.
 * @param intervalMs above 0
 * @returns nanoseconds, 0 … below the interval
 */
export function probePhaseNs(seed: number, node: string, intervalMs: number): bigint {
  const hash = viewOf(sha256(`sluicegate probe phase ${seed} ${node}`)).getBigUint64(0, true);
  return (hash * BigInt(intervalMs) * NS_PER_MS) >> 64n;
}
