/** One column of a table of text. */
export interface Column {
  readonly title: string;
  /** Numbers stand right. */
  readonly align?: "left" | "right";
}

export interface TableStyle {
  /** Spaces between columns. */
  readonly gap?: number;
  readonly indent?: string;
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;

/** Lines of a table: titles, then rows; no line ends in spaces. Widths are those of the longest cell. */
export function textTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { gap = 2, indent = "" }: TableStyle = {},
): string[] {
  const widths = columns.map(({ title }, i) => rows.reduce((w, row) => Math.max(w, width(row[i]!)), width(title)));
  const line = (cells: readonly string[]) =>
    indent +
    cells
      .map((cell, i) => {
        const fill = " ".repeat(widths[i]! - width(cell));
        return columns[i]!.align === "right" ? fill + cell : cell + fill;
      })
      .join(" ".repeat(gap))
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
}

/** A bar of up to `cells` characters for `share` (0 … 1), in steps of an eighth of one; anything above zero shows. */
export function bar(share: number, cells: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * cells * 8);
  const shown = share > 0 ? Math.max(1, eighths) : 0;
  return "█".repeat(Math.floor(shown / 8)) + EIGHTHS[shown % 8]!;
}

const HEIGHTS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;

/** One character per number, as high as its share of `most`; zero is a space, and anything above shows. */
export function sparkline(numbers: readonly number[], most: number): string {
  const cell = (n: number) => (n > 0 ? HEIGHTS[Math.max(0, Math.ceil((n / most) * HEIGHTS.length) - 1)]! : " ");
  return numbers.map(cell).join("");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what colours are made of
const COLOURS = /\x1b\[[0-9;]*m/g;

/** Characters, not UTF-16 units, and no colours; our tables hold no wide ones besides names of the user's. */
function width(text: string): number {
  return [...text.replace(COLOURS, "")].length;
}
