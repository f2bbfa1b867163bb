import { binsOf } from "./binning.js";
import { Chart } from "./chart.js";
import { clockText, digitsFor, spanText } from "./clock.js";
import { element } from "./dom.js";
import { placedMarks } from "./marks.js";
import type { PageData } from "./page-data.js";
import { type ChartSpec, chartSpecs, type GatewayRows, gatewayRows } from "./series.js";
import { paintSwatches, rowSwatch } from "./swatch.js";
import { TimelineView } from "./view.js";

/** Rows of a chart's table at most. */
const TABLE_ROWS = 60;
/** Share of the limit from which on the port chart shows the limit by itself. */
const NEAR_LIMIT = 0.1;

/** Draws the charts of the page. @returns what draws them again after a change of colours or of the room for them */
export function startCharts(data: PageData): () => void {
  const { timeline } = data;
  if (!timeline) return () => {};
  const view = new TimelineView(timeline);
  const marks = placedMarks(data.marks, view);
  const rows = gatewayRows(data);
  const limit = Math.max(0, ...data.gateways.map(({ portsLimit }) => portsLimit));
  const charts: Chart[] = [];
  for (const [name, spec] of Object.entries(chartSpecs(timeline, rows, limit))) {
    const figure = document.querySelector<HTMLElement>(`[data-chart=${name}]`);
    if (!figure) continue;
    const chart = new Chart(figure.querySelector<HTMLElement>(".plot")!, spec, view, marks);
    charts.push(chart);
    textTable(figure, spec, view);
    if (spec.limit !== undefined) limitSwitch(figure, chart, spec.limit);
  }
  view.onChange(() => {
    for (const chart of charts) chart.update();
  });
  legend(rows, view);
  controls(view, charts);
  view.changed();
  return () => {
    for (const chart of charts) {
      chart.update();
      chart.repaint();
    }
  };
}

/** One button per gateway: pressed = shown. */
function legend(rows: readonly GatewayRows[], view: TimelineView): void {
  const place = document.querySelector(".legend");
  for (const row of rows) {
    const button = element(
      "button",
      { type: "button", "aria-pressed": "true" },
      rowSwatch({ ...row, values: [] }),
      row.label,
    );
    button.addEventListener("click", () => {
      view.toggle(row.gateway);
      button.setAttribute("aria-pressed", String(!view.hidden.has(row.gateway)));
    });
    place?.append(button);
  }
}

/** Buttons that zoom, and the line that says what is shown. */
function controls(view: TimelineView, charts: readonly Chart[]): void {
  const middle = () => (view.first + view.end) / 2;
  const acts: Readonly<Record<string, () => void>> = {
    in: () => view.scale(0.5, middle()),
    out: () => view.scale(2, middle()),
    earlier: () => view.zoom(view.first - (view.end - view.first) / 2, view.end - (view.end - view.first) / 2),
    later: () => view.zoom(view.first + (view.end - view.first) / 2, view.end + (view.end - view.first) / 2),
    all: () => view.reset(),
  };
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-zoom]")) {
    button.addEventListener("click", acts[button.dataset.zoom!]!);
  }
  view.onChange(() => {
    const binMs = (charts[0]?.bins.width ?? 1) * view.timeline.stepMs;
    const digits = digitsFor(view.timeline.stepMs / 1000);
    const [from, until] = [view.first, view.end].map((step) => clockText(view.timeOf(step), digits));
    document.querySelector(".shown")!.textContent = `${from} to ${until} UTC, in bins of ${spanText(binMs)}`;
  });
}

function limitSwitch(figure: HTMLElement, chart: Chart, limit: number): void {
  const button = figure.querySelector<HTMLButtonElement>("button[data-limit]");
  if (!button) return;
  chart.upToLimit = chart.peak() >= limit * NEAR_LIMIT;
  button.setAttribute("aria-pressed", String(chart.upToLimit));
  button.addEventListener("click", () => {
    chart.upToLimit = !chart.upToLimit;
    button.setAttribute("aria-pressed", String(chart.upToLimit));
    chart.update();
  });
}

/** The chart as a table, made when somebody opens it. */
function textTable(figure: HTMLElement, spec: ChartSpec, view: TimelineView): void {
  const details = figure.querySelector("details")!;
  const fill = () => {
    if (!details.open) return;
    details.querySelector(".wide")!.replaceChildren(tableOf(spec, view));
    paintSwatches(details);
  };
  details.addEventListener("toggle", fill);
  view.onChange(fill);
}

function tableOf(spec: ChartSpec, view: TimelineView): HTMLTableElement {
  const bins = binsOf(view.first, view.end, TABLE_ROWS);
  const rows = spec.rows(bins);
  const digits = digitsFor((bins.width * view.timeline.stepMs) / 1000);
  const heads = rows.map((row) => element("th", { scope: "col", class: "n" }, rowSwatch(row), row.label));
  const lines = Array.from({ length: bins.count }, (_, bin) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, clockText(view.timeOf(bins.first + bin * bins.width), digits)),
      ...rows.map(({ values }) => element("td", { class: "n" }, spec.text(values[bin]!))),
    ),
  );
  const head = element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "From (UTC)"), ...heads));
  return element("table", {}, element("caption", {}, spec.title), head, element("tbody", {}, ...lines));
}
