import { LAST_NS, NS_PER_MS } from "../config/time.js";
import { DueQueue } from "./due-queue.js";
import { ABSENT, type NodeAtStart, type NodeOrder, truthAtStart } from "./ground-truth.js";
import type { Happened } from "./happened.js";
import { earlier } from "./health.js";
import { NodeTrack } from "./node-track.js";
import { inOrder, type ManifestNodes, manifestNodes, type TimedEvent, touchedNodes } from "./plan.js";
import { probePhaseNs } from "./probe-schedule.js";
import type { Scenario } from "./scenario.js";
import type { NodeStatus, NodeStatuses } from "./status.js";

/** What changes at one instant. */
export interface TimelineChange {
  /** Nanoseconds since the epoch, up to 2^64-1. */
  readonly atNs: bigint;
  /** After the change: of all nodes that anything ever happens to. The same map where nothing about them changed. */
  readonly statuses: NodeStatuses;
  /** Nodes that lose their memory now: their mappings and the connections of their endpoints are gone. */
  readonly lost: readonly string[];
  /** Ground truth after the change: nodes that handle no frame at all. */
  readonly unreachable: ReadonlySet<string>;
  /** Number of the manifests in force from now on, where others came: 0 = those of the start, 1 = the scenario's first `manifests` event. */
  readonly manifests?: number;
  /** Orders that changed something, in the order of the scenario, then what was found out, by node name. May be empty. */
  readonly happened: readonly Happened[];
}

export interface TimelineOptions {
  readonly scenario: Pick<Scenario, "health" | "phaseMs" | "events">;
  /** Nodes of the manifests of the start. Others are not in the cluster until an event or later manifests add them. */
  readonly nodes: readonly NodeAtStart[];
  /** Nodes that the manifests' own status calls unhealthy: down until the scenario says otherwise, but not known to handle no frames. */
  readonly initialDown?: Iterable<string>;
  /** Nodes of the manifests of each `manifests` event, in the order of the scenario. Without them such an event changes no node. */
  readonly manifestNodes?: readonly (readonly NodeAtStart[])[];
  readonly seed: number;
  /** Time of the first frame: nanoseconds since the epoch. */
  readonly startNs: bigint;
}

/** What one change comes to, while it is worked out. */
interface Gathering {
  readonly atNs: bigint;
  readonly happened: Happened[];
  readonly lost: Set<string>;
  readonly touched: Set<string>;
  manifests?: number;
}

/**
 * A scenario, health checking and the manifests' drains as one sequence of changes in virtual time. A pure function of its options.
 * Work goes with the number of changes (for each a copy of the statuses, where they changed), never with the time between changes.
 */
export class Timeline {
  readonly #events: readonly TimedEvent[];
  /** By node name, in order. */
  readonly #tracks = new Map<string, NodeTrack>();
  /** Names of nodes by when the prober finds out something; entries that a track no longer agrees with are void. */
  readonly #due = new DueQueue<string>();
  readonly #laterNodes: readonly ManifestNodes[];
  #nodes: ManifestNodes;
  #eventsTaken = 0;
  #nextNs: bigint | undefined;
  #statuses: ReadonlyMap<string, NodeStatus>;
  #unreachable: ReadonlySet<string>;

  constructor(options: TimelineOptions) {
    this.#events = inOrder(options.scenario.events, options.startNs);
    this.#laterNodes = (options.manifestNodes ?? []).map(manifestNodes);
    this.#nodes = manifestNodes(options.nodes);
    this.#makeTracks(options);
    this.#statuses = new Map([...this.#tracks].map(([name, track]) => [name, track.status]));
    this.#unreachable = new Set([...this.#tracks].flatMap(([name, track]) => (track.isUnreachable ? [name] : [])));
    this.#enqueue(this.#tracks.keys());
    this.#nextNs = this.#foresee();
  }

  /** Now, that is after the last change that was taken. */
  get statuses(): NodeStatuses {
    return this.#statuses;
  }

  /** Now, that is after the last change that was taken. */
  get unreachable(): ReadonlySet<string> {
    return this.#unreachable;
  }

  /** Time of the next change; undefined = none ever. Changes at or before a frame's time count for it. */
  get nextNs(): bigint | undefined {
    return this.#nextNs;
  }

  /**
   * Takes the next change.
   * @throws {RangeError} where there is none
   */
  next(): TimelineChange {
    const atNs = this.#nextNs;
    if (atNs === undefined) throw new RangeError("the timeline has come to its end");
    const into: Gathering = { atNs, happened: [], lost: new Set(), touched: new Set() };
    for (; this.#events[this.#eventsTaken]?.atNs === atNs; this.#eventsTaken++) {
      this.#take(this.#events[this.#eventsTaken]!, into);
    }
    this.#enqueue(into.touched);
    for (const node of this.#dueAt(atNs)) {
      for (const found of this.#tracks.get(node)!.find()) into.happened.push({ node, ...found });
      into.touched.add(node);
    }
    this.#enqueue(into.touched);
    this.#nextNs = this.#foresee();
    this.#publish(into.touched);
    const { lost, touched: _, ...rest } = into;
    return { ...rest, lost: [...lost], statuses: this.#statuses, unreachable: this.#unreachable };
  }

  #take({ event, manifests }: TimedEvent, into: Gathering): void {
    if (!("manifests" in event)) {
      this.#order(event.node, event.event, into);
      return;
    }
    into.manifests = manifests;
    into.happened.push({ node: "", what: "manifests" });
    const nodes = this.#laterNodes[manifests - 1];
    if (nodes) this.#follow(nodes, into);
  }

  #order(node: string, order: NodeOrder, into: Gathering): void {
    const obeyed = this.#tracks.get(node)!.obey(order, into.atNs);
    into.touched.add(node);
    if (obeyed.effective) into.happened.push({ node, what: order });
    if (obeyed.lost) into.lost.add(node);
  }

  /** Other manifests: what differs in their nodes is done to them; where they agree, earlier orders stand. */
  #follow(nodes: ManifestNodes, into: Gathering): void {
    for (const [name, track] of this.#tracks) {
      const [was, is] = [this.#nodes.get(name), nodes.get(name)];
      if (is !== undefined) track.drainedByManifest = is;
      if (was === is) continue;
      if (is === undefined) this.#order(name, "remove", into);
      else if (was === undefined) this.#order(name, "add", into);
      else this.#order(name, is ? "drain" : "undrain", into);
    }
    this.#nodes = nodes;
  }

  #enqueue(nodes: Iterable<string>): void {
    for (const item of nodes) {
      const { nextNs } = this.#tracks.get(item)!;
      if (nextNs !== undefined) this.#due.push({ atNs: nextNs, item });
    }
  }

  /** What comes after the last instant of 64 bits never comes. */
  #foresee(): bigint | undefined {
    const next = earlier(this.#events[this.#eventsTaken]?.atNs, this.#firstDue());
    return next !== undefined && next <= LAST_NS ? next : undefined;
  }

  #firstDue(): bigint | undefined {
    for (let due = this.#due.first; due; due = this.#due.first) {
      if (this.#tracks.get(due.item)!.nextNs === due.atNs) return due.atNs;
      this.#due.drop();
    }
    return undefined;
  }

  /** Names of nodes with something to find out at `atNs`, in order. */
  #dueAt(atNs: bigint): string[] {
    const names = new Set<string>();
    for (; this.#firstDue() === atNs; this.#due.drop()) names.add(this.#due.first!.item);
    return [...names].sort();
  }

  /** What was handed out before stays as it was. */
  #publish(touched: ReadonlySet<string>): void {
    const tracks = [...touched].map((name) => [name, this.#tracks.get(name)!] as const);
    if (tracks.some(([name, { status }]) => this.#statuses.get(name) !== status)) {
      const statuses = new Map(this.#statuses);
      for (const [name, { status }] of tracks) statuses.set(name, status);
      this.#statuses = statuses;
    }
    if (tracks.some(([name, { isUnreachable }]) => this.#unreachable.has(name) !== isUnreachable)) {
      const unreachable = new Set(this.#unreachable);
      for (const [name, { isUnreachable }] of tracks) {
        if (isUnreachable) unreachable.add(name);
        else unreachable.delete(name);
      }
      this.#unreachable = unreachable;
    }
  }

  #makeTracks({ scenario: { health: config, phaseMs }, initialDown, seed, startNs }: TimelineOptions): void {
    const down = new Set(initialDown);
    const fromNs = earlier(startNs, this.#events[0]?.atNs)!;
    for (const name of touchedNodes(this.#nodes, this.#laterNodes, down, this.#events)) {
      const drainedByManifest = this.#nodes.get(name) ?? false;
      const isThere = this.#nodes.has(name) || down.has(name);
      const truth = isThere ? truthAtStart({ drained: drainedByManifest, down: down.has(name) }) : ABSENT;
      const phaseNs =
        phaseMs === undefined ? probePhaseNs(seed, name, config.probeIntervalMs) : BigInt(phaseMs) * NS_PER_MS;
      const start = { truth, drainedByManifest, config, anchorNs: startNs + phaseNs, fromNs };
      this.#tracks.set(name, new NodeTrack(start));
    }
  }
}
