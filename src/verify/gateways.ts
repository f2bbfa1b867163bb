import type { Endpoint, Policy, PolicyModel } from "../config/types.js";
import { uidHash } from "./interpreter.js";
import type { FrameObservation } from "./types.js";

/**
 * A plain reading of who may carry connections under one model while nodes stand in one way (design: High availability). Which of
 * several gateways a connection is given is never predicted.
 */
export class Gateways {
  readonly #model: PolicyModel;
  /** Another system's gateways: nothing is known of how they stand and which of them are active. */
  readonly #isForeign: boolean;
  /** Nodes that keep no connections. */
  readonly down = new Set<string>();
  /** Nodes that take no new ones: those that are down, drained, or without their agent. */
  readonly #resting = new Set<string>();
  /** Answers so far, by policy and node of the endpoint. */
  readonly #active = new Map<string, readonly number[]>();

  constructor(model: PolicyModel, statuses: FrameObservation["statuses"], isForeign = false) {
    this.#model = model;
    this.#isForeign = isForeign;
    for (const [node, { health, agent, drained, removed }] of statuses ?? []) {
      if (removed || health === "down") this.down.add(node);
      if (this.down.has(node) || drained || agent === "down") this.#resting.add(node);
    }
  }

  /**
   * Egresses that new connections of `endpoint` may be given: of each group the first in order of names, several groups together.
   * `localOnlyFirst` looks at other zones once no group has a gateway in the endpoint's own.
   */
  active(policy: Policy, endpoint: Endpoint): readonly number[] {
    if (policy.kind === "CiliumEgressGatewayPolicy") return ofHash(policy, endpoint);
    const key = `${policy.name} ${endpoint.node}`;
    const known = this.#active.get(key);
    if (known) return known;
    const zone = this.#model.nodes.find(({ name }) => name === endpoint.node)?.zone;
    const isLocal = (index: number) => zone !== undefined && this.#model.egresses[index]!.zone === zone;
    const groups = policy.groups ?? [{ egresses: policy.egresses, maxGatewayNodes: undefined }];
    const hasLocal = groups.some(({ egresses }) => this.#ready(egresses).some(isLocal));
    const active = groups.flatMap(({ egresses, maxGatewayNodes }) => {
      const ready = this.#ready(egresses);
      const [local, others] = [ready.filter(isLocal), ready.filter((index) => !isLocal(index))];
      if (this.#isForeign) return policy.azAffinity === "localOnly" ? local : ready;
      const localOnlyFirst = hasLocal ? local : others;
      const candidates = { disabled: ready, localOnly: local, localOnlyFirst, localPriority: [...local, ...others] };
      return candidates[policy.azAffinity].slice(0, maxGatewayNodes);
    });
    this.#active.set(key, active);
    return active;
  }

  /** Egresses that connections of `endpoint` may stay on. */
  healthy(policy: Policy, endpoint: Endpoint): readonly number[] {
    if (policy.kind === "CiliumEgressGatewayPolicy" || this.#isForeign) return this.active(policy, endpoint);
    return policy.egresses.filter((index) => !this.down.has(this.#node(index)));
  }

  #ready(egresses: readonly number[]): readonly number[] {
    const byName = [...egresses].sort((a, b) => (this.#node(a) < this.#node(b) ? -1 : 1));
    return byName.filter((index) => !this.#resting.has(this.#node(index)));
  }

  #node(egress: number): string {
    return this.#model.egresses[egress]!.node;
  }
}

/** The one gateway of an endpoint under a CiliumEgressGatewayPolicy, which knows neither health nor zones. */
function ofHash({ egresses }: Policy, endpoint: Endpoint): readonly number[] {
  return egresses.length === 0 ? [] : [egresses[uidHash(endpoint.uid) % egresses.length]!];
}
