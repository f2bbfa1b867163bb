import { APPS, rollNode, rollPod, rollPolicy } from "./cluster.js";
import type { Dice } from "./dice.js";
import type { ClusterWords, NodeWords, PodWords, PolicyWords } from "./words.js";

// Manifests as somebody has edited them: pods that appear, move and go, labels, policies, nodes.

/** The next set of manifests. @param number of the edit, so that new names are new */
export function editCluster(dice: Dice, before: ClusterWords, number: number): ClusterWords {
  let cluster = before;
  for (let edits = dice.int(1, 3); edits > 0; edits--) {
    const edit = dice.weighted<(dice: Dice, words: ClusterWords, number: number) => ClusterWords>([
      [5, editPods],
      [5, editPolicies],
      [2, editNodes],
    ]);
    cluster = edit(dice, cluster, number * 10 + edits);
  }
  return cluster;
}

function replaced<T>(list: readonly T[], old: T, by: readonly T[]): T[] {
  return list.flatMap((item) => (item === old ? by : [item]));
}

function editPods(dice: Dice, { nodes, pods, policies }: ClusterWords, number: number): ClusterWords {
  const pod = dice.pick(pods);
  const fresh = rollPod(dice, `late-${number}`, `10.0.1.${100 + number}`, nodes, number);
  const moved: PodWords = { ...pod, uid: `${pod.uid}-${number}`, node: dice.pick(nodes).name };
  const list = dice.weighted<() => PodWords[]>([
    [3, () => replaced(pods, pod, [{ ...pod, app: dice.pick([...APPS, "idle"]) }])],
    [2, () => replaced(pods, pod, [moved])],
    [2, () => [...pods, fresh]],
    [1, () => (pods.length > 1 ? pods.filter((other) => other !== pod) : [...pods])],
    [1, () => replaced(pods, pod, [{ ...fresh, ip: pod.ip }])],
  ])();
  return { nodes, pods: list, policies };
}

function editPolicies(dice: Dice, { nodes, pods, policies }: ClusterWords, number: number): ClusterWords {
  const policy = policies.length > 0 ? dice.pick(policies) : undefined;
  const fresh = rollPolicy(dice, `late-${number}`);
  if (!policy || dice.chance(15)) return { nodes, pods, policies: [...policies, fresh] };
  if (dice.chance(12)) return { nodes, pods, policies: policies.filter((other) => other !== policy) };
  return { nodes, pods, policies: replaced(policies, policy, [editPolicy(dice, policy)]) };
}

/** The same policy with one field as another roll would have it. */
function editPolicy(dice: Dice, policy: PolicyWords): PolicyWords {
  const { name, kind, createdDay } = policy;
  const other = rollPolicy(dice, name);
  const field = dice.pick(["apps", "destinations", "excluded", "cap", "affinity", "gateways"] as const);
  if (field === "apps" || field === "destinations" || field === "excluded") return { ...policy, [field]: other[field] };
  if (field === "gateways") return other.kind === kind ? { ...other, createdDay } : policy;
  if (kind === "CiliumEgressGatewayPolicy") return policy;
  if (field === "affinity") return other.affinity ? { ...policy, affinity: other.affinity } : policy;
  return { ...policy, groups: policy.groups.map((group) => ({ ...group, cap: dice.int(1, 3) })) };
}

function editNodes(dice: Dice, { nodes, pods, policies }: ClusterWords): ClusterWords {
  const node = dice.pick(nodes);
  const names = new Set(nodes.map(({ name }) => name));
  const free = [..."abcdefgh"].findIndex((letter) => !names.has(`gw-${letter}`));
  const zones = [...new Set(nodes.flatMap(({ zone }) => zone ?? []))];
  const list = dice.weighted<() => NodeWords[]>([
    [3, () => replaced(nodes, node, [{ ...node, drain: node.drain !== true }])],
    [2, () => (nodes.length > 2 ? nodes.filter((other) => other !== node) : [...nodes])],
    [2, () => (free >= 0 && free < 8 ? [...nodes, rollNode(dice, "gw", free, zones)] : [...nodes])],
    [1, () => replaced(nodes, node, [{ ...node, ...(node.tier && { tier: node.tier === "one" ? "two" : "one" }) }])],
    [1, () => replaced(nodes, node, [rollNode(dice, node.tier ? "gw" : "worker", letterOf(node.name), zones)])],
  ])();
  return { nodes: list, pods, policies };
}

function letterOf(name: string): number {
  return "abcdefgh".indexOf(name.at(-1)!);
}
