import type { CheckRow } from "../../config/check.js";
import type { ReplayReport } from "../../replay/report-types.js";
import type { PageData, PageMark, PageTimeline } from "./client/page-data.js";
import { movedGrid, policyGrid } from "./grid-data.js";
import { marksOf } from "./marks.js";
import { showable } from "./markup.js";
import { microseconds } from "./time.js";

/** What the page's script draws and searches. */
export function pageData(report: ReplayReport, policyTable: readonly CheckRow[]): PageData {
  const { gateways, timeline } = report;
  return {
    gateways: gateways.map(({ node, egressIP, portsLimit }) => ({
      node: showable(node),
      egressIP: showable(egressIP),
      portsLimit,
    })),
    ...(timeline.steps > 0 && { timeline: timelineOf(timeline) }),
    marks: marksOf(report).map((mark): PageMark => ({ ...mark, label: showable(mark.label) })),
    grids: { moved: movedGrid(report), policy: policyGrid(policyTable) },
  };
}

/** Data as the content of a script element: JSON in which no character can end the element. */
export function scriptJson(data: PageData): string {
  return JSON.stringify(data).replace(/</g, "\\u003c");
}

function timelineOf({ from, stepMs, steps, gateways, ...rest }: ReplayReport["timeline"]): PageTimeline {
  const { lost, broken, rebound } = rest;
  return {
    fromUs: microseconds(from),
    stepMs,
    steps,
    gateways: gateways.map(({ gateway, connections, bytes, ports }) => ({ gateway, connections, bytes, ports })),
    lost,
    broken,
    rebound,
  };
}
