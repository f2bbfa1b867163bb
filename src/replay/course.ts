import type { EgressStats } from "../engine/counters.js";
import type { NodeStatuses } from "../gateway/status.js";
import type { Verifier } from "../verify/verifier.js";
import { EgressTotals, type SavedStats } from "./egress-totals.js";
import { Incidents, type SavedIncidents } from "./incidents.js";
import { FOR_EVER } from "./known-addresses.js";
import type { BrokenConnection } from "./report-types.js";
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

/** What came of all frames; plain data. */
export interface CourseOutcome {
  readonly incidents: SavedIncidents;
  readonly series: SavedSeries;
  /** By egress. */
  readonly totals: readonly EgressStats[];
}

/** Virtual time in a replay: what changes at which instant, who is told of it, and what came of it. */
export class Course {
  readonly #machine: Machine;
  readonly #verifier: Verifier | undefined;
  readonly #totals: EgressTotals;
  readonly #incidents: Incidents;
  #series: Series | undefined;
  /** Of the times at which addresses change their owner, the next one. */
  #nextMove = 0;

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
    const { plan, engines } = this.#machine;
    if (plan.startNs === undefined) plan.begin(startNs);
    this.#series = new Series(startNs);
    engines.passTime(startNs);
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
    this.#passMoves(ns);
    this.#setStop();
  }

  /** Engines are told of changed owners at once and not with their next frames, which depend on who else takes frames. */
  #passMoves(ns: bigint): void {
    const { moves, engines } = this.#machine;
    let last = 0n;
    while ((moves[this.#nextMove] ?? FOR_EVER) <= ns) last = moves[this.#nextMove++]!;
    if (last > this.#series!.fromNs) engines.passTime(last);
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
  outcome(): CourseOutcome {
    this.#look();
    return {
      incidents: this.#incidents.save(this.#lostOf),
      series: (this.#series ?? new Series(0n)).save(),
      totals: this.totals(),
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
    // What has expired by then has expired, whichever frame came last.
    if (change.lost.length > 0 || isOtherModel) engines.advance(change.atNs);
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
    const move = this.#machine.moves[this.#nextMove] ?? step;
    outside.stopAt(earlierOf(move, earlierOf(plan.nextNs ?? step, step)));
  }
}
