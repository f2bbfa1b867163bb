import type { DemoReport } from "../../demo/report-types.js";
import { clock, demoLogLines } from "../demo-log.js";
import { LIST_TITLES, outcomeLines } from "../demo-view.js";
import { html } from "./markup.js";
import { columns, number, type PageSection } from "./section.js";
import { type Cell, sortableTable } from "./table.js";

/** What a demonstration adds to the page of its replay: how it ended, the monitor's log, rates by minute, who was eligible when. */
export function demoSections(report: DemoReport): PageSection[] {
  return [monitorSection(report), rateSection(report), eligibleSection(report)];
}

function monitorSection(report: DemoReport): PageSection {
  const log = demoLogLines(report, { colour: false, verbose: false }).map((line) => line.trimStart());
  const body = html`<ul>${outcomeLines(report).map((line) => html`<li>${line}</li>`)}</ul>
<h3>Its log</h3><p class="dim">When a request was sent, the address that the server saw, the gateway that has it, and how long the answer took. Stretches in which nothing turns are folded.</p>
<pre tabindex="0">${log.join("\n")}</pre>`;
  return { id: "monitor", short: "Monitor", title: "What the monitor saw", body };
}

function rateSection(report: DemoReport): PageSection {
  const heads = columns("From (UTC)", ...report.gateways.map(({ node }) => `${node}#`), "All#", "Lost requests#");
  const rows = report.rates.map(({ fromMs, seconds, answered, lost }) => {
    const all = answered.reduce((sum, n) => sum + n, 0);
    return [clock(report, fromMs).slice(0, 8), ...[...answered, all].map((n) => rate(n / seconds)), number(lost)];
  });
  const body = html`<p>By the minute in which they were asked for.</p>${sortableTable("Answers a second", heads, rows)}`;
  return { id: "rates", short: "Rates", title: "Answers a second", body };
}

function rate(perSecond: number): Cell {
  return { show: perSecond.toFixed(2), sort: perSecond };
}

function eligibleSection(report: DemoReport): PageSection {
  const heads = columns("Source IP", "Destination CIDR", "Egress IP", "Gateway IP", "Gateway");
  const tables = report.egressLists.map(({ when, atMs, rows }) => {
    const cells = rows.map((row) => [row.sourceIP, row.destinationCIDR, row.egressIP, row.gatewayIP, row.gateway]);
    const title = `list egress ${LIST_TITLES[when]}, from ${clock(report, atMs)} on`;
    return html`<h3>${title}</h3>${sortableTable(title, heads, cells)}`;
  });
  return { id: "eligible", short: "list egress", title: "Who takes new connections", body: html`${tables}` };
}
