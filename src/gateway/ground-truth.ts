import type { ClusterNode } from "../config/types.js";

/** What a scenario can do to a node. */
export const NODE_ORDERS = [
  "node-down",
  "node-up",
  "agent-down",
  "agent-up",
  "drain",
  "undrain",
  "remove",
  "add",
] as const;

/** What can happen to a node. */
export type NodeOrder = (typeof NODE_ORDERS)[number];

/** What the manifests say of a node. */
export type NodeAtStart = Pick<ClusterNode, "name" | "drain">;

/** How a node really is, whether a prober has noticed or not. */
export interface NodeTruth {
  /** Answers probes. */
  readonly answers: boolean;
  /** Runs its agent, which answers as long as the node does. */
  readonly agent: boolean;
  /** Went down under our eyes: handles no frame. A node that was down before the first frame may well do so. */
  readonly dead: boolean;
  readonly drained: boolean;
  /** Not in the cluster. */
  readonly removed: boolean;
}

/** A node of the manifests of which nothing is known but that it is there. */
const HALE: NodeTruth = { answers: true, agent: true, dead: false, drained: false, removed: false };

/** A node that is not in the cluster, or not yet. */
export const ABSENT: NodeTruth = { answers: false, agent: false, dead: false, drained: false, removed: true };

/** How a node of the manifests is at the start. */
export function truthAtStart({ drained, down }: { readonly drained: boolean; readonly down: boolean }): NodeTruth {
  return { ...HALE, drained, answers: !down };
}

/** Handles no frame at all: what is sent to it is lost, what its endpoints had sent never was. */
export function isUnreachable({ dead, removed }: NodeTruth): boolean {
  return dead || removed;
}

/**
 * A node after an order.
 * @param drainedByManifest how a node that is added anew begins
 * @returns `truth` itself where the order changes nothing, as with node-up of a node that is up
 */
export function obey(truth: NodeTruth, order: NodeOrder, drainedByManifest: boolean): NodeTruth {
  if (truth.removed) return order === "add" ? { ...HALE, drained: drainedByManifest } : truth;
  const change = CHANGES[order];
  const names = Object.keys(change) as (keyof NodeTruth)[];
  return names.every((name) => truth[name] === change[name]) ? truth : { ...truth, ...change };
}

const CHANGES: Readonly<Record<NodeOrder, Partial<NodeTruth>>> = {
  "node-down": { answers: false, dead: true },
  "node-up": { answers: true, dead: false },
  "agent-down": { agent: false },
  "agent-up": { agent: true },
  drain: { drained: true },
  undrain: { drained: false },
  remove: ABSENT,
  add: { answers: true, agent: true, dead: false },
};
