import type { EngineCounters } from "../../../src/engine/counters.js";
import type { Want } from "./say.js";

/** Names of abi.json, and where `EngineCounters` has them. */
const STEADY = {
  opened: "opened",
  broken: "broken",
  rebound: "rebound",
  guessed: "directionGuessed",
  removed: "removed",
  fragments_evicted: "fragmentsEvicted",
  generated: "generated",
  untold: "untold",
} as const satisfies Record<string, keyof EngineCounters>;

const SETTLED = {
  closed: "closed",
  expired: "expired",
  live: "live",
  entries: "entries",
  evicted_expired: "evictedExpired",
  evicted_closing: "evictedClosing",
  evicted_unreplied: "evictedUnreplied",
  evicted_established: "evictedEstablished",
} as const satisfies Record<string, keyof EngineCounters>;

/** Compared after every step: what has happened so far, whatever is still in the tables. */
export const STEADY_COUNTERS = ["reasons", "actions", ...Object.keys(STEADY)];
/** Compared where a step states them: they also tell what has been cleared away. */
export const SETTLED_COUNTERS = Object.keys(SETTLED);

export type Deltas = Readonly<Partial<Record<keyof typeof STEADY, number>>>;

/** Counters by counting what was said of every frame. */
export class Tally {
  readonly #counts = new Map<string, number>();
  #shown = new Map<string, number>();

  copy(): Tally {
    const copy = new Tally();
    for (const [name, count] of this.#counts) copy.#counts.set(name, count);
    return copy;
  }

  /** What another tally has stated so far counts as stated. */
  since(before: Tally): this {
    this.#shown = before.#shown;
    return this;
  }

  verdict({ action, reason, flags, told }: Want): void {
    this.#add(`actions.${action}`);
    if (reason !== "none") this.#add(`reasons.${reason}`);
    const has = (flag: Want["flags"][number]) => flags.includes(flag);
    if (has("created") && action === "snat") this.#add("opened");
    if (has("guessed") && (has("created") || has("remapped"))) this.#add("guessed");
    // An endpoint's node does not know whether the external tuple has changed: its gateway, elsewhere, does.
    if (has("remapped") && action === "snat") this.#add(has("breaks") ? "broken" : "rebound");
    if (told) this.#add("generated");
  }

  /**
   * @param deltas of counters that no verdict shows   @param settled values of the others, where they can be compared
   * @returns what has changed since it was last taken, as a step states it   @throws {Error} where the engine has counted otherwise
   */
  take(deltas: Deltas, settled: Readonly<Record<string, number>>, got: EngineCounters): Record<string, unknown> {
    for (const [name, by] of Object.entries(deltas)) this.#add(name, by);
    const faults: string[] = [];
    const compare = (name: string, count: number, expected: number) => {
      if (count !== expected) faults.push(`${name} is ${count}, said was ${expected}`);
    };
    const counted = this.#flat(got);
    for (const name of new Set([...counted.keys(), ...this.#counts.keys()]))
      compare(name, counted.get(name) ?? 0, this.#counts.get(name) ?? 0);
    for (const [name, value] of Object.entries(settled))
      compare(name, got[SETTLED[name as keyof typeof SETTLED]] as number, value);
    if (faults.length > 0) throw new Error(`counters: ${faults.join("; ")}`);
    return this.#changed(settled);
  }

  #add(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  #flat(got: EngineCounters): Map<string, number> {
    const all = new Map<string, number>();
    for (const [name, count] of Object.entries(got.reasons)) all.set(`reasons.${name}`, count);
    for (const [name, count] of Object.entries(got.actions)) all.set(`actions.${name}`, count);
    for (const [name, key] of Object.entries(STEADY)) all.set(name, got[key] as number);
    return all;
  }

  #changed(settled: Readonly<Record<string, number>>): Record<string, unknown> {
    const changed: Record<string, unknown> = {};
    const names = new Set([...this.#counts.keys(), ...this.#shown.keys()]);
    for (const name of [...names].sort()) {
      const count = this.#counts.get(name) ?? 0;
      if (count === (this.#shown.get(name) ?? 0)) continue;
      this.#shown.set(name, count);
      const [family, label] = name.split(".") as [string, string | undefined];
      if (label === undefined) changed[family] = String(count);
      else changed[family] = { ...(changed[family] as object | undefined), [label]: String(count) };
    }
    for (const [name, value] of Object.entries(settled)) changed[name] = String(value);
    return changed;
  }
}
