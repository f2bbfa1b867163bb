/**
 * Sorts a table by the column whose button is pressed; a second press turns the order round. Cells sort by `data-v` where they have one
 * (the bare number), else by their text.
 */
export const SCRIPT = `
"use strict";
const value = (row, at) => { const cell = row.cells[at]; return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v); };
const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
for (const button of document.querySelectorAll("th button")) button.addEventListener("click", () => {
  const head = button.closest("th"), body = head.closest("table").tBodies[0];
  const sign = head.ariaSort === "descending" || (head.ariaSort === "none" && !head.classList.contains("n")) ? 1 : -1;
  for (const other of head.parentNode.cells) if (other.ariaSort) other.ariaSort = "none";
  head.ariaSort = sign > 0 ? "ascending" : "descending";
  const rows = [...body.rows].sort((a, b) => sign * compare(value(a, head.cellIndex), value(b, head.cellIndex)));
  body.append(...rows);
});
`;
