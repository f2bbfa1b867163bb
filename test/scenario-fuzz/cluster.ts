import type { AzAffinity } from "../../src/config/types.js";
import type { Dice } from "./dice.js";
import type { AddressWords, ClusterWords, GroupWords, NodeWords, PodWords, PolicyWords } from "./words.js";

/** Remotes that endpoints talk to; the policies' CIDRs cut them up in many ways. */
export const REMOTES = ["198.51.100.1", "198.51.100.2", "198.51.100.70", "198.51.100.200", "198.18.0.9", "198.18.7.1"];
const DESTINATIONS = ["0.0.0.0/0", "198.51.100.0/24", "198.51.100.0/25", "198.51.100.64/26", "198.18.0.0/15"];
const EXCLUSIONS = ["198.51.100.2/32", "198.51.100.64/26", "198.18.7.0/24"];
const POOLS = ["203.0.114.0/32", "203.0.114.0/31", "203.0.114.4/30", "203.0.114.8/29", "203.0.114.16/28"];
/** On a device of every gateway whose devices are known: one of them has it at a time. */
const SHARED_IP = "203.0.113.200";
const AFFINITIES: readonly AzAffinity[] = ["disabled", "localOnly", "localOnlyFirst", "localPriority"];
export const APPS = ["red", "blue"];
/** A port on which endpoints serve. */
export const SERVICE_PORT = 8080;

/** A small cluster: some gateways and workers in some zones, a few endpoints, policies of both kinds. */
export function rollCluster(dice: Dice): ClusterWords {
  const zones = ["zone-1", "zone-2", "zone-3"].slice(0, dice.int(0, 3));
  const gateways = rollNodes(dice, "gw", dice.int(2, 6), zones);
  const nodes = [...gateways, ...rollNodes(dice, "worker", dice.int(1, 3), zones)];
  const pods = Array.from({ length: dice.int(2, 8) }, (_, n) => rollPod(dice, `pod-${n}`, `10.0.1.${n + 10}`, nodes));
  const policies = Array.from({ length: dice.int(1, 3) }, (_, n) => rollPolicy(dice, `policy-${n}`));
  return { nodes, pods: [...pods, ...rollHeirs(dice, pods, nodes)], policies };
}

function rollNodes(dice: Dice, kind: "gw" | "worker", count: number, zones: readonly string[]): NodeWords[] {
  const haveZones = zones.length > 0 && dice.chance(90);
  return Array.from({ length: count }, (_, n) => rollNode(dice, kind, n, haveZones ? zones : []));
}

/** Node number `n` of its kind. */
export function rollNode(dice: Dice, kind: "gw" | "worker", n: number, zones: readonly string[]): NodeWords {
  const name = `${kind}-${"abcdefgh"[n]}`;
  const zone = zones.length > 0 && dice.chance(85) ? { zone: dice.pick(zones) } : {};
  if (kind === "worker") return { name, internalIP: `172.18.1.${n + 1}`, ...zone };
  const own = [`203.0.113.${n * 10 + 1}`, ...(dice.chance(20) ? [`203.0.113.${n * 10 + 2}`] : [])];
  return {
    name,
    internalIP: `172.18.0.${n + 1}`,
    ...zone,
    tier: dice.chance(82) ? "one" : "two",
    ...(dice.chance(90) && { addresses: [...own, SHARED_IP] }),
    ...(dice.chance(4) && { drain: true }),
  };
}

/** A pod that is there all the time, or from some second on, or until some second. */
export function rollPod(dice: Dice, name: string, ip: string, nodes: readonly NodeWords[], incarnation = 0): PodWords {
  const createdMs = dice.chance(10) ? dice.int(1, 20) * 1000 : undefined;
  const deletedMs = dice.chance(10) ? (createdMs ?? 0) + dice.int(2, 25) * 1000 : undefined;
  return {
    name,
    uid: `uid-${name}-${incarnation}-${dice.int(0, 999)}`,
    ip,
    ...(dice.chance(85) && { node: dice.pick(nodes).name }),
    app: dice.weighted([
      [10, APPS[0]],
      [8, APPS[1]],
      [1, "idle"],
    ]),
    ...(createdMs !== undefined && { createdMs }),
    ...(deletedMs !== undefined && { deletedMs }),
    ports: dice.chance(60) ? [SERVICE_PORT] : [],
  };
}

/** Pods that get the address of one that has gone. */
function rollHeirs(dice: Dice, pods: readonly PodWords[], nodes: readonly NodeWords[]): PodWords[] {
  return pods.flatMap(({ ip, name, deletedMs }) => {
    if (deletedMs === undefined || dice.chance(40)) return [];
    const { deletedMs: _, ...heir } = rollPod(dice, `${name}-heir`, ip, nodes);
    return [{ ...heir, createdMs: deletedMs + dice.int(0, 3) * 1000 }];
  });
}

/** A policy of either kind. */
export function rollPolicy(dice: Dice, name: string): PolicyWords {
  const isIsovalent = dice.chance(78);
  const pool = isIsovalent && dice.chance(30) ? dice.some(POOLS, dice.int(1, 3)) : undefined;
  const groups = Array.from({ length: dice.chance(30) ? 2 : 1 }, () =>
    rollGroup(dice, isIsovalent, pool !== undefined),
  );
  return {
    kind: isIsovalent ? "IsovalentEgressGatewayPolicy" : "CiliumEgressGatewayPolicy",
    name,
    createdDay: dice.int(1, 9),
    apps: dice.some(APPS, dice.chance(65) ? 2 : 1),
    destinations: dice.chance(45) ? [DESTINATIONS[0]] : dice.some(DESTINATIONS, dice.int(1, 3)),
    excluded: dice.chance(30) ? dice.some(EXCLUSIONS, dice.int(1, 2)) : [],
    ...(pool && { pool }),
    ...(isIsovalent && dice.chance(60) && { affinity: dice.pick(AFFINITIES) }),
    groups,
  };
}

function rollGroup(dice: Dice, isIsovalent: boolean, isPooled: boolean): GroupWords {
  const address: AddressWords = isPooled
    ? {}
    : dice.weighted<AddressWords>([
        [12, { interface: "eth1" }],
        [2, { egressIP: SHARED_IP }],
        [1, {}],
      ]);
  const cap = isIsovalent && dice.chance(35) ? { cap: dice.int(1, 3) } : {};
  return { tier: dice.chance(90) ? "one" : "two", address, ...cap };
}
