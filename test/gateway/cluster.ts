import type { Egress, PolicyModel } from "../../src/config/types.js";
import type { PolicyActive } from "../../src/gateway/active.js";
import type { NodeStatus } from "../../src/gateway/status.js";
import { UP } from "../../src/gateway/status.js";
import { formatAddress } from "../../src/net/address.js";
import { GATEWAY_LABELS, groupPolicy, load, node, pod } from "../config/manifests.js";

/** What may be known of a node, in one word. */
export type Word = "up" | "suspect" | "down" | "agent-down" | "drained" | "removed";

const STATUS: Readonly<Record<Word, NodeStatus>> = {
  up: UP,
  suspect: { ...UP, health: "suspect" },
  down: { ...UP, health: "down", agent: "down" },
  "agent-down": { ...UP, agent: "down" },
  drained: { ...UP, drained: true },
  removed: { ...UP, removed: true },
};

export const WORDS = Object.keys(STATUS) as Word[];

export function statuses(words: Readonly<Record<string, Word>>): Map<string, NodeStatus> {
  return new Map(Object.entries(words).map(([name, word]) => [name, STATUS[word]]));
}

/** A gateway by name: the letters in front of its number are its zone, unless they are `x`. Its gateway IP ends in `index` + 1. */
export function gateway(name: string, index: number, more: Parameters<typeof node>[2] = {}): object {
  const zone = name.replace(/\d+$/, "");
  const zoneLabel: Record<string, string> = zone === "x" ? {} : { "topology.kubernetes.io/zone": zone };
  return node(name, `172.18.0.${index + 1}`, { ...more, labels: { ...GATEWAY_LABELS, ...zoneLabel, ...more.labels } });
}

export function gateways(...names: string[]): object[] {
  return names.map((name, index) => gateway(name, index));
}

export const POD = pod("web", "10.0.0.1");

/** A policy `ha` with one group of all gateways. */
export function haPolicy(spec: object = {}, group: object = {}, more: object = {}): object {
  const groups = [{ nodeSelector: { matchLabels: GATEWAY_LABELS }, ...group }];
  return groupPolicy("ha", { egressGroups: groups, ...spec }, more);
}

/** A group of the gateways of one zone. */
export function zoneGroup(zone: string, more: object = {}): object {
  return { nodeSelector: { matchLabels: { ...GATEWAY_LABELS, "topology.kubernetes.io/zone": zone } }, ...more };
}

export function haModel(names: readonly string[], spec: object = {}, group: object = {}): PolicyModel {
  return load([POD, ...gateways(...names), haPolicy(spec, group)]);
}

/** Egresses of a policy's members, in their order. */
export function membersOf(model: PolicyModel, policy = 0): Egress[] {
  return model.policies[policy]!.egresses.map((index) => model.egresses[index]!);
}

/** Names of the nodes that take new connections of endpoints in `zone`. */
export function activeNames(
  model: PolicyModel,
  active: readonly PolicyActive[],
  zone: string | undefined,
  policy = 0,
): string[] {
  return active[policy]!.byZone.get(zone)!.map((position) => membersOf(model, policy)[position]!.node);
}

/** `node address` of each member, IPv4 (or else `family`); `-` where it has none. */
export function addressesOf(model: PolicyModel, policy = 0, family: 4 | 6 = 4): string[] {
  return membersOf(model, policy).map((egress) => {
    const address = family === 4 ? egress.egressIPv4 : egress.egressIPv6;
    return `${egress.node} ${address ? formatAddress(address) : "-"}`;
  });
}
