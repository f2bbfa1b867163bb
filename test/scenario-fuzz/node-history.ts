import type { HealthTransition } from "../../src/replay/report-types.js";
import type { Script } from "./script.js";
import { nsOf } from "./world.js";

/** How a node really is, and what the prober believes. */
export interface NodeState {
  /** Handles no frame. */
  readonly isDead: boolean;
  /** Keeps no connections: found down, or not in the cluster. */
  readonly isDown: boolean;
  /** Takes no new connections: down, drained, or found without its agent. */
  readonly isResting: boolean;
}

/** A node through time: orders of the script as docs/high-availability.md tells them, and the prober's findings as the report has them. */
export class NodeHistory {
  #isRemoved: boolean;
  #isDead = false;
  #isDrained: boolean;
  #isFoundDown: boolean;
  #isAgentFoundDown = false;
  readonly #states: { readonly ns: number; readonly state: NodeState }[] = [];
  /** Times at which its memory was lost. */
  readonly losses: number[] = [];

  constructor(isThere: boolean, isDrained: boolean) {
    this.#isRemoved = !isThere;
    this.#isFoundDown = !isThere;
    this.#isDrained = isDrained;
    this.#note(-Infinity);
  }

  /** Times at which something happened. */
  get times(): readonly number[] {
    return this.#states.map(({ ns }) => ns);
  }

  at(ns: number): NodeState {
    return this.#states.findLast((row) => row.ns <= ns)!.state;
  }

  /** True where `is` holds at some time from `fromNs` to `toNs`. */
  ever(fromNs: number, toNs: number, is: (state: NodeState) => boolean): boolean {
    if (is(this.at(fromNs))) return true;
    return this.#states.some(({ ns, state }) => ns > fromNs && ns <= toNs && is(state));
  }

  hasLostMemory(fromNs: number, toNs: number): boolean {
    return this.losses.some((ns) => ns > fromNs && ns <= toNs);
  }

  /** An order of the script, or what other manifests come to. @param drainedByManifest how it begins when it is added */
  obey(order: string, ns: number, drainedByManifest: boolean): void {
    const wasGone = this.#isDead || this.#isRemoved;
    if (this.#isRemoved) {
      if (order !== "add") return;
      this.#isRemoved = false;
      this.#isDead = false;
      this.#isDrained = drainedByManifest;
    } else if (order === "node-down") this.#isDead = true;
    else if (order === "node-up" || order === "add") this.#isDead = false;
    else if (order === "drain") this.#isDrained = true;
    else if (order === "undrain") this.#isDrained = false;
    else if (order === "remove") {
      this.#isRemoved = true;
      this.#isFoundDown = true;
      this.#isAgentFoundDown = false;
      this.#isDead = false;
    }
    if (!wasGone && (this.#isDead || this.#isRemoved)) this.losses.push(ns);
    this.#note(ns);
  }

  /** What the prober found out. */
  find(what: string, ns: number): void {
    if (what === "down-detected") this.#isFoundDown = true;
    if (what === "up-detected") this.#isFoundDown = false;
    if (what === "agent-down-detected") this.#isAgentFoundDown = true;
    if (what === "agent-up-detected") this.#isAgentFoundDown = false;
    this.#note(ns);
  }

  #note(ns: number): void {
    const isDown = this.#isRemoved || this.#isFoundDown;
    const isResting = isDown || this.#isDrained || this.#isAgentFoundDown;
    this.#states.push({ ns, state: { isDead: this.#isDead || this.#isRemoved, isDown, isResting } });
  }
}

/** Every node that any manifests have, by name. */
export function nodeHistories(script: Script, transitions: readonly HealthTransition[]): Map<string, NodeHistory> {
  const { clusters, events } = script;
  const drains = clusters.map(({ nodes }) => new Map(nodes.map(({ name, drain }) => [name, drain === true])));
  const names = new Set(drains.flatMap((nodes) => [...nodes.keys()]));
  const histories = new Map(
    [...names].map((name) => [name, new NodeHistory(drains[0].has(name), drains[0].get(name)!)]),
  );
  let current = drains[0];
  const happen: { ns: number; act: () => void }[] = events.map((event) => ({
    ns: event.atMs * 1e6,
    act: () => {
      if ("node" in event) {
        histories.get(event.node)!.obey(event.event, event.atMs * 1e6, current.get(event.node) ?? false);
        return;
      }
      const next = drains[event.manifests];
      follow(histories, current, next, event.atMs * 1e6);
      current = next;
    },
  }));
  for (const { node, what, at } of transitions)
    happen.push({ ns: nsOf(at), act: () => histories.get(node)!.find(what, nsOf(at)) });
  happen.sort((a, b) => a.ns - b.ns);
  for (const { act } of happen) act();
  return histories;
}

/** Nodes that other manifests leave out, bring, drain or undrain. */
function follow(
  histories: ReadonlyMap<string, NodeHistory>,
  before: ReadonlyMap<string, boolean>,
  after: ReadonlyMap<string, boolean>,
  ns: number,
): void {
  for (const [name, history] of histories) {
    const [was, is] = [before.get(name), after.get(name)];
    if (was === is) continue;
    if (is === undefined) history.obey("remove", ns, false);
    else if (was === undefined) history.obey("add", ns, is);
    else history.obey(is ? "drain" : "undrain", ns, is);
  }
}
