import type { ReplayReport } from "../../replay/report-types.js";
import { reasonText } from "../reasons.js";
import { OUTCOMES, reasonsOf } from "../summary.js";
import { bytes, count, percent } from "../units.js";
import { html, type Markup } from "./markup.js";
import { actionKey, columns, number, type PageSection } from "./section.js";
import { sortableTable } from "./table.js";

/** What became of the frames, and why. */
export function frameSection(report: ReplayReport): PageSection {
  const { frames } = report;
  const shown = OUTCOMES.filter(([action]) => frames[action] > 0);
  let at = 0;
  const parts = shown.map(([action]) => {
    const width = (frames[action] / frames.read) * 1000;
    at += width;
    return html`<rect class="f-${action}" x="${(at - width).toFixed(2)}" width="${width.toFixed(2)}" height="10"/>`;
  });
  const rows = shown.map(([action, text]) => [
    { show: html`${actionKey(action)}${action}` },
    number(frames[action]),
    { show: percent(frames[action], frames.read), sort: frames[action] },
    text,
  ]);
  const body = html`<p>${count(frames.read)} frames, ${bytes(frames.bytes)} on the wire${observations(report)}.</p>
<svg class="stack" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">${parts}</svg>
${sortableTable("Frames by what happened to them", columns("Verdict", "Frames#", "Share#", "Meaning"), rows)}
${reasonTable(report)}${overlayText(report)}`;
  return { id: "frames", short: "Verdicts", title: "Verdicts and reasons", body };
}

function reasonTable(report: ReplayReport): Markup | undefined {
  const rows = OUTCOMES.flatMap(([action]) =>
    reasonsOf(report, action).map(([reason, n]) => [
      { show: html`${actionKey(action)}${action}` },
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
  return html`<h3>Why frames were not translated</h3>
${sortableTable("Frames by reason", hasOriginal ? heads : heads.slice(0, -1), shown)}`;
}

/** Oddities of captures that readers wonder about. */
function observations({ observations: seen }: ReplayReport): string {
  const found = [
    seen.partialChecksums > 0 && `${count(seen.partialChecksums)} with a checksum left to the network card`,
    seen.superFrames > 0 && `${count(seen.superFrames)} larger than any MTU (offload)`,
    seen.decapsulated > 0 && `${count(seen.decapsulated)} taken out of the overlay`,
    seen.checksumUnverifiable > 0 && `${count(seen.checksumUnverifiable)} cut by the capture, checksums taken on trust`,
    seen.heldFragments > 0 && `${count(seen.heldFragments)} held until their first fragment came`,
  ].filter((text) => text !== false);
  return found.length > 0 ? `; among them ${found.join("; ")}` : "";
}

function overlayText({ overlay }: ReplayReport): Markup | undefined {
  if (!overlay) return undefined;
  const { frames, bytes: size, tooBig, largest, mtu } = overlay;
  return html`<h3>Between the nodes</h3>
<p>${count(frames)} overlay frames, ${bytes(size)}; the largest has ${count(largest)} bytes. ${tooBig > 0 ? html`<span class="bad">${count(tooBig)} do not fit an MTU of ${count(mtu)}.</span>` : `All fit an MTU of ${count(mtu)}.`}</p>`;
}
