import { createHash } from "node:crypto";
import type { ReplayReport } from "../../replay/report-types.js";
import { reportJson } from "../json.js";
import { html, raw } from "./markup.js";
import { SCRIPT } from "./script.js";
import {
  brokenSection,
  failoverSection,
  frameSection,
  gatewaySection,
  inputSection,
  mismatchSection,
  reasonSection,
  runSection,
  verdictBanner,
} from "./sections.js";
import { STYLE } from "./style.js";

/** Characters of report.json that the page repeats; a longer one is left to its file. */
const MAX_JSON = 200_000;

/**
 * The report as one self-contained page: nothing is fetched, and its own content policy forbids it to try. Everything that comes from
 * captures or manifests is escaped.
 */
export function reportPage(report: ReplayReport): string {
  const policy = `default-src 'none'; style-src '${hashOf(STYLE)}'; script-src '${hashOf(SCRIPT)}'; base-uri 'none'; form-action 'none'`;
  const json = reportJson(report);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>Sluicegate replay</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the results</a>
<main id="content">
<h1>Sluicegate replay</h1>
${verdictBanner(report)}
${mismatchSection(report)}
${inputSection(report)}
${frameSection(report)}
${reasonSection(report)}
${gatewaySection(report)}
${brokenSection(report)}
${failoverSection(report)}
${runSection(report)}
<section aria-labelledby="json"><h2 id="json">report.json</h2>
${json.length <= MAX_JSON ? html`<details><summary>The same as JSON</summary><pre tabindex="0">${json}</pre></details>` : html`<p class="dim">Too long to repeat here: ${json.length} characters.</p>`}
</section>
</main>
<script>${raw(SCRIPT)}</script>
</body>
</html>
`.text;
}

/** Source expression of an inline element (CSP level 2). */
function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
