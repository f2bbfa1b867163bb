import type { CheckRow } from "../../config/check.js";
import type { ReplayReport } from "../../replay/report-types.js";
import type { GridColumn, GridData } from "./client/page-data.js";
import { showable } from "./markup.js";
import { microseconds } from "./time.js";

/** Rows of the policy table that a page holds; `check` prints all. */
const MAX_POLICY_ROWS = 20_000;

/** Broken and rebound connections, by time. */
export function movedGrid({ broken, rebound }: ReplayReport): GridData {
  const rows = [
    ...broken.map((one) => ({ kind: "broken", us: microseconds(one.at), ...one })),
    ...rebound.map((one) => ({ kind: "rebound", us: microseconds(one.at), ...one })),
  ].sort((a, b) => a.us - b.us);
  const column = columnsOf(rows);
  return {
    rows: rows.length,
    left: 0,
    columns: [
      { key: "at", title: "At (UTC)", values: rows.map(({ us }) => us) },
      column("kind", "Kind", ({ kind }) => kind),
      { key: "tuple", title: "Connection", values: rows.map(({ fiveTuple }) => showable(fiveTuple)) },
      column("from", "From", ({ from }) => placeOf(from)),
      column("to", "To", ({ to }) => placeOf(to)),
      column("cause", "Cause", ({ cause }) => cause),
      { ...column("pod", "Pod", ({ fiveTuple }) => podOf(fiveTuple)), hidden: true },
    ],
    filters: [
      { label: "Kind", kind: "choice", keys: ["kind"] },
      { label: "Gateway", kind: "choice", keys: ["from", "to"] },
      { label: "Cause", kind: "choice", keys: ["cause"] },
      { label: "Pod address", kind: "prefix", keys: ["pod"] },
    ],
  };
}

function placeOf(gateway: { node: string; egressIP: string } | null): string {
  return gateway ? `${gateway.node} ${gateway.egressIP}`.trim() : "nowhere";
}

/** The endpoint's address in `tcp 10.1.2.3:4000 -> …`, `icmp 10.1.2.3 -> …` or `tcp 2001:db8::1:4000 -> …`. */
function podOf(fiveTuple: string): string {
  const socket = /^\S+ (\S+)/.exec(fiveTuple)?.[1] ?? "";
  const address = fiveTuple.startsWith("icmp") ? socket : socket.replace(/:\d+$/, "");
  return address.replace(/^\[|\]$/g, "");
}

/** Who leaves by which address: as many rows as a page holds. */
export function policyGrid(all: readonly CheckRow[]): GridData {
  const rows = all.slice(0, MAX_POLICY_ROWS);
  const health = ({ health: state, active }: CheckRow) =>
    state === undefined ? "–" : active ? state : `${state}, standby`;
  const column = columnsOf(rows);
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

/** Makes columns of rows whose texts are kept once each. */
function columnsOf<Row>(rows: readonly Row[]): (key: string, title: string, text: (row: Row) => string) => GridColumn {
  return (key, title, textOf) => {
    const places = new Map<string, number>();
    const values = rows.map((row) => {
      const text = showable(textOf(row));
      const known = places.get(text);
      if (known !== undefined) return known;
      places.set(text, places.size);
      return places.size - 1;
    });
    return { key, title, values, texts: [...places.keys()] };
  };
}
