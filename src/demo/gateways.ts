import { LINKTYPE_ETHERNET } from "../capture/types.js";
import type { PolicyModel } from "../config/types.js";
import { compilePolicy, nodeTable, zoneTable } from "../engine/blob.js";
import { ACTION_REVERSE, ACTION_SNAT, HOOK_FROM_ENDPOINT, HOOK_FROM_NETWORK } from "../engine/codes.js";
import { createEngine, type Engine } from "../engine/engine.js";
import { engineLink } from "../engine/link.js";
import { deriveSeeds } from "../engine/seeds.js";
import { configFor } from "../engine/sizing.js";
import { GatewayControl, type GatewayPicture } from "../gateway/control.js";
import { readScenarioText } from "../gateway/scenario.js";
import { Timeline, type TimelineChange } from "../gateway/timeline.js";
import type { EgressRow } from "../replay/list-state.js";
import { halves } from "../replay/time.js";
import { egressRows } from "./egress-rows.js";
import type { DemoEvent } from "./report-types.js";

/** Room for frames and policy: both are small. */
const ARENA_SIZE = 1 << 16;
/** A port is used again after 28,232 requests at the soonest. */
const CONNECTIONS = 32 << 10;

/** A frame that was let through, a copy of its own. */
export interface Passage {
  readonly frame: Uint8Array;
  /** Node of the gateway that translated it. */
  readonly node: string;
}

/**
 * Starts the cluster's nodes: an engine that plays all of them, the operator, and the scenario's events with the health checks.
 * @param scenario text of a scenario   @param startNs time of the first frame, nanoseconds since the epoch
 */
export async function startGateways(
  model: PolicyModel,
  scenario: string,
  { seed, startNs }: { readonly seed: number; readonly startNs: bigint },
): Promise<DemoGateways> {
  const control = new GatewayControl(model);
  const overrides = {
    ...deriveSeeds(seed, "rendezvous"),
    arenaSize: ARENA_SIZE,
    blobSize: ARENA_SIZE,
    connections: CONNECTIONS,
    maxBatch: 1,
  };
  const engine = await createEngine(configFor(control.picture.model, overrides));
  const { nodes } = model;
  const timeline = new Timeline({
    scenario: readScenarioText(scenario, "scenario.yaml", { nodes }),
    nodes,
    seed,
    startNs,
  });
  return new DemoGateways(engine, control, timeline, startNs);
}

/**
 * The nodes of the cluster in virtual time. A frame meets its gateway at the instant at which the monitor's interface sees it, as in a replay
 * of what the monitor captured. Times are nanoseconds since the start and never go back.
 */
export class DemoGateways {
  readonly events: DemoEvent[] = [];
  readonly egressLists: { readonly atMs: number; readonly rows: readonly EgressRow[] }[] = [];
  readonly #engine: Engine;
  readonly #control: GatewayControl;
  readonly #timeline: Timeline;
  readonly #startNs: bigint;
  #unreachable: ReadonlySet<string> = new Set();

  constructor(engine: Engine, control: GatewayControl, timeline: Timeline, startNs: bigint) {
    this.#engine = engine;
    this.#control = control;
    this.#timeline = timeline;
    this.#startNs = startNs;
    this.#load();
    this.#list(0);
  }

  /** Lets everything happen that happens up to and including `nowNs`. */
  advance(nowNs: number): void {
    const now = this.#startNs + BigInt(nowNs);
    for (let next = this.#timeline.nextNs; next !== undefined && next <= now; next = this.#timeline.nextNs) {
      this.#apply(this.#timeline.next());
    }
  }

  /** @returns what leaves for the outside, or undefined where the frame is lost */
  fromEndpoint(frame: Uint8Array, nowNs: number): Passage | undefined {
    const engine = this.#process(frame, HOOK_FROM_ENDPOINT, nowNs);
    if (engine.action(0) !== ACTION_SNAT) return undefined;
    const { node } = this.#control.registry.egresses[engine.egress(0)]!;
    return { frame: engine.arena.slice(0, engine.length(0)), node };
  }

  /** @returns what the endpoint gets, or undefined where the frame is lost   @param gateway name of the node that the frame comes to */
  fromNetwork(frame: Uint8Array, gateway: string, nowNs: number): Uint8Array | undefined {
    if (this.#unreachable.has(gateway)) return undefined;
    const engine = this.#process(frame, HOOK_FROM_NETWORK, nowNs);
    return engine.action(0) === ACTION_REVERSE ? engine.arena.slice(0, engine.length(0)) : undefined;
  }

  #process(frame: Uint8Array, hook: number, nowNs: number): Engine {
    const engine = this.#engine;
    const { length } = frame;
    const time = this.#startNs + BigInt(nowNs);
    engine.arena.set(frame);
    const [low, high] = halves(time);
    engine.setFrame(0, 0, length, length, hook, engineLink(LINKTYPE_ETHERNET), 0, low, high);
    engine.process(1);
    return engine;
  }

  #apply({ atNs, statuses, lost, unreachable, happened }: TimelineChange): void {
    const atMs = this.#msOf(atNs);
    const names = nodeTable(this.#control.picture.model).map(({ name }) => name);
    for (const node of lost) this.#engine.nodeLost(names.indexOf(node));
    this.#unreachable = unreachable;
    if (this.#control.update(statuses)) this.#load();
    else this.#tell(this.#control.picture);
    for (const { node, what, causeAtNs } of happened)
      this.events.push({ atMs, node, what, ...(causeAtNs !== undefined && { causeAtMs: this.#msOf(causeAtNs) }) });
    this.#list(atMs);
  }

  #load(): void {
    const { picture } = this.#control;
    this.#engine.loadPolicy(compilePolicy(picture.model));
    this.#tell(picture);
  }

  /** Tells the engine how all nodes stand and who takes new connections. */
  #tell({ model, nodes, active }: GatewayPicture): void {
    nodeTable(model).forEach(({ name }, node) => {
      this.#engine.setGateway(node, nodes.get(name) ?? "active");
      this.#engine.setReachable(node, !this.#unreachable.has(name));
    });
    const zones = zoneTable(model);
    active.forEach(({ byZone }, policy) => {
      for (const [zone, members] of byZone)
        this.#engine.setActive(policy, zone === undefined ? 0 : zones.indexOf(zone) + 1, members);
    });
  }

  #msOf(ns: bigint): number {
    return Number(ns - this.#startNs) / 1e6;
  }

  /** Notes who takes new connections, where that has changed. */
  #list(atMs: number): void {
    const rows = egressRows(this.#control.picture);
    if (JSON.stringify(rows) === JSON.stringify(this.egressLists.at(-1)?.rows)) return;
    this.egressLists.push({ atMs, rows });
  }
}
