import { element } from "./dom.js";
import type { GridColumn, GridData, GridFilter } from "./page-data.js";
import type { SetFilter } from "./search.js";

/** Texts that a field offers to complete. */
const MOST_OFFERED = 500;

/** Search field and filters above a grid, and the line that counts what they leave. */
export class GridTools {
  readonly #data: GridData;
  readonly #search: HTMLInputElement;
  readonly #count: HTMLElement;
  readonly #fields: { filter: GridFilter; field: HTMLInputElement | HTMLSelectElement }[];

  /** @param changed called after every change of search or filters */
  constructor(place: HTMLElement, data: GridData, changed: () => void) {
    this.#data = data;
    this.#search = place.querySelector<HTMLInputElement>("input[type=search]")!;
    this.#count = place.querySelector<HTMLElement>(".count")!;
    const tools = place.querySelector<HTMLElement>(".tools")!;
    this.#fields = data.filters.map((filter) => ({ filter, field: this.#field(tools, filter) }));
    tools.insertBefore(this.#clearButton(changed), this.#count);
    for (const field of [this.#search, ...this.#fields.map((one) => one.field)])
      field.addEventListener("input", changed);
  }

  get query(): string {
    return this.#search.value;
  }

  filters(): SetFilter[] {
    return this.#fields.flatMap(({ filter: { kind, keys }, field }) =>
      field.value === "" ? [] : [{ kind, keys, text: field.value }],
    );
  }

  /** Says how many rows there are to see. */
  tell(found: number): void {
    const { rows, left } = this.#data;
    const [some, all] = [found, rows].map((count) => count.toLocaleString("en-US"));
    const rest = left > 0 ? `; ${left.toLocaleString("en-US")} more are not in this page` : "";
    this.#count.textContent = `${found === rows ? "" : `${some} of `}${all} ${rows === 1 ? "row" : "rows"}${rest}`;
  }

  #field(tools: HTMLElement, filter: GridFilter): HTMLInputElement | HTMLSelectElement {
    const texts = this.#textsOf(filter);
    const label = element("label", {}, element("span", {}, filter.label));
    tools.insertBefore(label, this.#count);
    if (filter.kind === "choice") {
      const select = element("select", {}, element("option", { value: "" }, "all"));
      select.append(...texts.map((text) => element("option", { value: text }, text)));
      label.append(select);
      return select;
    }
    const id = `offer-${filter.keys.join("-")}`;
    const field = element("input", {
      type: "text",
      list: id,
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "all",
    });
    const offers = texts.slice(0, MOST_OFFERED).map((text) => element("option", { value: text }));
    label.append(field, element("datalist", { id }, ...offers));
    return field;
  }

  #textsOf({ keys }: GridFilter): string[] {
    const columns = keys.flatMap((key) => this.#data.columns.find((column: GridColumn) => column.key === key) ?? []);
    return [...new Set(columns.flatMap(({ texts = [] }) => texts))].sort();
  }

  #clearButton(changed: () => void): HTMLButtonElement {
    const button = element("button", { type: "button" }, "Clear");
    button.addEventListener("click", () => {
      for (const field of [this.#search, ...this.#fields.map((one) => one.field)]) field.value = "";
      changed();
    });
    return button;
  }
}
