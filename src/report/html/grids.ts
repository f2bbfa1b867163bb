import type { ReplayReport } from "../../replay/report-types.js";
import { count } from "../units.js";
import type { GridData } from "./client/page-data.js";
import { html, type Markup } from "./markup.js";
import type { PageSection } from "./section.js";

/** Broken and rebound connections; undefined where none is. */
export function movedSection({ broken, rebound, connections }: ReplayReport, grid: GridData): PageSection | undefined {
  if (grid.rows === 0) return undefined;
  const unlisted = connections.broken + connections.rebound - broken.length - rebound.length;
  const rest =
    unlisted > 0 ? html` The first ones of each kind are listed; ${count(unlisted)} more are counted only.` : undefined;
  const body = html`<p>TCP and SCTP connections break when their external address or port changes; UDP and ICMP go on under another one and are rebound.${rest}</p>
${gridMarkup("moved", "Broken and rebound connections", grid)}`;
  return { id: "moved", short: "Broken", title: "Broken and rebound connections", body };
}

/** Who leaves by which address; undefined where the page was given no table. */
export function policySection(grid: GridData): PageSection | undefined {
  if (grid.rows === 0) return undefined;
  const body = html`<p>One row per pod address, destination and gateway, as <code>sluicegate check</code> prints them for the manifests at the start.</p>
${gridMarkup("policy", "Policy table", grid)}`;
  return { id: "policy", short: "Policy", title: "Policy table", body };
}

/** The place that the script's `Grid` fills. @param name also its class, `grid-NAME` */
export function gridMarkup(name: string, label: string, grid: GridData): Markup {
  const heads = grid.columns
    .filter(({ hidden }) => !hidden)
    .map(
      ({ key, title }) =>
        html`<div role="columnheader" aria-sort="none" data-key="${key}" class="c-${key}"><button type="button">${title}</button></div>`,
    );
  return html`<div class="grid grid-${name}" data-grid="${name}">
<div class="tools" role="search" aria-label="${label}"><label class="search"><span>Search</span><input type="search" autocomplete="off" spellcheck="false" placeholder="any words"></label><output class="count" aria-live="polite"></output></div>
<div class="frame" role="grid" tabindex="0" aria-label="${label}" aria-colcount="${heads.length}" aria-readonly="true">
<div role="rowgroup"><div role="row" class="row head" aria-rowindex="1">${heads}</div></div>
<div role="rowgroup" class="rows"></div></div>
<div class="detail" aria-live="polite" hidden></div>
<noscript><p class="warn">This table needs JavaScript; its rows are in report.json.</p></noscript></div>`;
}
