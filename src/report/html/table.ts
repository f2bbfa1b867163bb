import { html, Markup } from "./markup.js";

/** A cell: what it shows, and the number that it sorts by where that is not its text. */
export interface Cell {
  readonly show: string | Markup;
  readonly sort?: number;
}

export interface TableColumn {
  readonly title: string;
  /** Numbers stand right and sort largest first. */
  readonly numeric?: true;
}

/** Rows that a page shows; the rest is in report.json. */
const MAX_ROWS = 1000;

/** A table whose columns sort at the press of their heads. */
export function sortableTable(
  caption: string,
  columns: readonly TableColumn[],
  rows: readonly (readonly (Cell | string)[])[],
): Markup {
  const heads = columns.map(
    ({ title, numeric }) =>
      html`<th scope="col" aria-sort="none"${numericClass(numeric)}><button type="button">${title}</button></th>`,
  );
  const lines = rows
    .slice(0, MAX_ROWS)
    .map((row) => html`<tr>${row.map((cell, i) => cellOf(cell, columns[i]!))}</tr>\n`);
  const rest =
    rows.length > MAX_ROWS
      ? html`<p class="dim">The first ${MAX_ROWS} of ${rows.length} rows; all are in report.json.</p>`
      : undefined;
  return html`<div class="wide" tabindex="0" role="region" aria-label="${caption}"><table class="sorts"><thead><tr>${heads}</tr></thead><tbody>
${lines}</tbody></table></div>${rest}`;
}

function cellOf(cell: Cell | string, { numeric }: TableColumn): Markup {
  const { show, sort } = typeof cell === "string" ? { show: cell, sort: undefined } : cell;
  return html`<td${numericClass(numeric)}${sort === undefined ? undefined : html` data-v="${sort}"`}>${show}</td>`;
}

function numericClass(numeric: true | undefined): Markup | undefined {
  return numeric && new Markup(' class="n"');
}
