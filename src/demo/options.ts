import { UsageError } from "../errors.js";
import { GATEWAYS } from "./cluster.js";

/** Virtual time of the first request: 2024-01-01T10:00:00Z, nanoseconds since the epoch. */
export const START_NS = 1_704_103_200_000_000_000n;

/** What a demonstration is asked to show. Times are virtual, in milliseconds from the first request. */
export interface DemoOptions {
  /** Everything that chance decides follows from it. */
  readonly seed: number;
  /** Requests are sent for this long. */
  readonly durationMs: number;
  readonly requestsPerSecond: number;
  /** Node of the gateway that fails. */
  readonly kill: string;
  readonly atMs: number;
  /** How long it is gone. */
  readonly downForMs: number;
}

/** Options of a demonstration where nothing is said. */
export const DEMO_DEFAULTS: DemoOptions = {
  seed: 1,
  durationMs: 300_000,
  requestsPerSecond: 20,
  kill: "gateway-d",
  atMs: 120_000,
  downForMs: 60_000,
};

/**
 * Most requests a second: each has a source port of its own, and at this rate a port comes round again only after its last connection has
 * expired (28,232 ports, 60 seconds).
 */
const MAX_RATE = 400;
/** An hour: a log of 1,440,000 requests at the highest rate. */
const MAX_DURATION_MS = 3_600_000;

/**
 * The options given, completed with the defaults.
 * @throws {UsageError} where a value is out of range, or the failure lies outside of the demonstration
 */
export function completeDemoOptions(given: Partial<DemoOptions>): DemoOptions {
  const options = { ...DEMO_DEFAULTS, ...given };
  refuseOutside("--seed", options.seed, 0, 2 ** 32 - 1);
  refuseOutside("--rate", options.requestsPerSecond, 1, MAX_RATE);
  refuseTime("--duration", options.durationMs, 1000);
  refuseTime("--down-for", options.downForMs, 1);
  if (!isWithin(options.atMs, 0, options.durationMs - 1)) {
    const [at, end] = [secondsText(options.atMs), secondsText(options.durationMs)];
    throw new UsageError(`--at is ${at}, expected a time before --duration, which is ${end}`);
  }
  if (!GATEWAYS.some(({ node }) => node === options.kill)) {
    const known = GATEWAYS.map(({ node }) => node).join(", ");
    throw new UsageError(`--kill is ${JSON.stringify(options.kill)}, expected a gateway: ${known}`);
  }
  return options;
}

function refuseOutside(flag: string, value: number, low: number, high: number): void {
  if (!isWithin(value, low, high))
    throw new UsageError(`${flag} is ${value}, expected a whole number from ${low} to ${high}`);
}

function refuseTime(flag: string, ms: number, low: number): void {
  if (isWithin(ms, low, MAX_DURATION_MS)) return;
  const [least, most] = [secondsText(low), secondsText(MAX_DURATION_MS)];
  throw new UsageError(`${flag} is ${secondsText(ms)}, expected from ${least} to ${most}`);
}

function isWithin(value: number, low: number, high: number): boolean {
  return Number.isInteger(value) && value >= low && value <= high;
}

function secondsText(ms: number): string {
  return `${ms / 1000} s`;
}
