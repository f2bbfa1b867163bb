import { fullTime, timeOfDay } from "./clock.js";
import { element, placeAt } from "./dom.js";
import { GridTools } from "./grid-tools.js";
import type { GridColumn, GridData } from "./page-data.js";
import { Searcher, sortedRows } from "./search.js";

/** Rows in the document above and below those that can be seen. */
const SPARE = 6;

/**
 * A table of any length: only the rows that can be seen are in the document. Rows have one height, which the style sets, so the place of
 * each is known without looking. Arrow keys, page keys, Home and End move a mark over the rows; Enter or a click chooses one.
 */
export class Grid {
  readonly #columns: readonly GridColumn[];
  readonly #searcher: Searcher;
  readonly #tools: GridTools;
  readonly #frame: HTMLElement;
  readonly #body: HTMLElement;
  readonly #detail: HTMLElement;
  readonly #name: string;
  readonly #onChoose: (row: number) => void;
  #found: Uint32Array;
  #sort: { column: GridColumn; descending: boolean } | undefined;
  #active = -1;

  /** @param onChoose takes the number of the row that is chosen; default: it is shown in full below the table */
  constructor(place: HTMLElement, name: string, data: GridData, onChoose?: (row: number) => void) {
    this.#name = name;
    this.#onChoose = onChoose ?? ((row) => this.#tellAll(row));
    this.#columns = data.columns.filter(({ hidden }) => !hidden);
    this.#searcher = new Searcher(data);
    this.#found = this.#searcher.find("", []);
    this.#frame = place.querySelector<HTMLElement>("[role=grid]")!;
    this.#body = this.#frame.querySelector<HTMLElement>(".rows")!;
    this.#detail = place.querySelector<HTMLElement>(".detail")!;
    this.#tools = new GridTools(place, data, () => this.#search());
    for (const head of this.#heads()) head.querySelector("button")!.addEventListener("click", () => this.#sortBy(head));
    this.#frame.addEventListener("scroll", () => this.#draw());
    this.#frame.addEventListener("keydown", (event) => this.#key(event));
    this.#body.addEventListener("click", (event) => this.#click(event));
    new ResizeObserver(() => this.#draw()).observe(this.#frame);
    this.#show();
  }

  #search(): void {
    this.#found = this.#searcher.find(this.#tools.query, this.#tools.filters());
    if (this.#sort) this.#found = sortedRows(this.#found, this.#sort.column, this.#sort.descending);
    this.#show();
  }

  /** What was found, from its first row on. */
  #show(): void {
    this.#active = -1;
    this.#frame.scrollTop = 0;
    this.#frame.setAttribute("aria-rowcount", String(this.#found.length + 1));
    this.#frame.removeAttribute("aria-activedescendant");
    this.#detail.hidden = true;
    this.#tools.tell(this.#found.length);
    this.#draw();
  }

  get #rowHeight(): number {
    return Number.parseFloat(getComputedStyle(this.#frame).getPropertyValue("--row")) || 30;
  }

  #draw(): void {
    const height = this.#rowHeight;
    this.#body.style.height = `${this.#found.length * height}px`;
    const from = Math.max(0, Math.floor(this.#frame.scrollTop / height) - SPARE);
    const count = Math.ceil(this.#frame.clientHeight / height) + 2 * SPARE;
    const shown = this.#found.subarray(from, from + count);
    this.#body.replaceChildren(...Array.from(shown, (row, i) => this.#row(row, from + i, height)));
  }

  #row(row: number, at: number, height: number): HTMLElement {
    const cells = this.#columns.map((column) =>
      element("div", { role: "gridcell", class: `c-${column.key}` }, cellText(column, row)),
    );
    const attributes = { role: "row", class: "row", id: `${this.#name}-${at}`, "aria-rowindex": at + 2, "data-at": at };
    const made = element("div", attributes, ...cells);
    if (at === this.#active) made.setAttribute("aria-selected", "true");
    placeAt(made, 0, at * height);
    return made;
  }

  #key(event: KeyboardEvent): void {
    if (event.target !== this.#frame) return;
    const page = Math.max(1, Math.floor(this.#frame.clientHeight / this.#rowHeight) - 2);
    const to: Readonly<Record<string, number>> = {
      ArrowDown: this.#active + 1,
      ArrowUp: this.#active - 1,
      PageDown: this.#active + page,
      PageUp: this.#active - page,
      Home: 0,
      End: this.#found.length - 1,
      Enter: this.#active,
      " ": this.#active,
    };
    const target = to[event.key];
    if (target === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#activate(target);
    if (event.key === "Enter" || event.key === " ") this.#choose();
  }

  #click(event: MouseEvent): void {
    const row = (event.target as HTMLElement).closest<HTMLElement>(".row");
    if (!row) return;
    this.#activate(Number(row.dataset.at));
    this.#choose();
  }

  /** Marks a row and scrolls as little as it takes to see it. */
  #activate(at: number): void {
    this.#active = Math.min(this.#found.length - 1, Math.max(0, at));
    if (this.#active < 0) return;
    const height = this.#rowHeight;
    const head = this.#frame.querySelector<HTMLElement>(".head")!.offsetHeight;
    const [top, view] = [this.#active * height, this.#frame.clientHeight - head];
    if (top < this.#frame.scrollTop) this.#frame.scrollTop = top;
    else if (top + height > this.#frame.scrollTop + view) this.#frame.scrollTop = top + height - view;
    this.#draw();
    this.#frame.setAttribute("aria-activedescendant", `${this.#name}-${this.#active}`);
  }

  #choose(): void {
    const row = this.#found[this.#active];
    if (row !== undefined) this.#onChoose(row);
  }

  /** A row below the table, with everything that it holds. */
  #tellAll(row: number): void {
    const parts = this.#columns.flatMap((column) => [
      element("dt", {}, column.title),
      element("dd", {}, isTime(column) ? fullTime(column.values[row] as number) : cellText(column, row)),
    ]);
    this.#detail.replaceChildren(element("dl", {}, ...parts));
    this.#detail.hidden = false;
  }

  #heads(): HTMLElement[] {
    return [...this.#frame.querySelectorAll<HTMLElement>("[role=columnheader]")];
  }

  #sortBy(head: HTMLElement): void {
    const descending = head.ariaSort === "ascending";
    for (const other of this.#heads()) other.ariaSort = "none";
    head.ariaSort = descending ? "descending" : "ascending";
    this.#sort = { column: this.#columns.find(({ key }) => key === head.dataset.key)!, descending };
    this.#search();
  }
}

function isTime({ texts, values, numeric }: GridColumn): boolean {
  return !texts && !numeric && typeof values[0] === "number";
}

function cellText(column: GridColumn, row: number): string {
  const value = column.values[row]!;
  if (typeof value === "string") return value;
  if (column.numeric) return value.toLocaleString("en-US");
  return column.texts ? column.texts[value]! : timeOfDay(value);
}
