import { startCharts } from "./charts.js";
import { Grid } from "./grid.js";
import { startLinks } from "./links.js";
import type { PageData } from "./page-data.js";
import { startSorting } from "./sort.js";
import { paintSwatches } from "./swatch.js";
import { startTheme } from "./theme.js";

const data = JSON.parse(document.getElementById("data")!.textContent!) as PageData;
startSorting();
startLinks();
let repaintCharts = () => {};
startTheme(() => {
  repaintCharts();
  paintSwatches(document);
});
repaintCharts = startCharts(data);
paintSwatches(document);
for (const place of document.querySelectorAll<HTMLElement>("[data-grid]")) {
  const name = place.dataset.grid!;
  const grid = data.grids[name];
  if (grid) new Grid(place, name, grid);
}
