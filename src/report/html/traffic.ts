import type { ReplayReport } from "../../replay/report-types.js";
import { html, type Markup } from "./markup.js";
import type { PageSection } from "./section.js";

const ZOOMS = [
  ["earlier", "◀", "Earlier"],
  ["later", "▶", "Later"],
  ["in", "+", "Zoom in"],
  ["out", "−", "Zoom out"],
  ["all", "All", "Show all"],
] as const;

/** Places of the charts over time; the page's script draws them. */
export function trafficSection({ timeline, frames, connections }: ReplayReport): PageSection | undefined {
  if (timeline.steps === 0) return undefined;
  const limit = html`<button type="button" data-limit aria-pressed="false">Scale to the limit</button>`;
  const moved = connections.broken + connections.rebound > 0;
  const body = html`<div class="chart-bar"><div class="legend" role="group" aria-label="Gateways that are shown"></div>
<div class="zoom" role="group" aria-label="Part of the time that is shown">${ZOOMS.map(([act, sign, name]) => html`<button type="button" data-zoom="${act}" aria-label="${name}" title="${name}">${sign}</button>`)}</div></div>
<p class="dim"><span class="shown"></span>. <span class="hint">Drag over a chart to zoom; a chart that has the focus follows the arrow keys, plus, minus and escape.</span></p>
${chart("connections", "Connections opened", "per second, by gateway")}
${chart("bytes", "Bytes sent", "per second, by gateway")}
${frames.lost > 0 ? chart("lost", "Frames lost", "sent to a gateway that was not there") : html`<p>No frame was lost.</p>`}
${moved ? chart("moved", "Connections broken and rebound", "by when they showed it") : html`<p>No connection broke or was rebound.</p>`}
${chart("ports", "NAT ports in use", "most toward one remote, port and protocol, by gateway", limit)}
<noscript><p class="warn">The charts need JavaScript; every number is in report.json.</p></noscript>`;
  return { id: "traffic", short: "Over time", title: "Over time", body };
}

function chart(name: string, title: string, unit: string, tool?: Markup): Markup {
  return html`<figure class="chart" data-chart="${name}"><figcaption><b>${title}</b> <span class="dim">${unit}</span>${tool}</figcaption>
<div class="plot"></div>
<details><summary>As a table</summary><div class="wide" tabindex="0" role="region" aria-label="${title} as a table"></div></details></figure>
`;
}
