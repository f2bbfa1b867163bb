import type { CheckRow } from "../../config/check.js";
import type { PageReport } from "./additions.js";
import type { GridColumn, GridData, PageData, PageMark, PageTimeline } from "./client/page-data.js";
import { marksOf } from "./marks.js";
import { showable } from "./markup.js";
import { microseconds } from "./time.js";

/** Rows of the policy table that a page holds; `check` prints all. */
const MAX_POLICY_ROWS = 20_000;

/** What the page's script draws and searches. */
export function pageData(report: PageReport, policyTable: readonly CheckRow[]): PageData {
  const { gateways, timeline } = report;
  return {
    gateways: gateways.map(({ node, egressIP, portsLimit }) => ({
      node: showable(node),
      egressIP: showable(egressIP),
      portsLimit,
    })),
    ...(timeline && timeline.steps > 0 && { timeline: timelineOf(timeline) }),
    marks: marksOf(report).map((mark): PageMark => ({ ...mark, label: showable(mark.label) })),
    grids: { moved: movedGrid(report), policy: policyGrid(policyTable) },
  };
}

/** Data as the content of a script element: JSON in which no character can end the element. */
export function scriptJson(data: PageData): string {
  return JSON.stringify(data).replace(/</g, "\\u003c");
}

function timelineOf({ from, stepMs, steps, gateways, ...rest }: NonNullable<PageReport["timeline"]>): PageTimeline {
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

/** Broken and rebound connections, by time. */
function movedGrid({ broken, rebound }: PageReport): GridData {
  const rows = [
    ...broken.map((one) => ({ kind: "broken", us: microseconds(one.at), ...one })),
    ...rebound.map((one) => ({ kind: "rebound", us: microseconds(one.at), ...one })),
  ].sort((a, b) => a.us - b.us);
  const place = (gateway: { node: string; egressIP: string } | null) =>
    gateway ? `${gateway.node} ${gateway.egressIP}`.trim() : "nowhere";
  return {
    rows: rows.length,
    left: 0,
    columns: [
      { key: "at", title: "At (UTC)", values: rows.map(({ us }) => us) },
      repeating(
        "kind",
        "Kind",
        rows.map(({ kind }) => kind),
      ),
      { key: "tuple", title: "Connection", values: rows.map(({ fiveTuple }) => showable(fiveTuple)) },
      repeating(
        "from",
        "From",
        rows.map(({ from }) => place(from)),
      ),
      repeating(
        "to",
        "To",
        rows.map(({ to }) => place(to)),
      ),
      repeating(
        "cause",
        "Cause",
        rows.map(({ cause }) => cause),
      ),
      {
        ...repeating(
          "pod",
          "Pod",
          rows.map(({ fiveTuple }) => podOf(fiveTuple)),
        ),
        hidden: true,
      },
    ],
    filters: [
      { label: "Kind", kind: "choice", keys: ["kind"] },
      { label: "Gateway", kind: "choice", keys: ["from", "to"] },
      { label: "Cause", kind: "choice", keys: ["cause"] },
      { label: "Pod address", kind: "prefix", keys: ["pod"] },
    ],
  };
}

/** The endpoint's address in `tcp 10.1.2.3:4000 -> …`, `icmp 10.1.2.3 -> …` or `tcp 2001:db8::1:4000 -> …`. */
function podOf(fiveTuple: string): string {
  const socket = /^\S+ (\S+)/.exec(fiveTuple)?.[1] ?? "";
  const address = fiveTuple.startsWith("icmp") ? socket : socket.replace(/:\d+$/, "");
  return address.replace(/^\[|\]$/g, "");
}

function policyGrid(all: readonly CheckRow[]): GridData {
  const rows = all.slice(0, MAX_POLICY_ROWS);
  const health = ({ health: state, active }: CheckRow) =>
    state === undefined ? "–" : active ? state : `${state}, standby`;
  const column = (key: string, title: string, text: (row: CheckRow) => string) => repeating(key, title, rows.map(text));
  return {
    rows: rows.length,
    left: all.length - rows.length,
    columns: [
      column("source", "Source IP", ({ sourceIP }) => sourceIP),
      column("endpoint", "Pod", ({ endpoint }) => endpoint),
      column("destination", "Destination CIDR", ({ destinationCIDR }) => destinationCIDR),
      column("egress", "Egress IP", ({ egressIP, assumed }) => (assumed ? `${egressIP} (assumed)` : egressIP)),
      column("gateway", "Gateway IP", ({ gatewayIP }) => gatewayIP),
      column("node", "Gateway", ({ gatewayNode }) => gatewayNode ?? "–"),
      column("zone", "Zone", ({ zone }) => zone ?? "–"),
      column("health", "Health", health),
      column("policy", "Policy", ({ policy }) => policy),
      column("note", "Note", ({ note }) => note ?? ""),
    ],
    filters: [
      { label: "Policy", kind: "choice", keys: ["policy"] },
      { label: "Gateway", kind: "choice", keys: ["node"] },
    ],
  };
}

/** A column whose texts are kept once each. */
function repeating(key: string, title: string, cells: readonly string[]): GridColumn {
  const places = new Map<string, number>();
  const values = cells.map((cell) => {
    const text = showable(cell);
    const known = places.get(text);
    if (known !== undefined) return known;
    places.set(text, places.size);
    return places.size - 1;
  });
  return { key, title, values, texts: [...places.keys()] };
}
