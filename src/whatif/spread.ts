/** How a number differs between runs. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** @param values at least one; of an even number of values the median is the mean of the middle two */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}
