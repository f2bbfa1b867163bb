import { type Bins, binsOf } from "./binning.js";
import { dayTime } from "./clock.js";
import type { PageTimeline } from "./page-data.js";

/** Fewest steps that a zoom shows. */
const MIN_STEPS = 4;

/** What all charts show of the timeline, together: which part of it, which gateways, where the cursor is. */
export class TimelineView {
  readonly timeline: PageTimeline;
  /** Steps that are shown: first, and one behind the last. */
  first = 0;
  end: number;
  /** Places of gateways that are left out. */
  readonly hidden = new Set<number>();
  readonly #listeners: (() => void)[] = [];

  constructor(timeline: PageTimeline) {
    this.timeline = timeline;
    this.end = timeline.steps;
  }

  get isWhole(): boolean {
    return this.first === 0 && this.end === this.timeline.steps;
  }

  /** Called after every change of what is shown. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Shows these steps, or the nearest that there are. */
  zoom(first: number, end: number): void {
    const { steps } = this.timeline;
    const width = Math.min(steps, Math.max(MIN_STEPS, Math.round(end) - Math.round(first)));
    this.first = Math.min(Math.max(0, Math.round(first)), steps - width);
    this.end = this.first + width;
    this.changed();
  }

  /** Shows `factor` times as many steps around one of them. */
  scale(factor: number, around: number): void {
    const width = (this.end - this.first) * factor;
    const share = (around - this.first) / (this.end - this.first);
    this.zoom(around - width * share, around + width * (1 - share));
  }

  reset(): void {
    this.zoom(0, this.timeline.steps);
  }

  toggle(gateway: number): void {
    if (!this.hidden.delete(gateway)) this.hidden.add(gateway);
    this.changed();
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  bins(most: number): Bins {
    return binsOf(this.first, this.end, most);
  }

  /** Seconds since midnight at the beginning of a step. */
  timeOf(step: number): number {
    return dayTime(this.timeline.fromUs + step * this.timeline.stepMs * 1000, this.timeline.fromUs);
  }

  /** Step, with a fraction, of seconds since midnight. */
  stepOf(time: number): number {
    return ((time - this.timeOf(0)) * 1000) / this.timeline.stepMs;
  }
}
