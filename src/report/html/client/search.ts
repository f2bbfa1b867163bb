import type { GridColumn, GridData } from "./page-data.js";

/** A filter that is set: rows stay where one of the columns has the text (`choice`) or begins with it (`prefix`). */
export interface SetFilter {
  readonly kind: "choice" | "prefix";
  readonly keys: readonly string[];
  readonly text: string;
}

/** Says of a row whether it fits. */
type Test = (row: number) => boolean;

/**
 * Finds rows of a grid. Columns whose texts repeat are searched once per text and not once per row; the others are searched in a copy in
 * lower case that is made when it is first needed.
 */
export class Searcher {
  readonly #grid: GridData;
  readonly #lower = new Map<GridColumn, readonly string[]>();

  constructor(grid: GridData) {
    this.#grid = grid;
  }

  /**
   * Rows that hold every word of the query in some column, whatever the case, and pass every filter.
   * @returns their numbers, in the order of the rows
   */
  find(query: string, filters: readonly SetFilter[]): Uint32Array {
    const words = query
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== "");
    const tests = [...filters.map((filter) => this.#filterTest(filter)), ...words.map((word) => this.#wordTest(word))];
    const found = new Uint32Array(this.#grid.rows);
    let count = 0;
    for (let row = 0; row < this.#grid.rows; row++) {
      if (tests.every((test) => test(row))) found[count++] = row;
    }
    return found.subarray(0, count);
  }

  #wordTest(word: string): Test {
    const tests = this.#grid.columns.filter(isSearched).map((column): Test => {
      if (column.texts) return hitTest(column, (text) => text.toLowerCase().includes(word));
      const texts = this.#lowerOf(column);
      return (row) => texts[row]!.includes(word);
    });
    return (row) => tests.some((test) => test(row));
  }

  #filterTest({ kind, keys, text }: SetFilter): Test {
    const columns = this.#grid.columns.filter(({ key }) => keys.includes(key));
    const tests = columns.map((column) =>
      hitTest(column, (one) => (kind === "choice" ? one === text : one.toLowerCase().startsWith(text.toLowerCase()))),
    );
    return tests.length === 1 ? tests[0]! : (row) => tests.some((test) => test(row));
  }

  #lowerOf(column: GridColumn): readonly string[] {
    const known = this.#lower.get(column);
    if (known) return known;
    const made = Array.from(column.values, (value) => String(value).toLowerCase());
    this.#lower.set(column, made);
    return made;
  }
}

/** Times show in another form than they are kept in, and hidden columns do not show at all. */
function isSearched({ hidden, texts, values }: GridColumn): boolean {
  return !hidden && (texts !== undefined || typeof values[0] === "string");
}

function hitTest({ texts = [], values }: GridColumn, isHit: (text: string) => boolean): Test {
  const hits = texts.map(isHit);
  return (row) => hits[values[row] as number]!;
}

/** The same rows in the order of a column: numbers by size, texts by code unit. Equal ones keep their order. */
export function sortedRows(rows: Uint32Array, column: GridColumn, descending: boolean): Uint32Array {
  const { texts, values } = column;
  const rank = texts && ranks(texts);
  const keys = rank ? Array.from(values, (value) => rank[value as number]!) : values;
  const sign = descending ? -1 : 1;
  const order = (a: number, b: number) => (keys[a]! < keys[b]! ? -sign : keys[a]! > keys[b]! ? sign : a - b);
  return Uint32Array.from(rows).sort(order);
}

/** Place of each text among the sorted ones. */
function ranks(texts: readonly string[]): number[] {
  const order = texts.map((_, i) => i).sort((a, b) => (texts[a]! < texts[b]! ? -1 : texts[a]! > texts[b]! ? 1 : 0));
  const rank = new Array<number>(texts.length);
  order.forEach((text, place) => {
    rank[text] = place;
  });
  return rank;
}
