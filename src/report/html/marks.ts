import type { PageReport } from "./additions.js";
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
  remove: ["leaves the cluster", "removed", "bad"],
  add: ["joins the cluster", "added", "good"],
  manifests: ["other manifests come into force", "manifests", "note"],
};

/** What an event or transition is, in words. */
export function eventText(what: string): string {
  return EVENTS[what]?.[0] ?? what;
}

/** Lines across the charts, by time: transitions where the report has them, else its failovers; and drains that ran dry. */
export function marksOf({ failovers, healthTransitions = [], drains = [] }: PageReport): PageMark[] {
  const happened =
    healthTransitions.length > 0
      ? healthTransitions
      : failovers.flatMap(({ node, event, at, detectedAt }) => [
          { node, what: event, at },
          { node, what: "down-detected", at: detectedAt },
        ]);
  const marks = happened.flatMap(({ node, what, at }): PageMark[] => {
    const [, label, tone] = EVENTS[what] ?? ["", what, "note"];
    return label === undefined ? [] : [{ atUs: microseconds(at), label: `${node} ${label}`.trim(), tone }];
  });
  const dry = drains.flatMap(({ node, ranDryAt }): PageMark[] =>
    ranDryAt === null ? [] : [{ atUs: microseconds(ranDryAt), label: `${node} ran dry`, tone: "good" }],
  );
  return [...marks, ...dry].filter(({ atUs }) => Number.isFinite(atUs)).sort((a, b) => a.atUs - b.atUs);
}
