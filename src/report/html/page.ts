import { LIBRARY, LIBRARY_STYLE, SCRIPT } from "#page/assets.js";
import { sha256 } from "#platform/hash.js";
import type { CheckRow } from "../../config/check.js";
import { base64Of } from "../../net/bytes.js";
import type { FrameExplanation } from "../../replay/explain-types.js";
import type { ReplayReport } from "../../replay/report-types.js";
import { assumptionSection } from "./assumptions.js";
import type { PageData } from "./client/page-data.js";
import { pageData, scriptJson } from "./data.js";
import { failoverSection } from "./failover.js";
import { frameSection } from "./frames.js";
import { gatewaySection } from "./gateways.js";
import { movedSection, policySection } from "./grids.js";
import { inputSection, jsonSection } from "./inputs.js";
import { html, type Markup, raw } from "./markup.js";
import { overview } from "./overview.js";
import { type PageSection, sectionMarkup } from "./section.js";
import { STYLE } from "./style.js";
import { trafficSection } from "./traffic.js";
import { mismatchSection, verificationSection } from "./verification.js";
import { walkSection } from "./walks.js";

/** What a page can show besides its report. */
export interface PageExtra {
  /** The policy table of the manifests at the start, as `checkModel` makes it. */
  readonly policyTable?: readonly CheckRow[];
  /** Frames whose walk is shown. */
  readonly walks?: readonly FrameExplanation[];
  /** Instead of `Sluicegate replay`. */
  readonly title?: string;
  /** Sections of others, which stand in front of all. */
  readonly sections?: readonly PageSection[];
  /** Within another page, which has a title: without one, and without the choice of a theme. */
  readonly isEmbedded?: boolean;
}

/** Texts of the page's own elements of style and script, by which a content policy knows them. */
export const PAGE_STYLE = `${LIBRARY_STYLE}\n${STYLE}`;
export const PAGE_SCRIPTS: readonly string[] = [LIBRARY, SCRIPT];

/**
 * The report as one self-contained page: nothing is fetched, and its own content policy forbids it to try. Everything that comes from
 * captures or manifests is escaped.
 */
export function reportPage(report: ReplayReport, extra: PageExtra = {}): string {
  const { policyTable = [], walks = [], title = "Sluicegate replay", sections: others = [], isEmbedded } = extra;
  const scripts = PAGE_SCRIPTS.map(sourceExpression).join(" ");
  const policy = `default-src 'none'; style-src ${sourceExpression(PAGE_STYLE)}; script-src ${scripts}; base-uri 'none'; form-action 'none'`;
  const data = pageData(report, policyTable);
  const sections = [...others, ...sectionsOf(report, data, walks)];
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${title}</title>
<style>${raw(PAGE_STYLE)}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the results</a>
${isEmbedded ? html`<header>${navigation(sections)}</header>` : header(title, sections)}
<main id="content" tabindex="-1">
${overview(report)}
${sections.map(sectionMarkup)}
</main>
<script type="application/json" id="data">${raw(scriptJson(data))}</script>
${PAGE_SCRIPTS.map((script) => html`<script>${raw(script)}</script>\n`)}</body>
</html>
`.text;
}

/** What the page holds, in reading order: what went wrong, what happened, who did it, and what it all stands on. */
function sectionsOf(report: ReplayReport, { grids }: PageData, walks: readonly FrameExplanation[]): PageSection[] {
  return [
    mismatchSection(report),
    trafficSection(report),
    failoverSection(report),
    movedSection(report, grids.moved!),
    gatewaySection(report),
    frameSection(report),
    policySection(grids.policy!),
    walkSection(walks),
    verificationSection(report),
    assumptionSection(report),
    inputSection(report),
    jsonSection(report),
  ].filter((section) => section !== undefined);
}

function navigation(sections: readonly PageSection[]): Markup {
  const links = sections.map(({ id, short }) => html`<a href="#${id}">${short}</a>`);
  return html`<nav aria-label="Sections" tabindex="-1">${links}</nav>`;
}

function header(title: string, sections: readonly PageSection[]): Markup {
  const themes = ["auto", "light", "dark"].map(
    (theme) =>
      html`<label><input type="radio" name="theme" value="${theme}"${theme === "auto" ? html` checked` : undefined}><span>${theme}</span></label>`,
  );
  return html`<header><h1>${title}</h1>${navigation(sections)}
<fieldset class="themes"><legend>Theme</legend>${themes}</fieldset></header>`;
}

/** How a content policy names an inline element (CSP level 2). @param text its content */
export function sourceExpression(text: string): string {
  return `'sha256-${base64Of(sha256(text))}'`;
}
