import type { FaultLog } from "./fault-log.js";
import type { Tenure } from "./ownership.js";
import type { NodeRecord, PolicyRecord } from "./records.js";
import { matchesSelector } from "./selector.js";
import type { PolicySet, PolicySetEntry } from "./types.js";
import type { Workload } from "./workloads.js";

export interface PolicySetModel {
  readonly policySets: readonly PolicySet[];
  /** For each tenure the index of its set, -1 where no policy selects it. */
  readonly setOf: readonly number[];
  /** Workloads that a policy selects, by index of the policy. */
  readonly selected: readonly ReadonlySet<Workload>[];
}

/**
 * Order of precedence where two policies say something about one endpoint and prefix (the original leaves it open): older first, then by name.
 * Policies without a creation time come last.
 */
export function byPrecedence(a: PolicyRecord, b: PolicyRecord): number {
  const [ageA, ageB] = [a.metadata.createdNs, b.metadata.createdNs];
  if (ageA !== ageB) {
    if (ageA === undefined || ageB === undefined) return ageA === undefined ? 1 : -1;
    return ageA < ageB ? -1 : 1;
  }
  if (a.metadata.name !== b.metadata.name) return a.metadata.name < b.metadata.name ? -1 : 1;
  return a.kind < b.kind ? -1 : 1;
}

/** Which policies select which endpoints, and what follows for each destination prefix. `policies` come in their order of precedence. */
export function buildPolicySets(
  tenures: readonly Tenure[],
  policies: readonly PolicyRecord[],
  nodes: ReadonlyMap<string, NodeRecord>,
  log: FaultLog,
): PolicySetModel {
  const matcher = new PolicyMatcher(policies, nodes);
  const selected = policies.map(() => new Set<Workload>());
  const setOfList = new Map<string, number>();
  const policySets: PolicySet[] = [];
  const conflicts = new ConflictLog(policies, log);
  const setOf = tenures.map(({ workload }) => {
    const matching = matcher.match(workload);
    for (const policy of matching) selected[policy]!.add(workload);
    if (matching.length === 0) return -1;
    const key = matching.join(" ");
    let index = setOfList.get(key);
    if (index === undefined) {
      index = policySets.length;
      setOfList.set(key, index);
      policySets.push(mergePolicies(matching, policies, conflicts, workload));
    }
    return index;
  });
  return { policySets, setOf, selected };
}

class PolicyMatcher {
  readonly #policies: readonly PolicyRecord[];
  readonly #nodes: ReadonlyMap<string, NodeRecord>;
  readonly #byLabels = new Map<string, number[]>();
  readonly #labelKeys = new Map<ReadonlyMap<string, string>, string>();
  readonly #allowsNode = new Map<string, boolean>();
  readonly #index: RuleIndex;

  constructor(policies: readonly PolicyRecord[], nodes: ReadonlyMap<string, NodeRecord>) {
    this.#policies = policies;
    this.#nodes = nodes;
    this.#index = new RuleIndex(policies);
  }

  /** Indexes of the policies that select `workload`, ascending. */
  match(workload: Workload): number[] {
    const key = this.#labelKey(workload.labels);
    let byLabels = this.#byLabels.get(key);
    if (!byLabels) {
      byLabels = this.#index.match(workload.labels);
      this.#byLabels.set(key, byLabels);
    }
    return byLabels.filter((policy) => this.#allows(policy, workload.node));
  }

  #labelKey(labels: ReadonlyMap<string, string>): string {
    let key = this.#labelKeys.get(labels);
    if (key === undefined) {
      key = JSON.stringify([...labels].sort(([a], [b]) => (a < b ? -1 : 1)));
      this.#labelKeys.set(labels, key);
    }
    return key;
  }

  #allows(policy: number, nodeName: string | undefined): boolean {
    const { nodeSelectors } = this.#policies[policy]!;
    if (nodeSelectors.length === 0) return true;
    const node = nodeName === undefined ? undefined : this.#nodes.get(nodeName);
    if (!node) return false;
    const key = `${policy} ${node.name}`;
    let allows = this.#allowsNode.get(key);
    if (allows === undefined) {
      allows = nodeSelectors.some((selector) => matchesSelector(selector, node.labels));
      this.#allowsNode.set(key, allows);
    }
    return allows;
  }
}

interface IndexedRule {
  readonly policy: number;
  readonly requirements: PolicyRecord["rules"][number]["requirements"];
}

/** Rules by one label that they ask for, so that an endpoint is only held against rules that may select it. */
class RuleIndex {
  readonly #byLabel = new Map<string, IndexedRule[]>();
  readonly #others: IndexedRule[] = [];

  constructor(policies: readonly PolicyRecord[]) {
    policies.forEach(({ rules }, policy) => {
      for (const { requirements } of rules) this.#add({ policy, requirements });
    });
  }

  #add(rule: IndexedRule): void {
    const asked = rule.requirements.findLast(({ operator }) => operator === "In");
    if (!asked) {
      this.#others.push(rule);
      return;
    }
    for (const value of new Set(asked.values)) {
      const key = `${asked.key}\0${value}`;
      const known = this.#byLabel.get(key);
      if (known) known.push(rule);
      else this.#byLabel.set(key, [rule]);
    }
  }

  match(labels: ReadonlyMap<string, string>): number[] {
    const found = new Set<number>();
    if (labels.size === 0) return [];
    const consider = ({ policy, requirements }: IndexedRule) => {
      if (!found.has(policy) && matchesSelector(requirements, labels)) found.add(policy);
    };
    for (const [key, value] of labels) this.#byLabel.get(`${key}\0${value}`)?.forEach(consider);
    this.#others.forEach(consider);
    return [...found].sort((a, b) => a - b);
  }
}

/** One entry per prefix: of one policy, excluded wins; of several, the first in precedence. Longest prefix matching is the reader's business. */
function mergePolicies(
  matching: readonly number[],
  policies: readonly PolicyRecord[],
  conflicts: ConflictLog,
  workload: Workload,
): PolicySet {
  const entries = new Map<string, PolicySetEntry>();
  for (const policy of matching) {
    const { excluded, destinations } = policies[policy]!;
    for (const [list, isExcluded] of [[excluded, true] as const, [destinations, false] as const]) {
      for (const prefix of list) {
        const known = entries.get(prefix.text);
        if (!known) entries.set(prefix.text, { prefix, excluded: isExcluded, policy });
        else if (known.policy !== policy) conflicts.note(known.policy, policy, prefix.text, workload);
      }
    }
  }
  return { entries: [...entries.values()] };
}

/** One warning per pair of policies, however many endpoints and prefixes they share. */
class ConflictLog {
  readonly #policies: readonly PolicyRecord[];
  readonly #log: FaultLog;
  readonly #seen = new Set<string>();

  constructor(policies: readonly PolicyRecord[], log: FaultLog) {
    this.#policies = policies;
    this.#log = log;
  }

  note(winner: number, loser: number, prefix: string, workload: Workload): void {
    const key = `${winner} ${loser}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const [first, second] = [this.#policies[winner]!, this.#policies[loser]!];
    const isOlder = first.metadata.createdNs !== second.metadata.createdNs;
    const text = `${second.field.label} and ${first.field.label} both set ${prefix} for ${workload.field.label}: the original leaves open which wins, here ${first.metadata.name} does, being ${isOlder ? "older" : "first by name"}`;
    this.#log.warn("policies in conflict", text, second.field.place("value"));
  }
}
