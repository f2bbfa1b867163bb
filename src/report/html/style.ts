/** The page's own style: no fonts, images or sheets from elsewhere; light and dark by the reader's setting. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1b2430; --dim: #5b6776; --paper: #fff; --panel: #f4f6f8; --line: #d5dbe1;
  --good: #0b6b3a; --bad: #b3261e; --warn: #7a4d00; --focus: #0b57d0;
  --snat: #2563a8; --reverse: #0f8a7e; --pass: #8793a1; --drop: #b3261e; --lost: #7d3c98; --skipped: #c2a23a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ec; --dim: #a3afbb; --paper: #12161b; --panel: #1b2128; --line: #36404a;
    --good: #6ad19b; --bad: #ff8a80; --warn: #f0c060; --focus: #8ab4f8;
    --snat: #6aa5e3; --reverse: #4cc4b5; --pass: #76828f; --drop: #ef6c61; --lost: #c38edb; --skipped: #d8bd62; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .4rem 0; } .dim { color: var(--dim); } .good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.verdict { border: 1px solid var(--line); border-left: .4rem solid var(--good); background: var(--panel); padding: .7rem 1rem; margin: 1rem 0; }
.verdict.failed { border-left-color: var(--bad); } .verdict.off { border-left-color: var(--warn); }
.verdict strong { font-size: 1.1rem; }
.wide { overflow-x: auto; } .wide:focus-visible, button:focus-visible, a:focus-visible, summary:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { white-space: nowrap; font-weight: 600; } th.n, td.n { text-align: right; white-space: nowrap; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
th button::after { content: " \\2195"; color: var(--dim); } th[aria-sort=ascending] button::after { content: " \\2191"; } th[aria-sort=descending] button::after { content: " \\2193"; }
code, pre { font-family: ui-monospace, monospace; font-size: .92em; } td code { white-space: nowrap; }
pre { background: var(--panel); border: 1px solid var(--line); padding: .7rem 1rem; overflow-x: auto; max-height: 30rem; }
svg.bar { width: 6rem; margin-left: auto; height: .8rem; display: block; margin-top: .3rem; } svg.stack { width: 100%; height: 1.4rem; display: block; margin: .5rem 0; }
.track { fill: var(--line); } .f-snat { fill: var(--snat); } .f-reverse { fill: var(--reverse); } .f-pass { fill: var(--pass); }
.f-drop { fill: var(--drop); } .f-lost { fill: var(--lost); } .f-skipped { fill: var(--skipped); }
.key { display: inline-block; width: .8em; height: .8em; vertical-align: -.05em; margin-right: .4em; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .5rem 0; } dt { color: var(--dim); } dd { margin: 0; }
.skip { position: absolute; left: -99rem; } .skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .3rem .6rem; }
@media print { th button::after { content: ""; } pre { max-height: none; } }
`;
