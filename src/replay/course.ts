import type { EgressStats } from "../engine/counters.js";
import type { NodeStatuses } from "../gateway/status.js";
import type { Verifier } from "../verify/verifier.js";
import { EgressTotals, type SavedStats } from "./egress-totals.js";
import { Incidents, type SavedIncidents } from "./incidents.js";
import type { BrokenConnection, ReplayReport } from "./report-types.js";
import { type SavedSeries, Series } from "./series.js";
import type { Machine } from "./setup.js";
import { earlierOf } from "./time.js";

/** As JSON. */
export interface SavedCourse {
  readonly startNs?: string;
  readonly egressTotals: readonly SavedStats[];
  readonly incidents: SavedIncidents;
  readonly series?: SavedSeries;
}

/** Virtual time in a replay: what changes at which instant, who is told of it, and what came of it. */
export class Course {
  readonly #machine: Machine;
  readonly #verifier: Verifier | undefined;
  readonly #totals: EgressTotals;
  readonly #incidents: Incidents;
  #series: Series | undefined;

  constructor(machine: Machine, verifier: Verifier | undefined) {
    const { notes, plan, engines } = machine;
    this.#machine = machine;
    this.#verifier = verifier;
    this.#totals = new EgressTotals(engines, notes?.egressTotals);
    this.#incidents = new Incidents(plan.egresses, notes?.incidents);
    this.#series = notes?.series && new Series(notes.series);
  }

  /** False until the first frame of all has come. */
  get hasBegun(): boolean {
    return this.#series !== undefined;
  }

  /** The first frame of all has come. @param startNs its virtual time */
  begin(startNs: bigint): void {
    const { plan } = this.#machine;
    if (plan.startNs === undefined) plan.begin(startNs);
    this.#series = new Series(startNs);
    this.#incidents.noteDrains(this.statuses, startNs, this.#totals.read());
    this.#setStop();
  }

  /** How nodes stand now. */
  get statuses(): NodeStatuses {
    return this.#machine.plan.queue.statuses;
  }

  /** Nodes that do not answer now. */
  get unreachable(): ReadonlySet<string> {
    return this.#machine.plan.queue.unreachable;
  }

  /** True where something changes before a frame of the virtual time `ns`. */
  hasChangeBy(ns: bigint): boolean {
    const { nextNs } = this.#machine.plan;
    return nextNs !== undefined && nextNs <= ns;
  }

  /** Brings everything into force that comes before a frame of the virtual time `ns`; the outside then stops at what comes after. */
  comeTo(ns: bigint): void {
    const { plan } = this.#machine;
    while (this.hasChangeBy(ns)) {
      this.#passSteps(plan.nextNs!);
      this.#change();
    }
    this.#passSteps(ns);
    this.#setStop();
  }

  /** A connection's external tuple changed. */
  moved(row: BrokenConnection, isBroken: boolean): void {
    this.#series?.addMoved(isBroken);
    this.#incidents.moved(row, isBroken);
  }

  /** Totals by egress. */
  totals(): EgressStats[] {
    return this.#totals.read();
  }

  /** No frame comes any more. */
  report(): Pick<ReplayReport, "failovers" | "healthTransitions" | "drains" | "timeline"> {
    this.#look();
    return {
      ...this.#incidents.report(this.totals(), this.#lostOf),
      timeline: (this.#series ?? new Series(0n)).report(),
    };
  }

  /** What a saved state has to hold beside the tables. Call it before the engines' state is taken. */
  save(): SavedCourse {
    this.#look();
    const { startNs } = this.#machine.plan;
    return {
      ...(startNs !== undefined && { startNs: startNs.toString() }),
      egressTotals: this.#totals.save(),
      incidents: this.#incidents.save(this.#lostOf),
      ...(this.#series && { series: this.#series.save() }),
    };
  }

  readonly #lostOf = (node: string): number => {
    const number = this.#machine.nodes.get(node);
    return number === undefined ? 0 : this.#machine.outside.lostBecauseOf(number);
  };

  #change(): void {
    const { plan, driver, engines } = this.#machine;
    const step = plan.take();
    const { change, picture, isOtherModel } = step;
    driver.apply(step, () => {
      this.#look();
      this.#totals.keep();
      this.#series?.restart();
    });
    this.#incidents.note(change, this.#lostOf);
    if (this.#incidents.concernsDrain(change.statuses)) {
      engines.advance(change.atNs);
      this.#incidents.noteDrains(change.statuses, change.atNs, this.totals());
    }
    if (!this.#verifier) return;
    for (const node of change.lost) this.#verifier.nodeLost(node);
    if (isOtherModel) this.#verifier.policiesChanged(picture.model, change.atNs);
    this.#verifier.statusesChanged(change.statuses);
  }

  #passSteps(ns: bigint): void {
    if (!this.#series || this.#series.endNs > ns) return;
    this.#look();
    this.#series.moveTo(ns);
  }

  #look(): void {
    const { plan, outside } = this.#machine;
    const traffic = this.#totals.take(plan.egresses.length);
    this.#series?.look(traffic, outside.lost);
  }

  #setStop(): void {
    const { plan, outside } = this.#machine;
    const step = this.#series!.endNs;
    outside.stopAt(earlierOf(plan.nextNs ?? step, step));
  }
}
