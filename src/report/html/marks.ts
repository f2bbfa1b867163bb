import type { ReplayReport } from "../../replay/report-types.js";
import type { PageMark } from "./client/page-data.js";
import { microseconds } from "./time.js";

type Tone = PageMark["tone"];

/** Words for what happens to a node: in a line of a table, over a chart, and whether it is good. `suspect` changes nothing. */
const EVENTS: Readonly<Record<string, readonly [text: string, label: string | undefined, tone: Tone]>> = {
  "node-down": ["stops answering", "down", "bad"],
  suspect: ["misses a probe", undefined, "note"],
  "down-detected": ["counts as down", "detected", "bad"],
  "node-up": ["answers again", "up", "good"],
  "up-detected": ["counts as up", "in use", "good"],
  "agent-down": ["its agent stops", "agent down", "note"],
  "agent-down-detected": ["its agent counts as down", "agent detected", "note"],
  "agent-up": ["its agent is back", "agent up", "good"],
  "agent-up-detected": ["its agent counts as up", "agent in use", "good"],
  drain: ["is drained", "drain", "note"],
  undrain: ["takes connections again", "undrain", "good"],
  "ran-dry": ["has no connection left", "ran dry", "good"],
  remove: ["leaves the cluster", "removed", "bad"],
  add: ["joins the cluster", "added", "good"],
  manifests: ["other manifests come into force", "manifests", "note"],
};

/** Something that happened at an instant of virtual time. */
export interface Happening {
  /** Empty where it is no node's. */
  readonly node: string;
  /** As reports call it: `node-down`, `suspect`, `down-detected`, and `ran-dry`. */
  readonly what: string;
  readonly at: string;
  /** Microseconds since the epoch. */
  readonly us: number;
}

/** What an event or transition is, in words. */
export function eventText(what: string): string {
  return EVENTS[what]?.[0] ?? what;
}

/** Events, what the prober made of them, and how drains ended, by time and each once. */
export function happenings({ failovers, healthTransitions, drains, scenario }: ReplayReport): Happening[] {
  const all = [
    ...(scenario?.events ?? []).map(({ node = "", event, at }) => ({ node, what: event, at })),
    ...failovers.map(({ node, event, at }) => ({ node, what: event, at })),
    ...drains.map(({ node, from }) => ({ node, what: "drain", at: from })),
    ...healthTransitions.map(({ node, what, at }) => ({ node, what, at })),
    ...failovers.map(({ node, detectedAt }) => ({ node, what: "down-detected", at: detectedAt })),
    ...drains.map(({ node, ranDryAt }) => ({ node, what: "ran-dry", at: ranDryAt ?? "" })),
  ].map((one) => ({ ...one, us: microseconds(one.at) }));
  const seen = new Set<string>();
  return all
    .filter(({ node, what, us }) => {
      const key = `${us} ${what} ${node}`;
      if (!Number.isFinite(us) || seen.has(key)) return false;
      seen.add(key);
      return true;
    })
    .sort((a, b) => a.us - b.us);
}

/** Lines across the charts, by time. */
export function marksOf(report: ReplayReport): PageMark[] {
  return happenings(report).flatMap(({ node, what, us }): PageMark[] => {
    const [, label, tone] = EVENTS[what] ?? ["", what, "note"];
    return label === undefined ? [] : [{ atUs: us, label: `${node} ${label}`.trim(), tone }];
  });
}
