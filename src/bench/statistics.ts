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
const ERROR_RESAMPLES = 600;

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

/**
 * Standard error of the logarithm of the median of all values, by the bootstrap in two steps: placements are drawn, then turns of each, as
 * turns of one placement are alike. From few placements the step among them comes out small by a known factor, which is made up for.
 */
export function logError(placements: readonly (readonly number[])[]): number {
  const random = new Random(SEED);
  const drawn = <T>(values: readonly T[]) => values.map(() => values[random.below(values.length)]!);
  const logs: number[] = [];
  for (let i = 0; i < ERROR_RESAMPLES; i++) logs.push(Math.log(median(drawn(placements).flatMap(drawn))));
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (logs.length - 1);
  const count = placements.length;
  return Math.sqrt(variance * (count > 1 ? count / (count - 1) : 1));
}

/**
 * Standard errors that an interval has to reach to either side, so that all of `count` intervals hold what they should with the probability
 * 1 - `errorRate` at least (Bonferroni), whether or not they depend on each other.
 * @param freedom degrees of freedom of the standard errors, at least 1: the fewer, the less they are to be trusted (Student's t)
 */
export function familyWidth(count: number, errorRate: number, freedom: number): number {
  const outside = errorRate / Math.max(1, count);
  let low = 0;
  let high = 1;
  while (studentOutside(high, freedom) > outside) high *= 2;
  while (high - low > 1e-6 * high) {
    const middle = (low + high) / 2;
    if (studentOutside(middle, freedom) > outside) low = middle;
    else high = middle;
  }
  return high;
}

/** Share of Student's distribution that lies outside of ±t; Abramowitz and Stegun 26.7.3 and 26.7.4. @param freedom a whole number */
function studentOutside(t: number, freedom: number): number {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const isOdd = freedom % 2 === 1;
  let term = isOdd ? cosine : 1;
  let sum = 0;
  for (let power = isOdd ? 1 : 0; power <= freedom - 2; power += 2) {
    sum += term;
    term *= (cosine * cosine * (power + 1)) / (power + 2);
  }
  return 1 - (isOdd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum);
}
