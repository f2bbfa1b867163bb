import type { Chart } from "./chart.js";
import { clockText, digitsFor, spanText } from "./clock.js";
import { element, placeAt } from "./dom.js";
import { paintSwatches, rowSwatch } from "./swatch.js";

/** Rows of a tooltip at most. */
const MOST_ROWS = 13;
/** CSS pixels between the cursor and the tooltip. */
const APART = 12;
const LEAP = 10;

/**
 * The cursor of a chart: follows the pointer and the arrow keys, and says what the bin below it holds. To assistive technology the chart
 * is a slider over time.
 */
export class ChartCursor {
  readonly #chart: Chart;
  readonly #tip = element("div", { class: "tip", "aria-hidden": "true" });
  #bin = 0;

  constructor(chart: Chart) {
    this.#chart = chart;
    const { place, spec } = chart;
    place.append(this.#tip);
    const hint = "left and right: move; plus and minus: zoom; escape: all";
    const attributes = { tabindex: "0", role: "slider", "aria-label": spec.title, title: "", "aria-description": hint };
    for (const [name, value] of Object.entries(attributes)) if (value !== "") place.setAttribute(name, value);
    place.addEventListener("keydown", (event) => this.#key(event));
    place.addEventListener("focus", () => place.matches(":focus-visible") && this.#to(this.#bin));
    place.addEventListener("blur", () => this.#leave());
    place.addEventListener("pointerleave", () => this.#leave());
    this.#tip.hidden = true;
  }

  /** The bins have changed. */
  update(): void {
    this.#bin = Math.min(this.#bin, this.#chart.bins.count - 1);
    this.#describe();
  }

  /** The cursor of the plot has moved, by the pointer here or on another chart, or by keys. */
  moved(): void {
    const { plot, view, bins, place } = this.#chart;
    const { left = -1 } = plot.cursor;
    if (left < 0 || !(place.matches(":hover") || document.activeElement === place)) {
      this.#tip.hidden = true;
      return;
    }
    const step = view.stepOf(plot.posToVal(left, "x"));
    this.#bin = Math.min(bins.count - 1, Math.max(0, Math.floor((step - bins.first) / bins.width)));
    this.#describe();
    this.#show(left);
  }

  #key(event: KeyboardEvent): void {
    const { bins } = this.#chart;
    const around = bins.first + (this.#bin + 0.5) * bins.width;
    const leap = event.shiftKey ? LEAP : 1;
    const moves: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => this.#to(this.#bin - leap),
      ArrowRight: () => this.#to(this.#bin + leap),
      PageDown: () => this.#to(this.#bin - LEAP),
      PageUp: () => this.#to(this.#bin + LEAP),
      Home: () => this.#to(0),
      End: () => this.#to(bins.count - 1),
      "+": () => this.#zoom(0.5, around),
      "=": () => this.#zoom(0.5, around),
      "-": () => this.#zoom(2, around),
      Escape: () => this.#zoom(Number.POSITIVE_INFINITY, around),
    };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move();
  }

  #zoom(factor: number, around: number): void {
    const { view } = this.#chart;
    if (factor === Number.POSITIVE_INFINITY) view.reset();
    else view.scale(factor, around);
    const { bins } = this.#chart;
    this.#to(Math.floor((around - bins.first) / bins.width));
  }

  /** Moves to the middle of a bin. */
  #to(bin: number): void {
    const { bins, view, plot } = this.#chart;
    this.#bin = Math.min(bins.count - 1, Math.max(0, bin));
    const from = Math.max(view.first, bins.first + this.#bin * bins.width);
    const until = Math.min(view.end, bins.first + (this.#bin + 1) * bins.width);
    plot.setCursor({ left: plot.valToPos(view.timeOf((from + until) / 2), "x"), top: 0 });
  }

  #leave(): void {
    if (document.activeElement === this.#chart.place && this.#chart.place.matches(":focus-visible")) return;
    this.#tip.hidden = true;
    this.#chart.plot.setCursor({ left: -10, top: -10 });
  }

  #describe(): void {
    const { place, bins } = this.#chart;
    place.setAttribute("aria-valuemin", "1");
    place.setAttribute("aria-valuemax", String(bins.count));
    place.setAttribute("aria-valuenow", String(this.#bin + 1));
    const rows = this.#rows().map(({ label, text }) => `${label} ${text}`);
    place.setAttribute(
      "aria-valuetext",
      [this.#title(), ...(rows.length > 0 ? rows : ["nothing"]), ...this.#marks()].join("; "),
    );
  }

  #show(left: number): void {
    const { plot, spec, rows } = this.#chart;
    const shown = this.#rows();
    const lines = shown
      .slice(0, MOST_ROWS)
      .map(({ row, label, text }) =>
        element("div", { class: "tip-row" }, rowSwatch(row), element("span", {}, label), element("b", {}, text)),
      );
    const sum = rows.reduce((so, { values }) => so + values[this.#bin]!, 0);
    if (spec.stacked && shown.length > 1)
      lines.push(
        element("div", { class: "tip-row sum" }, element("span", {}, "together"), element("b", {}, spec.text(sum))),
      );
    if (lines.length === 0) lines.push(element("div", { class: "dim" }, "nothing"));
    const marks = this.#marks().map((text) => element("div", { class: "tip-mark" }, text));
    this.#tip.replaceChildren(element("div", { class: "tip-time" }, this.#title()), ...lines, ...marks);
    this.#tip.hidden = false;
    paintSwatches(this.#tip);
    const [x, width] = [left + plot.over.offsetLeft, this.#tip.offsetWidth];
    const room = this.#chart.place.clientWidth;
    const right = x + APART + width <= room ? x + APART : x - APART - width;
    placeAt(this.#tip, Math.max(0, Math.min(right, room - width)), plot.over.offsetTop + 4);
  }

  #title(): string {
    const { bins, view } = this.#chart;
    const widthMs = bins.width * view.timeline.stepMs;
    const from = view.timeOf(bins.first + this.#bin * bins.width);
    return `${clockText(from, digitsFor(widthMs / 1000))} + ${spanText(widthMs)}`;
  }

  /** Rows that are not zero, the upper ones of a stack first. */
  #rows() {
    const { rows, spec } = this.#chart;
    const found = rows
      .map((row) => ({
        row,
        label: row.label,
        value: row.values[this.#bin] ?? 0,
        text: spec.text(row.values[this.#bin] ?? 0),
      }))
      .filter(({ value }) => value > 0);
    return spec.stacked ? found.reverse() : found;
  }

  #marks(): string[] {
    const { marks, bins, view } = this.#chart;
    const from = view.timeOf(bins.first + this.#bin * bins.width);
    const until = view.timeOf(bins.first + (this.#bin + 1) * bins.width);
    return marks.filter(({ time }) => time >= from && time < until).map(({ label }) => label);
  }
}
