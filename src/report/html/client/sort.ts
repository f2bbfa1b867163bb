/**
 * Makes the heads of the page's short tables sort them: numbers largest first, texts by the alphabet; a second press turns the order
 * round. Cells sort by `data-v` where they have one (the bare number), else by their text.
 */
export function startSorting(): void {
  for (const button of document.querySelectorAll("table.sorts th button")) {
    button.addEventListener("click", () => sortBy(button.closest("th")!));
  }
}

function sortBy(head: HTMLTableCellElement): void {
  const body = head.closest("table")!.tBodies[0]!;
  const isFirst = head.ariaSort !== "ascending" && head.ariaSort !== "descending";
  const descending = isFirst ? head.classList.contains("n") : head.ariaSort === "ascending";
  for (const other of head.parentElement!.children) if (other.ariaSort) other.ariaSort = "none";
  head.ariaSort = descending ? "descending" : "ascending";
  const order = (a: HTMLTableRowElement, b: HTMLTableRowElement) =>
    compare(sortValue(a.cells[head.cellIndex]!), sortValue(b.cells[head.cellIndex]!));
  body.append(...[...body.rows].sort((a, b) => (descending ? -order(a, b) : order(a, b))));
}

function sortValue(cell: HTMLTableCellElement): number | string {
  return cell.dataset.v === undefined ? (cell.textContent ?? "") : Number(cell.dataset.v);
}

function compare(a: number | string, b: number | string): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}
