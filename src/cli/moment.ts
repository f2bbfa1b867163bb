import { parseDurationNs } from "../config/time.js";
import type { ScenarioTime } from "../gateway/scenario.js";
import { parseScenarioTime } from "../gateway/scenario-events.js";
import { type FlagParser, refused } from "./flag-values.js";

/** One moment, or one every so many nanoseconds from the first frame to the last. */
export type Moments = ScenarioTime | { readonly everyNs: bigint };

const EXAMPLES = "a time since the first frame such as 12.5s or 2m, or RFC 3339 such as 2026-11-23T07:58:50Z";

/** A duration such as `2s`, `500ms`, in nanoseconds; more than zero. */
export const duration: FlagParser<bigint> = (value, flag) => {
  const ns = parseDurationNs(value);
  if (ns !== undefined && ns > 0n) return ns;
  throw refused(flag, value, "a duration above zero such as 2s, 500ms or 10m");
};

/** `12.5s` since the first frame, or RFC 3339: what scenarios take. */
export const moment: FlagParser<ScenarioTime> = (value, flag) => {
  const time = parseScenarioTime(value);
  if (time) return time;
  throw refused(flag, value, EXAMPLES);
};

/** The same, or `every 10s`. */
export const moments: FlagParser<Moments> = (value, flag) => {
  const every = /^every\s+(\S+)$/.exec(value);
  return every ? { everyNs: duration(every[1]!, flag) } : moment(value, flag);
};

/** A comma-separated list of durations. */
export const durations: FlagParser<bigint[]> = (value, flag) =>
  value.split(",").map((one) => duration(one.trim(), flag));
