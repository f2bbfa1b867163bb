import type { PolicyModel } from "../config/types.js";
import type { GatewayState } from "../engine/engine.js";
import { activeMembers, type PolicyActive } from "./active.js";
import { type AddressMemory, assignAddresses, type Shortage } from "./assignment.js";
import { EgressRegistry } from "./egress-registry.js";
import { initialStatuses } from "./initial.js";
import { engineState, type NodeStatuses, UP } from "./status.js";

/** What is in force at an instant: everything that the engine has to be told. */
export interface GatewayPicture {
  /** Its egresses are those of the registry, with egress IPs as they are assigned now. */
  readonly model: PolicyModel;
  /** Every node of the model and of its egresses, by name; a node that has left the manifests is down. */
  readonly nodes: ReadonlyMap<string, GatewayState>;
  /** By policy index of `model`. */
  readonly active: readonly PolicyActive[];
  /** Active gateways that `egressCIDRs` have no address for; `policy` is an index of `model`. */
  readonly shortages: readonly Shortage[];
}

/** Plays the cluster's operator: which model is in force, which address each gateway has, who is active. Knows no time and no chance. */
export class GatewayControl {
  readonly registry: EgressRegistry;
  #source: PolicyModel;
  /** Nodes that the manifests in force name. */
  #present: ReadonlySet<string>;
  #memory: AddressMemory | undefined;
  #picture: GatewayPicture;

  /** Starts with what the manifests say: addresses and health of `status.groupStatuses`, drained and cordoned nodes. */
  constructor(model: PolicyModel, registry = new EgressRegistry()) {
    this.registry = registry;
    this.#source = model;
    this.#present = nodesOf(model);
    this.#picture = this.#settle(initialStatuses(model));
  }

  get picture(): GatewayPicture {
    return this.#picture;
  }

  /**
   * Takes new statuses of nodes.
   * @returns true where `picture.model` changed, because addresses moved: the policy has to be loaded again
   */
  update(statuses: NodeStatuses): boolean {
    const before = this.#picture;
    const isSame = ([name, state]: [string, string]) => this.#stateOf(name, statuses) === state;
    if ([...before.nodes].every(isSame)) return false;
    const after = this.#settle(statuses);
    const hasMoved = !haveSameMembers(before.model, after.model);
    this.#picture = hasMoved ? after : { ...after, model: before.model };
    return hasMoved;
  }

  /** Brings other manifests into force. Policies that keep their names keep the addresses of their gateways. */
  changeModel(model: PolicyModel, statuses: NodeStatuses): void {
    this.#source = model;
    this.#present = nodesOf(model);
    this.#picture = this.#settle(statuses);
  }

  #settle(statuses: NodeStatuses): GatewayPicture {
    const { model: assigned, memory, shortages } = assignAddresses(this.#source, statuses, this.#memory);
    this.#memory = memory;
    const model = this.registry.adopt(assigned);
    const nodes = new Map([...nodesOf(model)].map((name) => [name, this.#stateOf(name, statuses)]));
    return { model, nodes, active: activeMembers(model, statuses), shortages };
  }

  #stateOf(node: string, statuses: NodeStatuses): GatewayState {
    return this.#present.has(node) ? engineState(statuses.get(node) ?? UP) : "down";
  }
}

function nodesOf({ nodes, egresses }: PolicyModel): Set<string> {
  return new Set([...nodes.map(({ name }) => name), ...egresses.map(({ node }) => node)]);
}

/** Of one source under one registry: the same indexes are the same addresses. */
function haveSameMembers(a: PolicyModel, b: PolicyModel): boolean {
  return a.policies.every(({ egresses }, policy) => {
    const others = b.policies[policy]!.egresses;
    return egresses.length === others.length && egresses.every((egress, position) => egress === others[position]);
  });
}
