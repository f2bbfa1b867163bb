const ROW = 16;

/**
 * Two versions of a frame as rows of 16 bytes: a row that did not change once, one that did as `-` and `+`, with the changed bytes marked
 * below. Where lengths differ, missing bytes show as blanks.
 * @param before hexadecimal   @param after hexadecimal   @param most bytes that are shown of each
 */
export function hexDifference(before: string, after: string, most: number): string[] {
  const [was, is] = [octets(before), octets(after)];
  const length = Math.max(was.length, is.length);
  const lines: string[] = [];
  for (let at = 0; at < Math.min(length, most); at += ROW)
    lines.push(...rowLines(at, was.slice(at, at + ROW), is.slice(at, at + ROW)));
  if (length > most) lines.push(`        … ${length - most} more bytes`);
  return lines;
}

function rowLines(at: number, was: readonly string[], is: readonly string[]): string[] {
  const offset = at.toString(16).padStart(4, "0");
  if (was.join() === is.join()) return [`  ${offset}  ${was.join(" ")}`];
  const width = Math.max(was.length, is.length);
  const marks = Array.from({ length: width }, (_, i) => (was[i] === is[i] ? "  " : "^^"));
  return [`- ${offset}  ${was.join(" ")}`, `+ ${offset}  ${is.join(" ")}`, `        ${marks.join(" ")}`.trimEnd()];
}

function octets(hex: string): string[] {
  return hex.match(/../g) ?? [];
}
