/** Steps of a timeline put together into as few bins as are drawn. */
export interface Bins {
  /** First step of the first bin, and steps of each; the last bin may have fewer. */
  readonly first: number;
  readonly width: number;
  readonly count: number;
  /** Behind the last step of the last bin. */
  readonly end: number;
}

/**
 * Bins of whole steps for the steps `first` to `end` (exclusive), at most `most` of them. Their edges are multiples of the width, so that
 * moving along the timeline never changes what a bin holds.
 */
export function binsOf(first: number, end: number, most: number): Bins {
  let width = 1;
  const countAt = (steps: number) => Math.ceil(end / steps) - Math.floor(first / steps);
  while (countAt(width) > Math.max(1, most)) width = nextWidth(width);
  return { first: Math.floor(first / width) * width, width, count: Math.max(1, countAt(width)), end };
}

/** Widths go 1, 2, 5, 10, 20, 50 … */
function nextWidth(width: number): number {
  const magnitude = 10 ** Math.floor(Math.log10(width) + 1e-9);
  return width === magnitude ? 2 * magnitude : width === 2 * magnitude ? 5 * magnitude : 10 * magnitude;
}

/** Steps that a bin really has: the last one may be cut short. */
export function stepsIn(bins: Bins, bin: number): number {
  return Math.min(bins.width, bins.end - bins.first - bin * bins.width);
}

/** What each bin holds together. */
export function sums(values: readonly number[], bins: Bins): number[] {
  return perBin(values, bins, (sum, value) => sum + value);
}

/** The highest value of each bin. */
export function peaks(values: readonly number[], bins: Bins): number[] {
  return perBin(values, bins, Math.max);
}

function perBin(values: readonly number[], bins: Bins, join: (so: number, value: number) => number): number[] {
  return Array.from({ length: bins.count }, (_, bin) => {
    const from = bins.first + bin * bins.width;
    let so = 0;
    for (let at = from; at < Math.min(from + bins.width, bins.end); at++) so = join(so, values[at] ?? 0);
    return so;
  });
}

/** Rows laid upon each other: row `i` becomes the sum of rows 0 to `i`. */
export function stacked(rows: readonly (readonly number[])[]): number[][] {
  const out: number[][] = [];
  for (const row of rows) {
    const below = out.at(-1);
    out.push(row.map((value, i) => value + (below?.[i] ?? 0)));
  }
  return out;
}

/** Places of the rows with the greatest sums, at most `most`, in the order of the rows. */
export function greatest(rows: readonly (readonly number[])[], most: number): number[] {
  const sum = rows.map((row) => row.reduce((so, value) => so + value, 0));
  const byWeight = rows.map((_, i) => i).sort((a, b) => sum[b]! - sum[a]! || a - b);
  return byWeight.slice(0, most).sort((a, b) => a - b);
}
