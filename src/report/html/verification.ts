import type { ReplayReport } from "../../replay/report-types.js";
import { MISMATCH_FIELDS, type MismatchField } from "../../verify/fields.js";
import { isOfRecords, mismatchText } from "../summary.js";
import { count } from "../units.js";
import { html, type Markup } from "./markup.js";
import { code, columns, number, type PageSection } from "./section.js";
import { sortableTable } from "./table.js";

/** What is wrong, frame by frame; undefined where nothing is. */
export function mismatchSection({ verification }: ReplayReport): PageSection | undefined {
  const { mismatches, mismatchCount } = verification;
  if (mismatches.length === 0) return undefined;
  const rows = mismatches.map((mismatch) => [
    code(mismatch.capture ?? ""),
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
  const body = html`${sortableTable("Mismatches", heads, rows)}${rest > 0 ? html`<p class="dim">And ${count(rest)} more.</p>` : undefined}`;
  return { id: "mismatches", short: "Mismatches", title: "Mismatches", body };
}

/** Why a report has no verification, in a sentence. */
export function whyUnverified(report: ReplayReport): Markup {
  return isOfRecords(report)
    ? html`Frames were made up of connection records, which have no bytes to verify.`
    : html`Verification was turned off (<code>--no-verify</code>).`;
}

/** How the result was checked, and what came of it. */
export function verificationSection(report: ReplayReport): PageSection {
  const { enabled, ok, framesChecked, notes } = report.verification;
  const noted = Object.values(notes).reduce((sum, n) => sum + n, 0);
  const result = ok ? "no mismatch" : mismatchText(report);
  const body = enabled
    ? html`<p>Every frame that the engine took was checked by code that shares nothing with it: only permitted bytes changed, checksums by recount, one connection per external address and port, the gateway eligible, the policy by a naive reading of the manifests, replies restored byte for byte.</p>
<dl class="facts"><dt>Frames checked</dt><dd>${count(framesChecked)} of ${count(report.frames.read)} read</dd><dt>Result</dt><dd class="${ok ? "good" : "bad"}">${result}</dd><dt>Noted, no fault</dt><dd>${count(noted)} (see <a href="#assumptions">assumptions</a>)</dd></dl>`
    : html`<p class="warn">${whyUnverified(report)} Nothing here was checked.</p>`;
  return { id: "verification", short: "Verification", title: "Verification", body };
}
