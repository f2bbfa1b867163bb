import { type Bins, stacked } from "./binning.js";
import { ChartCursor } from "./chart-cursor.js";
import { clockText, digitsFor } from "./clock.js";
import { drawLimit, drawMarks, type PlacedMark } from "./marks.js";
import { colour, gatewayColour, gatewayDash, gatewayFill, patternFill } from "./palette.js";
import type { ChartRow, ChartSpec } from "./series.js";
import type { TimelineView } from "./view.js";

/** CSS pixels that a bin takes at least. */
const MIN_BIN = 5;
const Y_AXIS = 58;
const LABEL_HALF = 24;
const INCREMENTS = [1e-6, 1e-5, 1e-4, 1e-3]
  .flatMap((unit) => [unit, 2 * unit, 5 * unit])
  .concat([
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200,
    86_400,
  ]);

/** One chart over the timeline: stacked areas or lines, marks, a cursor for pointer and keys. */
export class Chart {
  readonly spec: ChartSpec;
  readonly view: TimelineView;
  readonly marks: readonly PlacedMark[];
  /** What is drawn, in the order of the legend. */
  rows: readonly ChartRow[] = [];
  bins: Bins;
  /** The scale goes up to the limit even where the data do not. */
  upToLimit = false;
  readonly plot: uPlot;
  readonly place: HTMLElement;
  readonly #cursor: ChartCursor;

  constructor(place: HTMLElement, spec: ChartSpec, view: TimelineView, marks: readonly PlacedMark[]) {
    this.spec = spec;
    this.view = view;
    this.marks = marks;
    this.place = place;
    this.bins = view.bins(1);
    this.rows = this.spec.rows(this.bins);
    this.plot = new uPlot(this.#options(), this.#data(), place);
    this.#cursor = new ChartCursor(this);
    new ResizeObserver(() => this.update()).observe(place);
    this.update();
  }

  /** Takes over what the view shows now, and the width that there is. */
  update(): void {
    const width = Math.max(200, Math.floor(this.place.clientWidth));
    if (width !== this.plot.width) this.plot.setSize({ width, height: this.spec.height });
    this.bins = this.view.bins(Math.max(8, Math.floor((width - Y_AXIS) / MIN_BIN)));
    this.rows = this.spec
      .rows(this.bins)
      .map((row) => (this.#isHidden(row) ? { ...row, values: row.values.map(() => 0) } : row));
    this.plot.batch(() => {
      this.plot.setData(this.#data(), false);
      this.plot.setScale("x", { min: this.view.timeOf(this.view.first), max: this.view.timeOf(this.view.end) });
    });
    this.#cursor.update();
  }

  /** Draws the same again: the colours have changed. */
  repaint(): void {
    this.plot.redraw(false, true);
  }

  /** Highest of what is drawn, over all bins. */
  peak(): number {
    const rows = this.spec.stacked
      ? stacked(this.rows.map(({ values }) => values)).slice(-1)
      : this.rows.map(({ values }) => values);
    return Math.max(0, ...rows.map((row) => Math.max(...row)));
  }

  #isHidden({ gateway }: ChartRow): boolean {
    return gateway !== undefined && this.view.hidden.has(gateway);
  }

  /** Areas are drawn from the top of the stack down, each over the one before; a last point closes the last bin. */
  #data(): uPlot.AlignedData {
    const { first, width, count, end } = this.bins;
    const times = Array.from({ length: count }, (_, bin) => this.view.timeOf(first + bin * width));
    const values = this.rows.map((row) => row.values);
    const rows = this.spec.stacked ? stacked(values).reverse() : values;
    return [[...times, this.view.timeOf(end)], ...rows.map((row) => [...row, row.at(-1) ?? 0])];
  }

  #options(): uPlot.Options {
    const paths = uPlot.paths.stepped!({ align: 1 });
    const rows = this.spec.stacked ? [...this.rows].reverse() : this.rows;
    return {
      width: Math.max(200, this.place.clientWidth),
      height: this.spec.height,
      padding: [18, 10, 0, 0],
      legend: { show: false },
      scales: { x: { time: false, auto: false }, y: { range: (_, __, max) => [0, this.#top(max)] } },
      axes: this.#axes(),
      series: [{}, ...rows.map((row) => this.#series(row, paths))],
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false },
        sync: { key: "timeline", filters: { sub: (type) => type === "mousemove" || type === "mouseleave" } },
        bind: { dblclick: () => () => this.#reset() },
      },
      hooks: {
        setCursor: [() => this.#cursor?.moved()],
        setSelect: [(u) => this.#selected(u)],
        draw: [
          (u) => {
            drawMarks(u, this.marks);
            if (this.spec.limit !== undefined) drawLimit(u, this.spec.limit);
          },
        ],
      },
    };
  }

  #axes(): uPlot.Axis[] {
    const common = {
      stroke: () => colour("--dim"),
      font: "11px system-ui, sans-serif",
      grid: { stroke: () => colour("--line"), width: 1 },
      ticks: { stroke: () => colour("--line"), width: 1, size: 4 },
    };
    return [
      {
        ...common,
        size: 28,
        space: 84,
        incrs: INCREMENTS,
        values: (u, splits, _, __, increment) =>
          splits.map((time) => (fits(u, time) ? clockText(time, digitsFor(increment)) : "")),
      },
      {
        ...common,
        size: Y_AXIS,
        space: 24,
        ...(this.spec.increments && { incrs: this.spec.increments }),
        values: (_, splits) => splits.map((value) => this.spec.short(value)),
      },
    ];
  }

  #series({ gateway, tint }: ChartRow, paths: uPlot.Series.PathBuilder): uPlot.Series {
    const ground = () => (tint ? colour(tint[0]) : gatewayColour(gateway!));
    const base = { paths, stroke: ground, points: { show: false } };
    if (!this.spec.stacked) return { ...base, width: 1.75, dash: gatewayDash(gateway!) };
    const fill = () => (tint ? patternFill(ground(), tint[1], uPlot.pxRatio) : gatewayFill(gateway!, uPlot.pxRatio));
    return { ...base, width: 0, fill };
  }

  #top(max: number): number {
    const { limit = 0 } = this.spec;
    return Math.max(1, (max ?? 0) * 1.06, this.upToLimit ? limit * 1.06 : 0);
  }

  #reset(): null {
    this.view.reset();
    return null;
  }

  #selected(u: uPlot): void {
    const { left, width } = u.select;
    if (width < MIN_BIN) return;
    const [from, to] = [left, left + width].map((x) => this.view.stepOf(u.posToVal(x, "x")));
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.view.zoom(Math.floor(from!), Math.ceil(to!));
  }
}

/** A label in the middle below its place would not be cut off at the right edge. Asked before the plot has its place: its width is a guess. */
function fits(u: uPlot, time: number): boolean {
  const { min, max } = u.scales.x!;
  return (max! - time) / (max! - min!) >= LABEL_HALF / (u.width - Y_AXIS);
}
