import { sha256 } from "#platform/hash.js";
import * as layout from "../../assembly/outside/layout.js";
import type { Engine } from "../engine/engine.js";
import { UsageError } from "../errors.js";
import type { Scenario } from "../gateway/scenario.js";
import { hexOf } from "../net/bytes.js";
import type { HostRegion } from "./host-region.js";
import type { ResolvedOptions } from "./setup.js";
import { checkKept, type ReplayState, readReplayState } from "./state.js";

/**
 * Reads a saved state that a replay is to go on from.
 * @throws {UsageError} where it was saved with other seeds or another scenario   @throws {EngineError} where it is damaged
 */
export function readState(path: string, region: HostRegion, options: ResolvedOptions): ReplayState {
  const state = readReplayState(path, region.keptSize);
  const { notes } = state;
  if (notes.seed !== options.seed || notes.balance !== options.balance) {
    const [was, is] = [notes, options].map(({ seed, balance }) => `seed ${seed}, ${balance}`);
    throw new UsageError(`${path}: was saved with ${was}; expected the same as now, ${is}`);
  }
  if (notes.scenario !== scenarioHash(options.scenario)) {
    const was = notes.scenario === "" ? "without a scenario" : "with another scenario";
    throw new UsageError(`${path}: was saved ${was}, expected the same one as now`);
  }
  checkKept(state.kept, region);
  return state;
}

/** Puts a saved state in place before the outside attaches to it. @throws {EngineError} where the engine refuses it */
export function putState(state: ReplayState, engine: Engine, options: ResolvedOptions): void {
  engine.loadState(state.engine);
  engine.host.set(state.kept);
  const view = new DataView(engine.host.buffer, engine.host.byteOffset, layout.CONTROL_SIZE);
  const { startClockNs } = state.notes;
  const clock = options.fromFrame === 1 ? view.getBigUint64(layout.CONTROL_CLOCK_AT, true) : BigInt(startClockNs);
  view.setBigUint64(layout.CONTROL_READ_CLOCK_AT, clock, true);
}

/** What tells scenarios apart, whatever their files are called; empty without one. */
export function scenarioHash(scenario: Scenario | undefined): string {
  if (!scenario) return "";
  const { health, phaseMs, propagationMs, events } = scenario;
  const text = JSON.stringify({ health, phaseMs, propagationMs, events }, (key, value) => {
    if (key === "manifests") return "";
    return typeof value === "bigint" ? value.toString() : value;
  });
  return hexOf(sha256(text));
}
