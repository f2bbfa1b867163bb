import type { ReplayReport } from "../../replay/report-types.js";
import { mismatchText } from "../summary.js";
import { bytes, count } from "../units.js";
import { html, type Markup } from "./markup.js";
import { shownTime } from "./time.js";
import { whyUnverified } from "./verification.js";

/** What the report is about, whether every frame is right, and the figures that matter most. */
export function overview(report: ReplayReport): Markup {
  return html`<div class="top"><p class="subject">${subject(report)}</p>
${verdictBanner(report)}</div>
<dl class="figures">${figures(report).map(([name, value, tone]) => html`<div><dt>${name}</dt><dd${tone ? html` class="${tone}"` : undefined}>${value}</dd></div>`)}</dl>`;
}

function subject({ input, scenario, seed, natProfile, topology, range, filter }: ReplayReport): Markup {
  const files = input.files.map(({ name }, i) => html`${i > 0 ? ", " : ""}<code>${name}</code>`);
  const time = input.firstFrame
    ? html`, ${shownTime(input.firstFrame)} to ${shownTime(input.lastFrame ?? "")} UTC`
    : "";
  const part = range ? html`, frames ${range.fromFrame} to ${range.toFrame ?? "the end"}` : "";
  const only = filter === undefined ? "" : html`, only frames that match <code>${filter}</code>`;
  const under = html`Under profile ${natProfile}, seed ${seed}, topology ${topology}${scenario ? html`, scenario <b>${scenario.name}</b>` : ""}.`;
  return html`${files}${time}${part}${only}. ${under}`;
}

/** Whether every frame is right, in one sentence. */
function verdictBanner(report: ReplayReport): Markup {
  const { enabled, ok, framesChecked } = report.verification;
  if (!enabled) return html`<div class="verdict off"><strong>Not verified</strong> ${whyUnverified(report)}</div>`;
  const text = `${count(framesChecked)} frames checked by code that shares nothing with the engine`;
  if (ok)
    return html`<div class="verdict"><strong class="good">Every frame is right</strong> ${text}: no mismatch.</div>`;
  return html`<div class="verdict failed"><strong class="bad">${mismatchText(report)}</strong> ${text}; <a href="#mismatches">what is wrong</a>.</div>`;
}

function figures(report: ReplayReport): [name: string, value: string, tone: "bad" | undefined][] {
  const { frames, connections, gateways } = report;
  const bad = (value: number) => (value > 0 ? "bad" : undefined);
  const used = gateways.filter((gateway) => gateway.frames > 0).length;
  return [
    ["Frames", count(frames.read), undefined],
    ["On the wire", bytes(frames.bytes), undefined],
    ["Connections", count(connections.opened), undefined],
    ["Gateways used", `${used} of ${gateways.length}`, undefined],
    ["Broken", count(connections.broken), bad(connections.broken)],
    ["Rebound", count(connections.rebound), undefined],
    ["Frames lost", count(frames.lost), bad(frames.lost)],
    ["Dropped", count(frames.drop), undefined],
  ];
}
