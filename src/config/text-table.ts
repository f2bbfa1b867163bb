const LEAST_WIDTH = 5;
const PADDING = 3;

/** Rows as aligned text, every column as wide as its widest cell and the padding of the original's lists; the last one is not padded. */
export function renderTextTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title) => Math.max(LEAST_WIDTH, title.length + PADDING));
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column]!, cell.length + PADDING);
    });
  }
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) => (column < cells.length - 1 ? cell.padEnd(widths[column]!) : cell)).join("");
  return [header, ...rows].map((cells) => `${line(cells).trimEnd()}\n`).join("");
}

/** Rows as CSV (RFC 4180): CRLF line ends, quotes only where needed. */
export function renderCsv(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [header, ...rows].map((cells) => `${cells.map(cell).join(",")}\r\n`).join("");
}
