import type { ReplayReport } from "../../replay/report-types.js";
import { bytes, count, percent } from "../units.js";
import { html } from "./markup.js";
import { columns, gatewayKey, number, type PageSection } from "./section.js";
import { type Cell, sortableTable } from "./table.js";

const HEADS = columns(
  "Node",
  "Zone",
  "Egress IP",
  "Connections#",
  "Share#",
  "Frames out#",
  "Bytes out#",
  "Replies#",
  "Reply bytes#",
  "Peak ports#",
  "Of the limit#",
);

/** Who carried what, and how near to its limit. */
export function gatewaySection({ gateways, connections }: ReplayReport): PageSection {
  const all = gateways.reduce((sum, gateway) => sum + gateway.connections, 0);
  const rows = gateways.map((gateway, i): (Cell | string)[] => [
    { show: html`${gatewayKey(i)}${gateway.node}` },
    gateway.zone ?? "–",
    {
      show: html`<code>${gateway.egressIP}</code>${gateway.assumed ? html` <span class="warn">assumed</span>` : undefined}`,
    },
    number(gateway.connections),
    { show: html`${percent(gateway.connections, all)}${meter(gateway.connections, all)}`, sort: gateway.connections },
    number(gateway.frames),
    { show: bytes(gateway.bytes), sort: gateway.bytes },
    number(gateway.replies),
    { show: bytes(gateway.replyBytes), sort: gateway.replyBytes },
    { show: `${count(gateway.portsPeak)} of ${count(gateway.portsLimit)}`, sort: gateway.portsPeak },
    {
      show: html`${percent(gateway.portsPeak, gateway.portsLimit)}${meter(gateway.portsPeak, gateway.portsLimit)}`,
      sort: gateway.portsLimit > 0 ? gateway.portsPeak / gateway.portsLimit : 0,
    },
  ]);
  const { opened, closed, expired, broken, rebound, live, peak, directionGuessed } = connections;
  const body = html`<p>${count(opened)} connections opened, ${count(closed)} closed, ${count(expired)} expired, ${count(broken)} broken, ${count(rebound)} rebound, ${count(live)} still in the table; at most ${count(peak)} at a time${directionGuessed > 0 ? `; ${count(directionGuessed)} were seen from the middle on, and who opened them is a guess` : ""}.</p>
${rows.length > 0 ? sortableTable("Gateways", HEADS, rows) : html`<p class="dim">The policies name no gateway.</p>`}`;
  return { id: "gateways", short: "Gateways", title: "Gateways", body };
}

/** A bar for a share from 0 to 1; the number stands beside it, so it says nothing to a screen reader. */
function meter(part: number, whole: number) {
  const width = (Math.min(1, Math.max(0, whole > 0 ? part / whole : 0)) * 100).toFixed(2);
  return html`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="8"/><rect class="f-snat" width="${width}" height="8"/></svg>`;
}
