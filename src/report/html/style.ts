import { CHART_STYLE } from "./style-charts.js";
import { GRID_STYLE } from "./style-grids.js";

/** Colours of a theme; those of gateways (`--g0` to `--g7`) tell apart for every common kind of colour vision. */
const LIGHT = `color-scheme: light; --ink: #1b2430; --dim: #566273; --paper: #fff; --panel: #f4f6f8; --line: #d8dee4; --mark: #e3ecf8;
  --good: #0b6b3a; --bad: #b3261e; --warn: #7a4d00; --focus: #0b57d0;
  --snat: #2563a8; --reverse: #0f8a7e; --pass: #8793a1; --drop: #b3261e; --lost: #7d3c98; --skipped: #c2a23a;
  --g0: #1f66b0; --g1: #e69f00; --g2: #0b9a78; --g3: #c46aa3; --g4: #63b6e6; --g5: #4b5563; --g6: #d8cb3c; --g7: #d1601f;`;
const DARK = `color-scheme: dark; --ink: #e4e8ec; --dim: #a3afbb; --paper: #12161b; --panel: #1b2128; --line: #333c46; --mark: #22344a;
  --good: #6ad19b; --bad: #ff8a80; --warn: #f0c060; --focus: #8ab4f8;
  --snat: #6aa5e3; --reverse: #4cc4b5; --pass: #76828f; --drop: #ef6c61; --lost: #c38edb; --skipped: #d8bd62;
  --g0: #4f93dd; --g1: #eeb03c; --g2: #2fbd98; --g3: #d98cbb; --g4: #8fd0f5; --g5: #97a3b2; --g6: #e6dc6a; --g7: #e5824a;`;

/** The page's own style: no fonts, images or sheets from elsewhere; light and dark by the reader's setting or choice. */
export const STYLE = `
:root { ${LIGHT} }
@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) { ${DARK} } }
:root[data-theme=dark] { ${DARK} }
* { box-sizing: border-box; }
html { scroll-padding-top: 3.4rem; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 14px/1.5 system-ui, sans-serif; }
main { max-width: 84rem; margin: 0 auto; padding: .75rem 1.25rem 4rem; outline: 0; }
header { position: sticky; top: 0; z-index: 5; display: flex; align-items: center; gap: 1rem; padding: .4rem 1.25rem; background: var(--paper); border-bottom: 1px solid var(--line); }
h1 { font-size: 1rem; margin: 0; white-space: nowrap; }
nav { flex: 1; min-width: 0; display: flex; gap: .1rem; overflow-x: auto; scrollbar-width: thin; }
nav a { padding: .2rem .55rem; border-radius: .3rem; color: var(--dim); text-decoration: none; white-space: nowrap; } nav a:hover { background: var(--panel); color: var(--ink); }
.themes { display: flex; margin: 0; padding: 0; border: 1px solid var(--line); border-radius: .35rem; overflow: hidden; }
.themes legend { position: absolute; left: -99rem; } .themes input { position: absolute; opacity: 0; }
.themes span { display: block; padding: .15rem .55rem; color: var(--dim); cursor: pointer; } .themes input:checked + span { background: var(--mark); color: var(--ink); }
section { margin-top: 2rem; outline: 0; } h2 { font-size: 1.15rem; margin: 0 0 .5rem; padding-bottom: .25rem; border-bottom: 2px solid var(--line); } h3 { font-size: .95rem; margin: 1.25rem 0 .35rem; }
p { margin: .4rem 0; } ul { margin: .4rem 0; padding-left: 1.2rem; } a { color: var(--focus); }
.dim { color: var(--dim); } .good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.subject { overflow-wrap: anywhere; } .verdict { border: 1px solid var(--line); border-left: .35rem solid var(--good); background: var(--panel); padding: .5rem .9rem; margin: .6rem 0; }
.verdict.failed { border-left-color: var(--bad); } .verdict.off { border-left-color: var(--warn); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); gap: 1px; margin: .75rem 0; padding: 1px; }
.figures div { box-shadow: 0 0 0 1px var(--line); padding: .4rem .7rem; } .figures dt { color: var(--dim); font-size: .85em; } .figures dd { margin: 0; font-size: 1.15rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
.wide { overflow-x: auto; } .wide:focus-visible, pre:focus-visible, button:focus-visible, a:focus-visible, summary:focus-visible, input:focus-visible, select:focus-visible, .frame:focus-visible, .plot:focus-visible, .themes:focus-within { outline: 2px solid var(--focus); outline-offset: 2px; }
nav a:focus-visible { outline-offset: -2px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; } caption { position: absolute; left: -99rem; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { white-space: nowrap; font-weight: 600; } th.n, td.n { text-align: right; white-space: nowrap; } tbody tr:hover { background: var(--panel); }
button, select, input { font: inherit; color: inherit; }
th button, .head button { background: none; border: 0; padding: 0; cursor: pointer; font-weight: 600; }
th button::after, .head button::after { content: " \\2195"; color: var(--dim); opacity: .6; } [aria-sort=ascending] button::after { content: " \\2191"; } [aria-sort=descending] button::after { content: " \\2193"; }
code, pre { font-family: ui-monospace, monospace; font-size: .92em; } td code { white-space: nowrap; } p code, li code { overflow-wrap: anywhere; }
pre { background: var(--panel); border: 1px solid var(--line); padding: .6rem .9rem; overflow-x: auto; max-height: 30rem; line-height: 1.35; }
summary { cursor: pointer; } details > summary { width: fit-content; }
.walk { border: 1px solid var(--line); padding: .4rem .9rem; margin: .5rem 0; }
dl.facts, dl.steps, .detail dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .15rem 1rem; margin: .5rem 0; }
dl.facts dt, dl.steps dt, .detail dt { color: var(--dim); } dl.facts dd, dl.steps dd, .detail dd { margin: 0; overflow-wrap: anywhere; } dl.steps dd { font-family: ui-monospace, monospace; font-size: .92em; white-space: pre-wrap; }
svg.bar { width: 5rem; margin-left: auto; height: .45rem; display: block; } svg.stack { width: 100%; height: 1.2rem; display: block; margin: .5rem 0; }
.track { fill: var(--line); } .f-snat { fill: var(--snat); } .f-reverse { fill: var(--reverse); } .f-pass { fill: var(--pass); }
.f-drop { fill: var(--drop); } .f-lost { fill: var(--lost); } .f-skipped, .f-hold { fill: var(--skipped); }
.key { display: inline-block; width: .8em; height: .8em; vertical-align: -.05em; margin-right: .4em; }
canvas.swatch { width: 14px; height: 14px; border-radius: 2px; vertical-align: -2px; margin-right: .45em; flex: none; }
.skip { position: absolute; left: -99rem; z-index: 9; } .skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .3rem .6rem; }
${CHART_STYLE}${GRID_STYLE}
@media (max-width: 48rem) { .wide table { width: max-content; min-width: 100%; } .wide td { max-width: 17rem; } body { font-size: 13px; } main { padding: .5rem .75rem 3rem; } header { padding: .3rem .75rem; gap: .5rem; flex-wrap: wrap; } nav { order: 3; flex-basis: 100%; } h1 { flex: 1; } html { scroll-padding-top: 5rem; }
  .figures { grid-template-columns: repeat(auto-fit, minmax(6rem, 1fr)); } dl.steps, dl.facts { grid-template-columns: minmax(0, 1fr); } dl.steps dd { margin-bottom: .3rem; } }
@media print { body { font-size: 11px; } th, td, th.n, td.n, td code { white-space: normal; } th, td { padding: .2rem .35rem; } header, .zoom, .tools, .skip, figure button, details > summary { display: none; } main { max-width: none; padding: 0; } section { break-inside: auto; } figure, tr { break-inside: avoid; }
  th button::after, .head button::after { content: ""; } pre { max-height: none; white-space: pre-wrap; } .wide { overflow: visible; } * { print-color-adjust: exact; } }
`;
