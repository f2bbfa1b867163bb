import type { Egress, PolicyModel } from "../config/types.js";
import { nodeTable } from "../engine/blob.js";
import { addCounters, type EgressStats, type EngineCounters } from "../engine/counters.js";
import { createEngine, type Engine, type GatewayState } from "../engine/engine.js";
import { Fabric } from "../engine/fabric.js";
import type { WasmSource } from "../engine/load.js";
import { UsageError } from "../errors.js";
import { type Family, formatAddress } from "../net/address.js";
import type { Engines } from "./engines.js";
import { membersOf } from "./gateway-plan.js";
import { halves } from "./time.js";

/** Largest frame that an engine of a node takes in: what readers accept, behind an outer header. */
const NODE_ARENA = (256 << 10) + 4096;
/** Endpoints whose node is not known are on none. */
const NOWHERE = -2;

/**
 * One engine for each node of a cluster, and one for endpoints whose node is not known; the front's memory holds the frames. Each has
 * tables of the size that one engine for all of them would have: memory that no connection uses is never touched.
 */
export class Cluster implements Engines {
  readonly fabric: Fabric;
  readonly #front: Engine;
  readonly #blobAt: number;
  readonly #nowhere: Engine;
  readonly #engines: ReadonlyMap<string, Engine>;
  readonly #all: readonly Engine[];
  /** Of the policy in force: names of nodes by index, and the engine of each egress's gateway. */
  names: readonly string[] = [];
  #ofEgress: readonly Engine[] = [];
  /** By egress IP the node that had it last. */
  readonly #lastOwners = new Map<string, string>();

  private constructor(front: Engine, blobAt: number, nowhere: Engine, engines: ReadonlyMap<string, Engine>) {
    this.#front = front;
    this.#blobAt = blobAt;
    this.#nowhere = nowhere;
    this.#engines = engines;
    this.#all = [...engines.values(), nowhere];
    this.fabric = new Fabric(front, nowhere);
  }

  /**
   * @param blobAt place in the front's arena, behind the frames, that policies are loaded through
   * @param names of all nodes that any policy of the replay knows
   */
  static async start(
    front: Engine,
    blobAt: number,
    names: Iterable<string>,
    wasm: WasmSource | undefined,
  ): Promise<Cluster> {
    const { config } = front;
    const arenaSize = Math.max(NODE_ARENA, config.blobSize);
    const start = () => createEngine({ ...config, arenaSize, maxBatch: 1, hostSize: 0 }, wasm);
    const engines = new Map<string, Engine>();
    for (const name of names) engines.set(name, await start());
    return new Cluster(front, blobAt, await start(), engines);
  }

  loadPolicy(blob: Uint8Array, model: PolicyModel): void {
    this.#front.loadPolicy(blob, this.#blobAt);
    this.#nowhere.loadPolicy(blob);
    for (const engine of this.#engines.values()) engine.loadPolicy(blob);
    this.#number(model);
    this.fabric.recount();
  }

  /** Who is which node, and who has which address, under the policy in force. */
  #number(model: PolicyModel): void {
    this.names = nodeTable(model).map(({ name }) => name);
    const engines = this.names.map((name) => this.#engines.get(name)!);
    const number = new Map(this.names.map((name, index) => [name, index]));
    this.#nowhere.setOwnNode(NOWHERE);
    // Those of nodes that this policy does not know have nothing to do.
    for (const engine of this.#engines.values()) engine.setOwnNode(NOWHERE);
    engines.forEach((engine, index) => {
      engine.setOwnNode(index);
    });
    this.#ofEgress = model.egresses.map(({ node }) => this.#engines.get(node) ?? this.#nowhere);
    const nodeOfEgress = model.egresses.map(({ node }) => number.get(node) ?? -1);
    const ownersIn = (family: Family) => ownersOf(model, family, number, this.#lastOwners);
    this.fabric.setNodes(engines, nodeOfEgress, { 4: ownersIn(4), 6: ownersIn(6) });
  }

  setGateway(node: number, state: GatewayState): void {
    for (const engine of this.#all) engine.setGateway(node, state);
  }

  setReachable(node: number, reachable: boolean): void {
    this.fabric.setDead(node, !reachable);
  }

  nodeLost(node: number): void {
    for (const engine of this.#all) engine.nodeLost(node);
    this.fabric.recount();
  }

  setActive(policy: number, zone: number, members: readonly number[]): void {
    for (const engine of this.#all) engine.setActive(policy, zone, members);
  }

  advance(ns: bigint): void {
    for (const engine of this.#all) engine.advance(...halves(ns));
    this.fabric.recount();
  }

  passTime(ns: bigint): void {
    for (const engine of this.#all) engine.passTime(...halves(ns));
    this.fabric.recount();
  }

  get live(): number {
    return this.fabric.live;
  }

  /** Sums over all nodes; the peak is that of the sum. */
  counters(): EngineCounters {
    const all = this.#all.map((engine) => engine.counters());
    return { ...all.reduce(addCounters), peak: this.fabric.peak };
  }

  /** Each egress as its own gateway's engine counts it. */
  egressStats(): EgressStats[] {
    return this.#ofEgress.map((engine, egress) => engine.egressStatsOf(egress));
  }

  takeTraffic(into: Float64Array): number {
    this.#ofEgress.forEach((engine, egress) => {
      engine.takeTrafficOf(egress, into);
    });
    return this.#ofEgress.length;
  }

  putPortPeaks(peaks: readonly number[]): void {
    for (const engine of this.#all) engine.putPortPeaks(peaks);
  }

  saveState(): Uint8Array {
    throw new UsageError("the state of a cluster of engines cannot be saved, expected topology single");
  }
}

/**
 * By index of the egress the node that has its address of a family now: its own one, unless policies have the address on others only; where
 * none has it any more, the last one that had. -1 where that is not known.
 * @param last node by address: who had it last; brought up to date
 */
function ownersOf(
  model: PolicyModel,
  family: Family,
  number: ReadonlyMap<string, number>,
  last: Map<string, string>,
): number[] {
  const addressOf = ({ egressIPv4, egressIPv6 }: Egress) => {
    const address = family === 4 ? egressIPv4 : egressIPv6;
    return address ? formatAddress(address) : "";
  };
  const holders = new Map<string, string[]>();
  for (const index of membersOf(model)) {
    const egress = model.egresses[index]!;
    const address = addressOf(egress);
    if (address !== "") holders.set(address, [...(holders.get(address) ?? []), egress.node]);
  }
  for (const [address, nodes] of holders) last.set(address, nodes[0]!);
  return model.egresses.map((egress) => {
    const { node } = egress;
    const address = addressOf(egress);
    const isOwn = holders.get(address)?.includes(node) ?? false;
    return number.get(isOwn ? node : (last.get(address) ?? node)) ?? -1;
  });
}
