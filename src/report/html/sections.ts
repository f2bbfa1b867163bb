import type { ReplayReport } from "../../replay/report-types.js";
import { MISMATCH_FIELDS, type MismatchField } from "../../verify/fields.js";
import { reasonText } from "../reasons.js";
import { mismatchText, OUTCOMES, reasonsOf } from "../summary.js";
import { bytes, count, duration, percent, rate } from "../units.js";
import { html, type Markup } from "./markup.js";
import { type Cell, shareBar, sortableTable, type TableColumn } from "./table.js";

/** Whether every frame is right, in one sentence. */
export function verdictBanner(report: ReplayReport): Markup {
  const { enabled, ok, framesChecked } = report.verification;
  if (!enabled)
    return html`<div class="verdict off"><strong>Not verified</strong><p>Verification was turned off.</p></div>`;
  const text = `${count(framesChecked)} frames checked by code that shares nothing with the engine`;
  if (ok)
    return html`<div class="verdict"><strong class="good">Every frame is right</strong><p>${text}: no mismatch.</p></div>`;
  return html`<div class="verdict failed"><strong class="bad">${mismatchText(report)}</strong><p>${text}; <a href="#mismatches">what is wrong</a>.</p></div>`;
}

export function inputSection({ input, viewpoints, filter }: ReplayReport): Markup {
  const files = input.files.map((file) => [
    { show: html`<code>${file.name}</code>` },
    number(file.frames),
    file.truncated ? "the last record is cut off" : "whole",
  ]);
  const views = viewpoints.map((view) => [
    { show: html`<code>${view.file}</code>` },
    `${view.interface} (${view.linkType})`,
    [view.viewpoint, view.copies && "duplicates sorted out", view.decapsulate && "decapsulated"]
      .filter(Boolean)
      .join(", "),
    {
      show: html`${view.reasons.map((reason) => html`${reason}<br>`)}${view.hints.map((hint) => html`<span class="warn">${hint}</span><br>`)}`,
    },
  ]);
  return section(
    "input",
    "Input",
    html`${input.firstFrame ? html`<p>From ${input.firstFrame} to ${input.lastFrame}${filter === undefined ? undefined : html`, only frames that match <code>${filter}</code>`}.</p>` : undefined}
${sortableTable("Captures", columns("Capture", "Frames#", "End"), files)}
${sortableTable("Viewpoints", columns("Capture", "Interface", "Viewpoint", "Why"), views)}`,
  );
}

export function frameSection(report: ReplayReport): Markup {
  const { frames } = report;
  const shown = OUTCOMES.filter(([action]) => frames[action] > 0);
  let at = 0;
  const parts = shown.map(([action]) => {
    const width = (frames[action] / frames.read) * 1000;
    at += width;
    return html`<rect class="f-${action}" x="${(at - width).toFixed(2)}" width="${width.toFixed(2)}" height="10"/>`;
  });
  const rows = shown.map(([action, text]) => [
    { show: html`${colourKey(action)}${action}` },
    number(frames[action]),
    { show: percent(frames[action], frames.read), sort: frames[action] },
    text,
  ]);
  return section(
    "frames",
    "Frames",
    html`<p>${count(frames.read)} frames, ${bytes(frames.bytes)} on the wire.</p>
<svg class="stack" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">${parts}</svg>
${sortableTable("Frames by what happened to them", columns("Verdict", "Frames#", "Share#", "Meaning"), rows)}`,
  );
}

export function reasonSection(report: ReplayReport): Markup | undefined {
  const rows = OUTCOMES.flatMap(([action]) =>
    reasonsOf(report, action).map(([reason, n]) => [
      { show: html`${colourKey(action)}${action}` },
      { show: html`<code>${reason}</code>` },
      number(n),
      { show: percent(n, report.frames.read), sort: n },
      reasonText(reason),
      action === "drop" ? (report.ciliumWould[reason] ?? "") : "",
    ]),
  );
  if (rows.length === 0) return undefined;
  const heads = columns("Verdict", "Reason", "Frames#", "Share#", "Meaning", "The original");
  const hasOriginal = report.frames.drop > 0;
  const shown = hasOriginal ? rows : rows.map((row) => row.slice(0, -1));
  return section(
    "reasons",
    "Why frames were not translated",
    sortableTable("Frames by reason", hasOriginal ? heads : heads.slice(0, -1), shown),
  );
}

export function gatewaySection({ gateways, connections, assumedAddresses }: ReplayReport): Markup {
  const all = gateways.reduce((sum, gateway) => sum + gateway.connections, 0);
  const rows = gateways.map((gateway) => [
    gateway.node,
    gateway.zone ?? "–",
    {
      show: html`<code>${gateway.egressIP}</code>${gateway.assumed ? html` <span class="warn">assumed</span>` : undefined}`,
    },
    number(gateway.connections),
    {
      show: html`${percent(gateway.connections, all)}${shareBar(all === 0 ? 0 : gateway.connections / all, "snat")}`,
      sort: gateway.connections,
    },
    number(gateway.frames),
    { show: bytes(gateway.bytes), sort: gateway.bytes },
    number(gateway.replies),
    { show: bytes(gateway.replyBytes), sort: gateway.replyBytes },
    { show: `${count(gateway.portsPeak)} of ${count(gateway.portsLimit)}`, sort: gateway.portsPeak },
  ]);
  const heads = columns(
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
  );
  const { opened, closed, expired, broken, rebound, live, peak } = connections;
  const notes = assumedAddresses.map(
    ({ node, address, note }) => html`<p class="warn">${address} of ${node} is assumed: ${note}</p>`,
  );
  return section(
    "gateways",
    "Gateways and connections",
    html`<p>${count(opened)} connections opened, ${count(closed)} closed, ${count(expired)} expired, ${count(broken)} broken, ${count(rebound)} rebound, ${count(live)} still in the table; at most ${count(peak)} at a time.</p>
${rows.length > 0 ? sortableTable("Gateways", heads, rows) : html`<p class="dim">The policies name no gateway.</p>`}
${notes}`,
  );
}

export function brokenSection({ broken, rebound }: ReplayReport): Markup | undefined {
  if (broken.length + rebound.length === 0) return undefined;
  const rowOf = (kind: string) => (one: ReplayReport["broken"][number]) => [
    kind,
    one.at,
    { show: html`<code>${one.fiveTuple}</code>` },
    `${one.from.node} ${one.from.egressIP}`,
    one.to ? `${one.to.node} ${one.to.egressIP}` : "nowhere",
    one.cause,
  ];
  const rows = [...broken.map(rowOf("broken")), ...rebound.map(rowOf("rebound"))];
  const heads = columns("", "At", "Connection", "From", "To", "Cause");
  return section("broken", "Changed in mid-connection", sortableTable("Changed in mid-connection", heads, rows));
}

export function failoverSection({ failovers }: ReplayReport): Markup | undefined {
  if (failovers.length === 0) return undefined;
  const rows = failovers.map(({ node, event, at, detectedAt, lostFrames, brokenConnections }) => [
    node,
    event,
    at,
    detectedAt,
    number(lostFrames),
    number(brokenConnections),
  ]);
  const heads = columns("Node", "Event", "At", "Detected at", "Lost frames#", "Broken connections#");
  return section("failovers", "Failovers", sortableTable("Failovers", heads, rows));
}

export function mismatchSection({ verification }: ReplayReport): Markup | undefined {
  const { mismatches, mismatchCount } = verification;
  if (mismatches.length === 0) return undefined;
  const rows = mismatches.map((mismatch) => [
    { show: html`<code>${mismatch.capture ?? ""}</code>` },
    number(mismatch.frame),
    `${mismatch.at} s`,
    {
      show: html`${MISMATCH_FIELDS[mismatch.field as MismatchField] ?? mismatch.field}<br><code>${mismatch.field}</code>`,
    },
    mismatch.expected,
    mismatch.got,
    mismatch.why,
  ]);
  const heads = columns("Capture", "Frame#", "At", "What", "Expected", "Got", "Why");
  const rest = mismatchCount - mismatches.length;
  return section(
    "mismatches",
    "Mismatches",
    html`${sortableTable("Mismatches", heads, rows)}${rest > 0 ? html`<p class="dim">And ${count(rest)} more.</p>` : undefined}`,
  );
}

export function runSection({ seed, natProfile, settings, verification, timing, frames }: ReplayReport): Markup {
  const rows = Object.entries(settings).map(([name, { value, source }]) => [name, value, source]);
  const notes = Object.entries(verification.notes).map(([note, n]) => [note, number(n)]);
  return section(
    "run",
    "Run",
    html`<dl>
<dt>Seed</dt><dd>${seed}</dd><dt>NAT profile</dt><dd>${natProfile}</dd>
<dt>Speed</dt><dd>${rate(timing.framesPerSecond)} frames/s; ${duration(timing.engineNsPerFrame)} per frame in the engine; ${count(frames.read)} frames in ${duration(timing.wallMs * 1e6)}</dd>
</dl>
${rows.length > 0 ? sortableTable("Settings", columns("Setting", "Value", "From"), rows) : undefined}
${notes.length > 0 ? html`<h3>What the verifier could not insist on</h3>${sortableTable("Verification notes", columns("Note", "Frames#"), notes)}` : undefined}`,
  );
}

function section(id: string, title: string, body: Markup): Markup {
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>
${body}</section>`;
}

/** Titles; a trailing `#` marks numbers. */
function columns(...titles: string[]): TableColumn[] {
  return titles.map((title) => (title.endsWith("#") ? { title: title.slice(0, -1), numeric: true } : { title }));
}

function colourKey(action: string): Markup {
  return html`<svg class="key" viewBox="0 0 1 1" aria-hidden="true"><rect class="f-${action}" width="1" height="1"/></svg>`;
}

function number(value: number): Cell {
  return { show: count(value), sort: value };
}
