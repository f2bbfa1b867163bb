import type { GatewayState } from "../engine/engine.js";

/** How a node stands at an instant, as the prober sees it. */
export interface NodeStatus {
  /** Whether probes reach it: `suspect` from the first missed probe, `down` once nothing was heard for the timeout. */
  readonly health: "up" | "suspect" | "down";
  /** Whether its agent answers: a node without one takes no new connections, its pins stay. */
  readonly agent: "up" | "down";
  /** Annotation, cordon or scenario: it leaves the active ones and stays healthy. */
  readonly drained: boolean;
  /** Not in the cluster any more: at once, without detection. */
  readonly removed: boolean;
}

/** By node name; a node that is missing here is up and not drained. */
export type NodeStatuses = ReadonlyMap<string, NodeStatus>;

/** A node that nothing is known against: what a name that is missing in `NodeStatuses` stands for. */
export const UP: NodeStatus = { health: "up", agent: "up", drained: false, removed: false };

/**
 * What the engine is told of a node.
 * @returns `down` = not healthy, its pins go; `healthy` = keeps its connections and takes no new ones; `active` = may take new ones.
 */
export function engineState(status: NodeStatus): GatewayState {
  if (status.removed || status.health === "down") return "down";
  return status.drained || status.agent === "down" ? "healthy" : "active";
}
