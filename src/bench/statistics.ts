import { Random } from "./random.js";

/** A median with the interval that 99 of 100 resamples of the same data keep to. */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2000;
const TAIL = 0.005;
const SEED = 1624;

/** Value below which the share `q` (0 … 1) of the values lies; the middle of the two neighbours where it falls between. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Distance of the quartiles as a share of the median: how restless a series is. */
export function spread(values: readonly number[]): number {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / median(values);
}

/** Median with its bootstrap interval (Efron 1979, percentile method). The same values give the same interval. */
export function estimate(values: readonly number[]): Estimate {
  const random = new Random(SEED);
  const medians: number[] = [];
  for (let i = 0; i < RESAMPLES; i++) medians.push(median(values.map(() => values[random.below(values.length)]!)));
  return { median: median(values), low: quantile(medians, TAIL), high: quantile(medians, 1 - TAIL) };
}
