import { count } from "../units.js";
import { html, type Markup } from "./markup.js";
import type { Cell, TableColumn } from "./table.js";

/** One part of the page, as its navigation knows it. */
export interface PageSection {
  readonly id: string;
  /** In the navigation. */
  readonly short: string;
  readonly title: string;
  readonly body: Markup;
}

/** A section with its heading. */
export function sectionMarkup({ id, title, body }: PageSection): Markup {
  return html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>
${body}</section>
`;
}

/** Titles; a trailing `#` marks numbers. */
export function columns(...titles: string[]): TableColumn[] {
  return titles.map((title) => (title.endsWith("#") ? { title: title.slice(0, -1), numeric: true } : { title }));
}

/** A whole number as a cell. */
export function number(value: number): Cell {
  return { show: count(value), sort: value };
}

/** A cell in the type of code. */
export function code(text: string): Cell {
  return { show: html`<code>${text}</code>` };
}

/** Swatch of a gateway, in the colour and pattern that the charts give it. @param gateway place in the report */
export function gatewayKey(gateway: number): Markup {
  return html`<canvas class="swatch" data-gateway="${gateway}" aria-hidden="true"></canvas>`;
}

/** Swatch of what became of a frame. */
export function actionKey(action: string): Markup {
  return html`<svg class="key" viewBox="0 0 1 1" aria-hidden="true"><rect class="f-${action}" width="1" height="1"/></svg>`;
}
