import type { Endpoint, Policy, PolicyModel, PolicySet, PolicySetEntry } from "../config/types.js";
import { type Prefix, prefixContains } from "../net/address.js";

/**
 * What is in force between a change of manifests and the moment at which it is programmed everywhere. Pods, their addresses and nodes are those
 * of `after`. An endpoint that `before` knows (same UID) is decided for as before; prefixes that `after` selects for it where `before` says
 * nothing are not programmed yet. For a new endpoint that holds of all its prefixes.
 * Policies of `before` come first, under their indexes; those that only entries of `after` name follow, without gateways.
 */
export function programmingModel(before: PolicyModel, after: PolicyModel): PolicyModel {
  const sets = new SetMerger(before, after);
  const setBefore = new Map(before.endpoints.map(({ uid, policySet }) => [uid, policySet]));
  const endpoints = after.endpoints.map((endpoint): Endpoint => {
    const policySet = sets.merge(setBefore.get(endpoint.uid) ?? -1, endpoint.policySet);
    return { ...endpoint, policySet };
  });
  const names = new Set(after.nodes.map(({ name }) => name));
  return {
    ...after,
    nodes: [...after.nodes, ...before.nodes.filter(({ name }) => !names.has(name))],
    endpoints,
    egresses: before.egresses,
    policies: sets.policies,
    policySets: sets.policySets,
    settings: before.settings,
  };
}

/** Joins policy sets of two models into those of a third; each pair is joined once. */
class SetMerger {
  readonly policySets: PolicySet[] = [];
  readonly policies: Policy[];
  readonly #before: PolicyModel;
  readonly #after: PolicyModel;
  readonly #known = new Map<string, number>();
  /** Index of each policy of `after` in `policies`. */
  readonly #policyIndexes = new Map<number, number>();

  constructor(before: PolicyModel, after: PolicyModel) {
    this.#before = before;
    this.#after = after;
    this.policies = [...before.policies];
  }

  /** Index of the set for an endpoint that had set `old` and is to have set `next`; -1 = none. */
  merge(old: number, next: number): number {
    if (old < 0 && next < 0) return -1;
    const key = `${old} ${next}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const decided = this.#before.policySets[old]?.entries ?? [];
    const wanted = this.#after.policySets[next]?.entries ?? [];
    const undecided = wanted.filter(({ prefix }) => !decided.some((entry) => covers(entry.prefix, prefix)));
    const entries = [...decided, ...undecided.map((entry) => this.#waiting(entry))];
    this.#known.set(key, this.policySets.length);
    return this.policySets.push({ entries }) - 1;
  }

  /** An excluded prefix stays what it is: its frames pass either way, and it keeps the prefixes around it from deciding for them. */
  #waiting(entry: PolicySetEntry): PolicySetEntry {
    const policy = this.#indexOf(entry.policy);
    return entry.excluded ? { ...entry, policy } : { ...entry, policy, notYet: true };
  }

  #indexOf(index: number): number {
    const known = this.#policyIndexes.get(index);
    if (known !== undefined) return known;
    const policy = this.#after.policies[index]!;
    const old = this.#before.policies.findIndex(({ kind, name }) => kind === policy.kind && name === policy.name);
    const found = old >= 0 ? old : this.policies.push(withoutGateways(policy)) - 1;
    this.#policyIndexes.set(index, found);
    return found;
  }
}

function covers(outer: Prefix, inner: Prefix): boolean {
  return outer.family === inner.family && outer.length <= inner.length && prefixContains(outer, inner.bytes);
}

/** It decides nothing yet, so it must not claim addresses either. */
function withoutGateways(policy: Policy): Policy {
  const { egressCIDRs: _cidrs, groupStatuses: _statuses, ...rest } = policy;
  const groups = (policy.groups ?? []).map((group) => ({ ...group, egresses: [] }));
  return { ...rest, egresses: [], ...(policy.groups && { groups }) };
}

/**
 * The model with the delay at which policies of new pods are programmed: an endpoint that owns its addresses from some time on has a row in
 * front of its own that covers the first `propagationMs` milliseconds, with the same prefixes, not programmed yet. Rows of one address do
 * not overlap. Without delay, the model itself.
 */
export function delayedOwnership(model: PolicyModel, propagationMs: number): PolicyModel {
  const delayNs = BigInt(Math.round(propagationMs * 1e6));
  if (delayNs <= 0n) return model;
  const policySets = [...model.policySets];
  const waiting = new Map<number, number>();
  const waitingSet = (set: number): number => {
    const known = waiting.get(set);
    if (known !== undefined) return known;
    const entries = model.policySets[set]!.entries.map((entry) =>
      entry.excluded ? entry : { ...entry, notYet: true },
    );
    waiting.set(set, policySets.length);
    return policySets.push({ entries }) - 1;
  };
  const endpoints = model.endpoints.flatMap((endpoint): Endpoint[] => {
    const { fromNs, toNs, policySet } = endpoint;
    if (fromNs === undefined || policySet < 0) return [endpoint];
    const programmedNs = fromNs + delayNs;
    if (toNs !== undefined && toNs <= programmedNs) return [{ ...endpoint, policySet: waitingSet(policySet) }];
    return [
      { ...endpoint, toNs: programmedNs, policySet: waitingSet(policySet) },
      { ...endpoint, fromNs: programmedNs },
    ];
  });
  return { ...model, endpoints, policySets };
}
