import type { NodeAtStart } from "./ground-truth.js";
import type { ScenarioEvent } from "./scenario.js";

/** An event at its place on the time line. */
export interface TimedEvent {
  readonly atNs: bigint;
  readonly event: ScenarioEvent;
  /** Of a `manifests` event: its number among such. */
  readonly manifests: number;
}

/** Nodes of one set of manifests: name → drained. */
export type ManifestNodes = ReadonlyMap<string, boolean>;

export function manifestNodes(nodes: readonly NodeAtStart[]): ManifestNodes {
  return new Map(nodes.map(({ name, drain }) => [name, drain !== undefined]));
}

/** Names, in order, of the nodes that anything ever happens to. */
export function touchedNodes(
  start: ManifestNodes,
  later: readonly ManifestNodes[],
  down: ReadonlySet<string>,
  events: readonly TimedEvent[],
): string[] {
  const names = new Set(down);
  for (const [name, drained] of start) if (drained) names.add(name);
  for (const { event } of events) if ("node" in event) names.add(event.node);
  for (const nodes of later) {
    for (const name of start.keys()) if (!nodes.has(name)) names.add(name);
    for (const [name, drained] of nodes) if (start.get(name) !== drained) names.add(name);
  }
  return [...names].sort();
}

/** By time, at one time as written. */
export function inOrder(events: readonly ScenarioEvent[], startNs: bigint): TimedEvent[] {
  let manifests = 0;
  return events
    .map((event) => ({
      event,
      atNs: "absoluteNs" in event.at ? event.at.absoluteNs : startNs + event.at.fromStartNs,
      manifests: "manifests" in event ? ++manifests : manifests,
    }))
    .sort((a, b) => (a.atNs < b.atNs ? -1 : a.atNs > b.atNs ? 1 : 0));
}
