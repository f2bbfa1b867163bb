import type { PolicyModel } from "../config/types.js";
import type { Happened } from "../gateway/happened.js";
import { earlier } from "../gateway/health.js";
import { initiallyDown, initialStatuses } from "../gateway/initial.js";
import type { Scenario } from "../gateway/scenario.js";
import type { NodeStatuses } from "../gateway/status.js";
import { Timeline } from "../gateway/timeline.js";
import { Phases } from "./phases.js";

/** What changes at one instant of virtual time. */
export interface Change {
  readonly atNs: bigint;
  readonly statuses: NodeStatuses;
  readonly unreachable: ReadonlySet<string>;
  readonly lost: readonly string[];
  readonly happened: readonly Happened[];
  /** Other manifests are in force, or more of them are programmed. */
  readonly model?: PolicyModel;
}

export interface ChangeQueueOptions {
  /** Manifests of the start. */
  readonly model: PolicyModel;
  readonly scenario?: Scenario | undefined;
  /** Manifests of the scenario's events, in its order. */
  readonly later?: readonly PolicyModel[];
  readonly seed: number;
}

const NOBODY: ReadonlySet<string> = new Set();

/** The scenario's time line and the programming of manifests as one sequence. Without a scenario nothing ever changes. */
export class ChangeQueue {
  readonly phases: Phases;
  readonly #options: ChangeQueueOptions;
  readonly #atStart: NodeStatuses;
  #timeline: Timeline | undefined;

  constructor(options: ChangeQueueOptions) {
    this.#options = options;
    this.phases = new Phases(options.model, options.scenario, options.later);
    this.#atStart = initialStatuses(options.model);
  }

  /** The first frame has come. @param startNs its virtual time */
  begin(startNs: bigint): void {
    const { scenario, model, later = [], seed } = this.#options;
    if (!scenario) return;
    this.#timeline = new Timeline({
      scenario,
      nodes: model.nodes,
      initialDown: initiallyDown(model),
      manifestNodes: later.map(({ nodes }) => nodes),
      seed,
      startNs,
    });
  }

  /** After the last change that was taken. */
  get statuses(): NodeStatuses {
    return this.#timeline?.statuses ?? this.#atStart;
  }

  get unreachable(): ReadonlySet<string> {
    return this.#timeline?.unreachable ?? NOBODY;
  }

  /** Virtual time of the next change; undefined = none ever, or the first frame has not come. */
  get nextNs(): bigint | undefined {
    return earlier(this.#timeline?.nextNs, this.phases.nextNs);
  }

  /** Takes what changes at `nextNs`. */
  next(): Change {
    const atNs = this.nextNs!;
    const isSettled = this.phases.nextNs === atNs;
    if (isSettled) this.phases.settle();
    const event = this.#timeline?.nextNs === atNs ? this.#timeline.next() : undefined;
    if (event?.manifests !== undefined) this.phases.begin(event.manifests, atNs);
    const hasOther = isSettled || event?.manifests !== undefined;
    return {
      atNs,
      statuses: this.statuses,
      unreachable: this.unreachable,
      lost: event?.lost ?? [],
      happened: event?.happened ?? [],
      ...(hasOther && { model: this.phases.inForce }),
    };
  }
}
