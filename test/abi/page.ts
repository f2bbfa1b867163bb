/** Cells of the tables of docs/abi.md, without backticks. */
export function pageRows(page: string): string[][] {
  return page
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim().replaceAll("`", "")),
    );
}

const CONSTANT_NAME = /^(?:OK|[A-Z][A-Z0-9]*_[A-Z0-9_]+)$/;

/** What the page says of each constant: the last cell of its row. Links become their text. */
export function readMeanings(page: string): Map<string, string> {
  const rows = pageRows(page).filter(([, name = ""]) => CONSTANT_NAME.test(name));
  return new Map(rows.map((cells) => [cells[1]!, cells.at(-1)!.replace(/\[([^\]]+)\]\([^)]*\)/g, "$1")]));
}

/** What the page says of the type of each field, by its constant: the third cell of rows that have four. */
export function readTypes(page: string): Map<string, string> {
  const rows = pageRows(page).filter((cells) => cells.length === 4 && /_AT$/.test(cells[1]!));
  return new Map(rows.map((cells) => [cells[1]!, cells[2]!]));
}

/** Parameters of each function by its heading. */
export function readHeadings(page: string): Map<string, string[]> {
  return new Map(
    [...page.matchAll(/^### `(\w+)\(([^)]*)\)`/gm)].map(([, name, list]) => [
      name!,
      list === "" ? [] : list!.split(", "),
    ]),
  );
}
