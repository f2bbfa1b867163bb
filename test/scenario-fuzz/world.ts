import type { ReplayReport } from "../../src/replay/report-types.js";
import { addressOctets } from "../support/frames.js";
import type { FuzzCase } from "./fuzz-case.js";
import { NodeHistory, nodeHistories } from "./node-history.js";
import { type ClusterWords, type PodWords, type PolicyWords, START_SECONDS } from "./words.js";

const NS_PER_MS = 1e6;

/** What policies say about one endpoint and one remote. */
export type Decision =
  | { readonly kind: "selected"; readonly policy: PolicyWords }
  | { readonly kind: "excluded" | "no-policy" | "cluster-internal" };

/** Nanoseconds since the start of the capture of an RFC 3339 text of a report. */
export function nsOf(text: string): number {
  const fraction = /\.(\d+)Z$/.exec(text)?.[1] ?? "0";
  const seconds = Date.parse(`${text.slice(0, 19)}Z`) / 1000 - START_SECONDS;
  return seconds * 1e9 + Number(fraction.padEnd(9, "0").slice(0, 9));
}

/**
 * What is true at which time in a trial, read plainly off its words: who owns an address, what policies say, which nodes answer. Of the
 * product it takes only what the report says the prober has found. All times: nanoseconds since the start of the capture.
 */
export class World {
  readonly #phases: readonly { readonly ns: number; readonly cluster: ClusterWords }[];
  readonly #nodes: ReadonlyMap<string, NodeHistory>;
  readonly #propagationNs: number;

  constructor(fuzz: FuzzCase, report: Pick<ReplayReport, "healthTransitions">) {
    const { script } = fuzz;
    const phases = [{ ns: -Infinity, cluster: script.clusters[0] }];
    for (const event of script.events)
      if ("manifests" in event) phases.push({ ns: event.atMs * NS_PER_MS, cluster: script.clusters[event.manifests] });
    this.#phases = phases;
    this.#propagationNs = script.propagationMs * NS_PER_MS;
    this.#nodes = nodeHistories(script, report.healthTransitions);
  }

  /** Manifests in force, for pods and nodes. */
  clusterAt(ns: number): ClusterWords {
    return this.#phases.findLast((phase) => phase.ns <= ns)!.cluster;
  }

  /** The owner of an address: of those that had come by then the youngest, if it is still there. */
  podAt(ip: string, ns: number): PodWords | undefined {
    const claims = this.clusterAt(ns).pods.filter((pod) => pod.ip === ip && bornNs(pod) <= ns);
    claims.sort((a, b) => bornNs(a) - bornNs(b) || goneNs(a) - goneNs(b));
    const owner = claims.at(-1);
    return owner && ns < goneNs(owner) ? owner : undefined;
  }

  /** True where policies decide at `ns` as the manifests say: nothing is being programmed for this pod. */
  isSettled(pod: PodWords, ns: number): boolean {
    const isOver = (since: number) => since > ns || since + this.#propagationNs <= ns;
    return isOver(bornNs(pod)) && this.#phases.every((phase) => isOver(phase.ns));
  }

  /** True where manifests, the owner of this address, or what is programmed of either, changed after `fromNs` and not after `toNs`. */
  hasOtherPolicies(ip: string, fromNs: number, toNs: number): boolean {
    const pods = this.#phases.flatMap(({ cluster }) => cluster.pods).filter((pod) => pod.ip === ip);
    const times = [...this.#phases.map(({ ns }) => ns), ...pods.map(bornNs)];
    return times.some((ns) => [ns, ns + this.#propagationNs].some((at) => at > fromNs && at <= toNs));
  }

  /** What the manifests in force at `ns` say. */
  decide(pod: PodWords, remote: string, ns: number): Decision {
    const cluster = this.clusterAt(ns);
    if (isInside(remote, cluster)) return { kind: "cluster-internal" };
    let best: { length: number; decision: Decision } | undefined;
    const policies = [...cluster.policies].filter(({ apps }) => apps.includes(pod.app)).sort(byPrecedence);
    for (const policy of policies) {
      for (const [cidrs, decision] of [
        [policy.excluded, { kind: "excluded" }],
        [policy.destinations, { kind: "selected", policy }],
      ] as const) {
        for (const cidr of cidrs) {
          const length = matchLength(cidr, remote);
          if (length > (best?.length ?? -1)) best = { length, decision };
        }
      }
    }
    return best?.decision ?? { kind: "no-policy" };
  }

  /** Names of the nodes that may be gateways of a policy. */
  gatewaysOf({ groups, kind }: PolicyWords, ns: number): ReadonlySet<string> {
    const nodes = [...this.clusterAt(ns).nodes].sort((a, b) => (a.name < b.name ? -1 : 1));
    const members = groups.flatMap((group) => {
      const matching = nodes.filter(({ tier }) => tier === group.tier);
      return kind === "CiliumEgressGatewayPolicy" ? matching.slice(0, 1) : matching;
    });
    return new Set(members.map(({ name }) => name));
  }

  node(name: string): NodeHistory {
    return this.#nodes.get(name) ?? new NodeHistory(true, false);
  }

  /** True where anything at all happened to any node after `fromNs` and not after `toNs`, or other manifests came. */
  hasChanged(fromNs: number, toNs: number): boolean {
    const within = (ns: number) => ns > fromNs && ns <= toNs;
    const settled = this.#phases.flatMap(({ ns }) => [ns, ns + this.#propagationNs]);
    return settled.some(within) || [...this.#nodes.values()].some((node) => node.times.some(within));
  }
}

function bornNs({ createdMs }: PodWords): number {
  return createdMs === undefined ? -Infinity : createdMs * NS_PER_MS;
}

function goneNs({ deletedMs }: PodWords): number {
  return deletedMs === undefined ? Infinity : deletedMs * NS_PER_MS;
}

function byPrecedence(a: PolicyWords, b: PolicyWords): number {
  if (a.createdDay !== b.createdDay) return a.createdDay - b.createdDay;
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.kind < b.kind ? -1 : 1;
}

function isInside(address: string, { nodes, pods }: ClusterWords): boolean {
  return nodes.some(({ internalIP }) => internalIP === address) || pods.some(({ ip }) => ip === address);
}

/** Length of a prefix that holds `address`, -1 where it does not. */
function matchLength(cidr: string, address: string): number {
  const [base, length] = cidr.split("/");
  const bits = (text: string) => [...addressOctets(text)].map((octet) => octet.toString(2).padStart(8, "0")).join("");
  const count = Number(length);
  return bits(base).slice(0, count) === bits(address).slice(0, count) ? count : -1;
}
