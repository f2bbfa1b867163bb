/** Charts over time and the bars of gateways' states. */
export const CHART_STYLE = `
.chart-bar { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .5rem 1rem; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem; } .zoom { display: flex; gap: .25rem; }
.legend button, .zoom button, figure button, .tools button { background: var(--paper); border: 1px solid var(--line); border-radius: .3rem; padding: .15rem .55rem; cursor: pointer; white-space: nowrap; }
.legend button:hover, .zoom button:hover, figure button:hover, .tools button:hover { background: var(--panel); }
.legend button { display: inline-flex; align-items: center; } .legend button[aria-pressed=false] { color: var(--dim); text-decoration: line-through; } .legend button[aria-pressed=false] canvas { opacity: .25; }
.zoom button { min-width: 2rem; } figcaption button { margin-left: auto; font-size: .9em; } figure button[aria-pressed=true] { background: var(--mark); }
.chart { margin: .9rem 0 0; } figcaption { display: flex; flex-wrap: wrap; gap: 0 .5rem; align-items: baseline; min-height: 1.6rem; } .chart > details { font-size: .92em; color: var(--dim); } .chart table { color: var(--ink); } .chart details .wide { max-height: 22rem; overflow: auto; }
.chart thead th { position: sticky; top: 0; background: var(--paper); }
.plot { position: relative; min-width: 0; overflow: hidden; } .uplot { font: inherit; } .u-select { background: var(--focus); opacity: .15; } .u-vt .u-cursor-x, .u-hz .u-cursor-x { border-right: 1px solid var(--ink); }
.tip { position: absolute; left: 0; top: 0; z-index: 2; pointer-events: none; background: var(--paper); border: 1px solid var(--dim); border-radius: .3rem; padding: .3rem .55rem; font-size: 12px; line-height: 1.35; box-shadow: 0 2px 8px rgb(0 0 0 / .2); white-space: nowrap; font-variant-numeric: tabular-nums; }
.tip-time { font-weight: 600; } .tip-row { display: flex; align-items: center; } .tip-row b { margin-left: auto; padding-left: 1rem; font-weight: 600; } .tip-row.sum { border-top: 1px solid var(--line); } .tip-mark { color: var(--warn); }
.tip canvas.swatch { width: 10px; height: 10px; }
.lanes { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .3rem .75rem; align-items: center; margin: .5rem 0; } .lanes dd { margin: 0; } .lanes svg { display: block; width: 100%; height: 1rem; }
.keys { display: flex; flex-wrap: wrap; gap: .2rem 1rem; color: var(--dim); }
.s-up { fill: var(--reverse); opacity: .55; } .s-dead { fill: var(--bad); } .s-down { fill: var(--ink); opacity: .75; } .s-back { fill: var(--skipped); } .s-agent { fill: var(--lost); } .s-drained { fill: var(--snat); } .s-gone { fill: var(--line); }
[data-printing] .plot { width: 680px; } @media (hover: none) { .hint { display: none; } } @media print { .hint { display: none; } }
`;
