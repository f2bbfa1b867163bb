import { loadManifests } from "../config/load.js";
import type { PolicyModel } from "../config/types.js";
import { PolicyError, type PolicyFault } from "../errors.js";
import { scenarioOptionsOf } from "../gateway/initial.js";
import { readScenario, type Scenario } from "../gateway/scenario.js";
import type { ReplayOptions } from "../replay/options.js";
import { loadOptions } from "./cluster.js";
import type { FlagValues } from "./flags.js";

/** A scenario with the manifests that it brings into force, as a replay takes them. */
export type ScenarioInput = Required<Pick<ReplayOptions, "scenario" | "laterModels">>;

/**
 * Reads the scenario that the flags name, and all manifests that its events name, under the same flags as those of the start.
 * @returns undefined where no flag names one
 * @throws {PolicyError} with the faults of the scenario, or of all its manifests
 */
export function loadScenario(flags: FlagValues, model: PolicyModel): ScenarioInput | undefined {
  if (flags.scenario === undefined) return undefined;
  const later = new LaterManifests(flags);
  const scenario = readNamed(flags.scenario, {
    ...scenarioOptionsOf(model),
    laterNodes: (paths) => later.load(paths).flatMap(({ nodes }) => nodes.map(({ name }) => name)),
  });
  const paths = scenario.events.flatMap((event) => ("manifests" in event ? [event.manifests] : []));
  return { scenario, laterModels: later.load(paths) };
}

/** Reads a scenario; its own faults say that they are its own, and not those of manifests that it names. */
function readNamed(file: string, options: Parameters<typeof readScenario>[1]): Scenario {
  try {
    return readScenario(file, options);
  } catch (error) {
    if (!(error instanceof PolicyError) || error.faults.some((fault) => fault.file !== file)) throw error;
    throw new PolicyError(error.faults, "scenario");
  }
}

/** Each path is read once, however many events name it. */
class LaterManifests {
  readonly #flags: FlagValues;
  readonly #models = new Map<string, PolicyModel>();

  constructor(flags: FlagValues) {
    this.#flags = flags;
  }

  load(paths: readonly string[]): PolicyModel[] {
    const faults: PolicyFault[] = [];
    for (const path of new Set(paths)) {
      if (this.#models.has(path)) continue;
      try {
        this.#models.set(path, loadManifests([path], loadOptions(this.#flags)));
      } catch (error) {
        if (!(error instanceof PolicyError)) throw error;
        faults.push(...error.faults);
      }
    }
    if (faults.length > 0) throw new PolicyError(faults);
    return paths.map((path) => this.#models.get(path)!);
  }
}
