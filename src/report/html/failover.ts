import type { ReplayReport } from "../../replay/report-types.js";
import { stateLanes } from "./lanes.js";
import { eventText, happenings } from "./marks.js";
import { html, type Markup } from "./markup.js";
import { columns, number, type PageSection } from "./section.js";
import { sortableTable } from "./table.js";
import { microseconds, shownTime } from "./time.js";

/** What happened to gateways and what it cost; undefined where nothing did. */
export function failoverSection(report: ReplayReport): PageSection | undefined {
  const { failovers, healthTransitions, drains, scenario } = report;
  if (failovers.length + healthTransitions.length + drains.length === 0 && !scenario) return undefined;
  const body = html`${failoverTable(report)}${stateLanes(report)}${drainTable(drains)}${happeningTable(report)}`;
  return { id: "failover", short: "Failover", title: "Failover, health and drains", body };
}

function failoverTable({ failovers }: ReplayReport): Markup | undefined {
  if (failovers.length === 0) return html`<p>No gateway was lost.</p>`;
  const rows = failovers.map((one) => [
    one.node,
    eventText(one.event),
    shownTime(one.at),
    one.detectedAt === "" ? { show: html`<span class="warn">nobody noticed</span>` } : shownTime(one.detectedAt),
    delay(one.at, one.detectedAt),
    number(one.lostFrames),
    number(one.brokenConnections),
    number(one.rebound),
  ]);
  const heads = columns("Node", "Event", "At (UTC)", "Detected at", "After#", "Lost frames#", "Broken#", "Rebound#");
  return sortableTable("Failovers", heads, rows);
}

/** Events and what came of them, in one table. */
function happeningTable(report: ReplayReport): Markup | undefined {
  const all = happenings(report);
  if (all.length === 0) return undefined;
  const causes = new Map(
    report.healthTransitions.map(({ node, what, at, causeAt }) => [`${at} ${what} ${node}`, causeAt]),
  );
  const rows = all.map(({ node, what, at }) => {
    const cause = causes.get(`${at} ${what} ${node}`);
    return [shownTime(at), node || "–", eventText(what), cause === undefined ? "" : delay(cause, at)];
  });
  const heads = columns("At (UTC)", "Node", "What", "After its cause#");
  return html`<h3>What happened</h3>${sortableTable("What happened", heads, rows)}`;
}

function drainTable(drains: ReplayReport["drains"]): Markup | undefined {
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

/** Time between two times of a report, as a cell that sorts by it; empty where one of them is none. */
function delay(from: string, until: string) {
  const us = microseconds(until) - microseconds(from);
  if (!Number.isFinite(us)) return "";
  return { show: `${(us / 1e6).toFixed(3)} s`, sort: us };
}
