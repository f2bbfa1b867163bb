import { NS_PER_MS } from "../config/time.js";
import type { PolicyModel } from "../config/types.js";
import { delayedOwnership, programmingModel } from "../gateway/propagation.js";
import type { Scenario } from "../gateway/scenario.js";
import { FOR_EVER, type ModelSpan } from "./known-addresses.js";

/** Manifests that are being programmed: fully in force at `atNs`. */
interface Pending {
  readonly atNs: bigint;
  readonly model: PolicyModel;
}

/**
 * Which manifests hold when: those of the start (number 0), then those of the scenario's `manifests` events in the order of the scenario.
 * With a programming delay new ones hold at once for pods and nodes, and for policies only once it has passed.
 */
export class Phases {
  readonly #models: readonly PolicyModel[];
  readonly #scenario: Pick<Scenario, "propagationMs" | "events"> | undefined;
  /** The newest manifests that are programmed, and those that are not. */
  #settled: PolicyModel;
  #pending: Pending[] = [];

  /** @param later manifests of the scenario's events, in its order */
  constructor(
    start: PolicyModel,
    scenario?: Pick<Scenario, "propagationMs" | "events">,
    later: readonly PolicyModel[] = [],
  ) {
    this.#models = [start, ...later];
    this.#scenario = scenario;
    this.#settled = start;
  }

  /** All manifests, that of the start first. */
  get models(): readonly PolicyModel[] {
    return this.#models;
  }

  /** What the engines have to be told now. */
  get inForce(): PolicyModel {
    const newest = this.#pending.at(-1)?.model;
    return this.#delayed(newest ? programmingModel(this.#settled, newest) : this.#settled);
  }

  /** When more of what is pending is programmed; undefined = nothing is pending. */
  get nextNs(): bigint | undefined {
    return this.#pending[0]?.atNs;
  }

  /** Other manifests come. @param number of the manifests */
  begin(number: number, atNs: bigint): void {
    const model = this.#models[number]!;
    if (this.#propagationMs > 0) this.#pending.push({ atNs: atNs + this.#delayNs, model });
    else this.#settled = model;
  }

  /** Those of `nextNs` are programmed. */
  settle(): void {
    this.#settled = this.#pending.shift()?.model ?? this.#settled;
  }

  /** Every model that may ever be in force, so that tables can be made large enough before any frame is read. */
  possible(): PolicyModel[] {
    const pairs = this.#models.flatMap((before) => this.#models.map((after) => [before, after] as const));
    const between = this.#propagationMs > 0 ? pairs.filter(([before, after]) => before !== after) : [];
    const joined = between.map(([before, after]) => programmingModel(before, after));
    return [...this.#models, ...joined].map((model) => this.#delayed(model));
  }

  /** Who really owns what when. @param startNs virtual time of the first frame; undefined = not known: everything at all times */
  truth(startNs: bigint | undefined): ModelSpan[] {
    if (startNs === undefined) return this.#models.map((model) => ({ model, from: 0n, to: FOR_EVER }));
    const begins = this.#begins(startNs);
    return begins.map(({ model, from }, i) => ({ model, from, to: begins[i + 1]?.from ?? FOR_EVER }));
  }

  #begins(startNs: bigint): { readonly model: PolicyModel; readonly from: bigint }[] {
    const events = (this.#scenario?.events ?? []).filter((event) => "manifests" in event);
    const later = events.map(({ at }, i) => ({
      model: this.#models[i + 1]!,
      from: "absoluteNs" in at ? at.absoluteNs : startNs + at.fromStartNs,
    }));
    later.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
    return [{ model: this.#models[0]!, from: 0n }, ...later];
  }

  get #propagationMs(): number {
    return this.#scenario?.propagationMs ?? 0;
  }

  get #delayNs(): bigint {
    return BigInt(this.#propagationMs) * NS_PER_MS;
  }

  #delayed(model: PolicyModel): PolicyModel {
    return delayedOwnership(model, this.#propagationMs);
  }
}
