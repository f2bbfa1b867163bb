/** Long tables: rows of one height (`--row`), which the script reads. On a narrow screen a row has two or three lines. */
export const GRID_STYLE = `
.grid .tools { display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: end; margin: .5rem 0; } .tools label { display: grid; font-size: .85em; color: var(--dim); } .tools input, .tools select { background: var(--paper); color: var(--ink); border: 1px solid var(--line); border-radius: .3rem; padding: .2rem .45rem; font-size: 1rem; max-width: 14rem; } .tools .search { flex: 1 1 14rem; } .tools .search input { max-width: none; width: 100%; }
.tools output { margin-left: auto; color: var(--dim); font-variant-numeric: tabular-nums; }
.frame { --row: 26px; position: relative; max-height: 26rem; overflow: auto; border: 1px solid var(--line); font-variant-numeric: tabular-nums; }
.frame .row { display: grid; align-items: center; height: var(--row); gap: 0 .75rem; padding: 0 .6rem; border-bottom: 1px solid var(--line); }
.frame .rows { position: relative; min-width: 100%; } .rows .row { position: absolute; left: 0; right: 0; top: 0; cursor: pointer; background: var(--paper); }
.row > div { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } .frame .head { position: sticky; top: 0; z-index: 1; background: var(--panel); }
.rows .row:hover { background: var(--panel); } .rows .row[aria-selected=true] { background: var(--mark); box-shadow: inset 3px 0 var(--focus); }
.c-tuple, .c-at, .c-source, .c-destination, .c-egress, .c-gateway { font-family: ui-monospace, monospace; font-size: .92em; } .head > div { font: inherit; }
.grid-moved .row { grid-template-columns: 9.5rem 4.5rem minmax(19rem, 1fr) minmax(10rem, 13rem) minmax(10rem, 13rem) 8rem; } .grid-moved .frame > div { min-width: 66rem; }
.grid-policy .row { grid-template-columns: 7rem minmax(8rem, 2fr) 8.5rem 8.5rem 7rem 5rem 4.5rem 8rem minmax(7rem, 1fr) minmax(4rem, 1fr); } .grid-policy .frame > div { min-width: 74rem; } .grid-policy .frame { max-height: 20rem; }
.detail { border: 1px solid var(--line); border-top: 0; background: var(--panel); padding: .1rem .9rem; }
@media (max-width: 48rem) { .frame { max-height: 24rem; } .grid .frame > div { min-width: 0; } .frame .row { column-gap: .35rem; } .tools label { flex: 1 1 8rem; } .tools input, .tools select { width: 100%; max-width: none; }
  .grid-moved .frame { --row: 66px; } .grid-moved .row { grid-template-areas: "at at kind kind cause cause" "tuple tuple tuple tuple tuple tuple" "from from from to to to"; grid-template-columns: repeat(6, minmax(0, 1fr)); align-content: center; } .grid-moved .c-kind { grid-area: kind; }
  .grid-moved .c-at { grid-area: at; } .grid-moved .c-cause { grid-area: cause; text-align: right; } .grid-moved .c-tuple { grid-area: tuple; } .grid-moved .c-from { grid-area: from; } .grid-moved .c-to { grid-area: to; } .rows .c-to::before { content: "→ "; color: var(--dim); }
  .grid-policy .frame { --row: 66px; } .grid-policy .row { grid-template: "source destination" "egress node" "endpoint policy" / minmax(0, 1fr) minmax(0, 1fr); align-content: center; } .grid-policy .c-gateway, .grid-policy .c-zone, .grid-policy .c-health, .grid-policy .c-note { display: none; }
  .grid-policy .c-source { grid-area: source; } .grid-policy .c-destination { grid-area: destination; } .grid-policy .c-egress { grid-area: egress; } .grid-policy .c-node { grid-area: node; } .grid-policy .c-endpoint { grid-area: endpoint; } .grid-policy .c-policy { grid-area: policy; } }
@media print { .grid .tools { display: none; } .grid .frame > div { min-width: 0; } .grid-moved .row, .grid-policy .row { font-size: 9px; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); grid-template-columns: none; } .grid-moved .row { grid-template-columns: 1.4fr .8fr 2.8fr 1.7fr 1.7fr 1.2fr; } .frame { overflow: hidden; } }
`;
