import type { NatProfile, PolicyModel } from "../config/types.js";
import { compilePolicy, nodeTable, zoneTable } from "../engine/blob.js";
import type { GatewayState } from "../engine/engine.js";
import type { GatewayPicture } from "../gateway/control.js";
import { formatAddress } from "../net/address.js";
import type { Engines } from "./engines.js";
import { type GatewayPlan, membersOf, type Step } from "./gateway-plan.js";
import type { DeadAddress, Outside } from "./outside.js";

/** Those who have to know how gateways stand. */
export interface Driven {
  readonly engines: Engines;
  readonly outside: Outside;
  /** Numbers of nodes in the outside. */
  readonly nodes: ReadonlyMap<string, number>;
}

/** Tells engines and outside of the plan's picture, and of every change only what differs. */
export class GatewayDriver {
  readonly #driven: Driven;
  readonly #plan: GatewayPlan;
  readonly #natProfile: NatProfile;
  #blob: Uint8Array;
  /** As told last. */
  #indexes: ReadonlyMap<string, number> = new Map();
  #states = new Map<string, GatewayState>();
  #unreachable: ReadonlySet<string> = new Set();
  #active: string[] = [];

  /** @param blob the policy that the engines have loaded, made from the plan's picture */
  constructor(driven: Driven, plan: GatewayPlan, natProfile: NatProfile, blob: Uint8Array) {
    this.#driven = driven;
    this.#plan = plan;
    this.#natProfile = natProfile;
    this.#blob = blob;
    this.#startOver(plan.picture.model);
    this.#tellEngines(plan.picture, plan.queue.unreachable);
    this.#tellOutside(plan.picture.model);
  }

  /** The policy in force. */
  get blob(): Uint8Array {
    return this.#blob;
  }

  /**
   * Brings a change into force.
   * @param beforeLoad called before another policy is loaded, which begins the engines' statistics anew
   */
  apply({ change, picture, isOtherModel }: Step, beforeLoad: () => void): void {
    const { engines, outside } = this.#driven;
    for (const node of change.lost) {
      const index = this.#indexes.get(node);
      if (index !== undefined) engines.nodeLost(index);
    }
    const wasUnreachable = this.#unreachable;
    if (isOtherModel) {
      beforeLoad();
      this.#blob = compilePolicy(picture.model, { natProfile: this.#natProfile });
      engines.loadPolicy(this.#blob, picture.model);
      this.#startOver(picture.model);
    }
    const isTold = this.#tellEngines(picture, change.unreachable);
    if (isOtherModel || wasUnreachable !== change.unreachable) this.#tellOutside(picture.model);
    if (isOtherModel || isTold || change.lost.length > 0) outside.unsettle();
  }

  /** What engines take for granted after they loaded a policy. */
  #startOver(model: PolicyModel): void {
    this.#indexes = new Map(nodeTable(model).map(({ name }, index) => [name, index]));
    this.#states = new Map();
    this.#unreachable = new Set();
    this.#active = [];
  }

  /** @returns true where anything differed from what was told before */
  #tellEngines(picture: GatewayPicture, unreachable: ReadonlySet<string>): boolean {
    const { engines } = this.#driven;
    let isTold = false;
    for (const [node, index] of this.#indexes) {
      const isDead = unreachable.has(node);
      if (isDead !== this.#unreachable.has(node)) {
        engines.setReachable(index, !isDead);
        isTold = true;
      }
      const state = picture.nodes.get(node) ?? "active";
      if (state === (this.#states.get(node) ?? "active")) continue;
      engines.setGateway(index, state);
      this.#states.set(node, state);
      isTold = true;
    }
    this.#unreachable = unreachable;
    return this.#tellActive(picture) || isTold;
  }

  #tellActive({ model, active }: GatewayPicture): boolean {
    const zones: (string | undefined)[] = [undefined, ...zoneTable(model)];
    let isTold = false;
    model.policies.forEach(({ kind, egresses }, policy) => {
      if (kind === "CiliumEgressGatewayPolicy") return;
      const everybody = [...egresses.keys()].join();
      zones.forEach((name, zone) => {
        const members = active[policy]!.byZone.get(name);
        if (!members) return;
        const cell = policy * zones.length + zone;
        if (members.join() === (this.#active[cell] ?? everybody)) return;
        this.#driven.engines.setActive(policy, zone, members);
        this.#active[cell] = members.join();
        isTold = true;
      });
    });
    return isTold;
  }

  /** Which addresses nobody answers under. An address that a living gateway has is alive, whoever had it before. */
  #tellOutside(model: PolicyModel): void {
    const { outside, nodes } = this.#driven;
    const dead = [...this.#unreachable].flatMap((node) => nodes.get(node) ?? []);
    outside.setUnreachable(
      dead,
      this.#unreachable.size === 0 ? [] : this.#deadEgresses(model),
      this.#deadAddresses(model),
    );
  }

  /** Egress by egress the number of the dead node that its address is on. */
  #deadEgresses(model: PolicyModel): (number | undefined)[] {
    const alive = this.#living(model);
    return this.#plan.egresses.map(({ node, egressIPv4 }) => {
      if (!this.#unreachable.has(node)) return undefined;
      return egressIPv4 && alive.has(formatAddress(egressIPv4)) ? undefined : this.#driven.nodes.get(node);
    });
  }

  #deadAddresses(model: PolicyModel): DeadAddress[] {
    if (this.#unreachable.size === 0) return [];
    const alive = this.#living(model);
    return [...membersOf(model)].flatMap((index) => {
      const { node, egressIPv4, egressIPv6 } = model.egresses[index]!;
      const number = this.#driven.nodes.get(node);
      if (number === undefined || !this.#unreachable.has(node)) return [];
      return [egressIPv4, egressIPv6].flatMap((bytes) =>
        bytes && !alive.has(formatAddress(bytes)) ? [{ bytes, node: number }] : [],
      );
    });
  }

  /** Texts of the egress IPs that nodes which answer have. */
  #living(model: PolicyModel): ReadonlySet<string> {
    const living = [...membersOf(model)]
      .map((index) => model.egresses[index]!)
      .filter(({ node }) => !this.#unreachable.has(node));
    return new Set(
      living.flatMap(({ egressIPv4, egressIPv6 }) =>
        [egressIPv4, egressIPv6].flatMap((ip) => (ip ? [formatAddress(ip)] : [])),
      ),
    );
  }
}
