import { count } from "../units.js";
import type { PageReport } from "./additions.js";
import { stateLanes } from "./lanes.js";
import { eventText } from "./marks.js";
import { html, type Markup } from "./markup.js";
import { columns, number, type PageSection } from "./section.js";
import { sortableTable } from "./table.js";
import { microseconds, shownTime } from "./time.js";

/** What happened to gateways and what it cost; undefined where nothing did. */
export function failoverSection(report: PageReport): PageSection | undefined {
  const { failovers, healthTransitions = [], drains = [], scenario } = report;
  if (failovers.length + healthTransitions.length + drains.length === 0 && !scenario) return undefined;
  const body = html`${failoverTable(report)}${stateLanes(report)}${drainTable(drains)}${transitionTable(healthTransitions)}${scenarioTable(scenario)}`;
  return { id: "failover", short: "Failover", title: "Failover, health and drains", body };
}

function failoverTable({ failovers }: PageReport): Markup | undefined {
  if (failovers.length === 0) return html`<p>No gateway was lost.</p>`;
  const rows = failovers.map((one) => [
    one.node,
    eventText(one.event),
    shownTime(one.at),
    one.detectedAt === "" ? { show: html`<span class="warn">nobody noticed</span>` } : shownTime(one.detectedAt),
    delay(one.at, one.detectedAt),
    number(one.lostFrames),
    number(one.brokenConnections),
    number(one.rebound ?? 0),
  ]);
  const heads = columns("Node", "Event", "At (UTC)", "Detected at", "After#", "Lost frames#", "Broken#", "Rebound#");
  return sortableTable("Failovers", heads, rows);
}

function transitionTable(transitions: NonNullable<PageReport["healthTransitions"]>): Markup | undefined {
  if (transitions.length === 0) return undefined;
  const rows = transitions.map(({ node, what, at, causeAt }) => [
    shownTime(at),
    node || "–",
    eventText(what),
    causeAt === undefined ? "" : shownTime(causeAt),
    causeAt === undefined ? "" : delay(causeAt, at),
  ]);
  const heads = columns("At (UTC)", "Node", "What", "Because of", "After#");
  return html`<h3>Health transitions</h3>${sortableTable("Health transitions", heads, rows)}`;
}

function drainTable(drains: NonNullable<PageReport["drains"]>): Markup | undefined {
  if (drains.length === 0) return undefined;
  const rows = drains.map(({ node, from, connectionsAtStart, ranDryAt, stillLive }) => [
    node,
    shownTime(from),
    number(connectionsAtStart),
    ranDryAt === null ? { show: html`<span class="warn">not yet</span>` } : shownTime(ranDryAt),
    ranDryAt === null ? "" : delay(from, ranDryAt),
    number(stillLive),
  ]);
  const heads = columns(
    "Node",
    "Drained from (UTC)",
    "Connections then#",
    "Ran dry at",
    "After#",
    "Still live at the end#",
  );
  return html`<h3>Drains</h3>${sortableTable("Drains", heads, rows)}`;
}

function scenarioTable(scenario: PageReport["scenario"]): Markup | undefined {
  if (!scenario || scenario.events.length === 0) return undefined;
  const rows = scenario.events.map(({ at, node, event }) => [
    /^\d{4}-/.test(at) ? shownTime(at) : at,
    node ?? "–",
    eventText(event),
  ]);
  return html`<h3>What the scenario says</h3><p>${count(rows.length)} events of <b>${scenario.name}</b> (<code>${scenario.file}</code>).</p>
${sortableTable("Events of the scenario", columns("At", "Node", "Event"), rows)}`;
}

/** Time between two times of a report, as a cell that sorts by it; empty where one of them is none. */
function delay(from: string, until: string) {
  const us = microseconds(until) - microseconds(from);
  if (!Number.isFinite(us)) return "";
  return { show: `${(us / 1e6).toFixed(3)} s`, sort: us };
}
