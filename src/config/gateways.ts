import type { AddressBytes } from "../net/address.js";
import { addressKey, compareAddresses } from "./addresses.js";
import { allocatePools } from "./allocation.js";
import type { DeviceTable } from "./devices.js";
import { familiesOf, type Member, Placeholders, type ResolvedEgress, resolveEgress } from "./egress.js";
import type { FaultLog } from "./fault-log.js";
import { firstOfFamily } from "./read-cluster.js";
import { MOST_GATEWAYS } from "./read-policy.js";
import type { ClusterRecords, GatewayRecord, NodeRecord, PolicyRecord } from "./records.js";
import { formatSelector, matchesSelector } from "./selector.js";
import { Standings } from "./standing.js";
import type { Egress, EgressGroup, Policy } from "./types.js";

export interface GatewayModel {
  readonly egresses: readonly Egress[];
  readonly policies: readonly Policy[];
}

/** Resolves gateways and egress addresses of all policies, which come in their order of precedence. */
export function resolveGateways(
  policies: readonly PolicyRecord[],
  records: ClusterRecords,
  devices: DeviceTable,
  log: FaultLog,
): GatewayModel {
  const nodes = [...records.nodes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const placeholders = collectPlaceholders(policies, nodes, records, devices);
  const members = policies.map((policy) => selectMembers(policy, nodes, devices, placeholders));
  if (policies.some(({ egressCIDRs }) => egressCIDRs.length > 0)) {
    const undivided = buildModel(policies, members);
    const standings = new Standings({ ...undivided, nodes });
    const active = undivided.policies.map((policy) => standings.activeNodes(policy));
    allocatePools(policies, members, { active, isHealthy: (node) => standings.isHealthy(node) }, log);
  }
  settleSharedAddresses(members.flat(), log);
  return buildModel(policies, members);
}

function buildModel(policies: readonly PolicyRecord[], members: readonly (readonly Member[])[]): GatewayModel {
  const table = new EgressTable();
  return {
    policies: policies.map((policy, index) => buildPolicy(policy, members[index]!, table)),
    egresses: table.egresses,
  };
}

function nodesOf(policy: PolicyRecord, gateway: GatewayRecord, nodes: readonly NodeRecord[]): NodeRecord[] {
  const matching = nodes.filter(({ labels }) => matchesSelector(gateway.nodeSelector, labels));
  return policy.kind === "CiliumEgressGatewayPolicy" ? matching.slice(0, 1) : matching;
}

function collectPlaceholders(
  policies: readonly PolicyRecord[],
  nodes: readonly NodeRecord[],
  records: ClusterRecords,
  devices: DeviceTable,
): Placeholders {
  const wanted: [string, string][] = [];
  const used: AddressBytes[] = nodes.flatMap(({ internalIPs }) => internalIPs);
  for (const policy of policies) {
    for (const gateway of policy.gateways) {
      if (gateway.egressIP) used.push(gateway.egressIP);
      if (gateway.interfaceName === undefined || policy.egressCIDRs.length > 0) continue;
      for (const node of nodesOf(policy, gateway, nodes))
        if (!devices.get(node.name)) wanted.push([node.name, gateway.interfaceName]);
    }
  }
  for (const pod of records.pods) used.push(...pod.addresses);
  for (const node of devices.nodeNames)
    for (const device of devices.get(node)!.devices.values()) used.push(...device.addresses);
  wanted.sort(([nodeA, nameA], [nodeB, nameB]) =>
    nodeA === nodeB ? (nameA < nameB ? -1 : 1) : nodeA < nodeB ? -1 : 1,
  );
  return new Placeholders(wanted, used);
}

function selectMembers(
  policy: PolicyRecord,
  nodes: readonly NodeRecord[],
  devices: DeviceTable,
  placeholders: Placeholders,
): Member[] {
  const families = familiesOf(policy.destinations);
  const members: Member[] = [];
  let isTooMany = false;
  policy.gateways.forEach((gateway, entry) => {
    const selected = nodesOf(policy, gateway, nodes);
    if (selected.length === 0) warnNoNode(policy, gateway);
    const isPooled = policy.egressCIDRs.length > 0;
    for (const node of selected) {
      const resolved = isPooled
        ? pooledEgress(node, gateway)
        : resolveEgress(node, gateway, families, devices, placeholders);
      members.push({ entry, resolved });
    }
    const count = members.length > MOST_GATEWAYS && !isTooMany ? countGateways(members) : 0;
    if (count > MOST_GATEWAYS) {
      isTooMany = true;
      gateway.field
        .get("nodeSelector")
        .withValue(`${formatSelector(gateway.nodeSelector)}: ${count} gateways`)
        .fault(`at most ${MOST_GATEWAYS} gateways in a policy`);
    }
  });
  for (const { resolved } of members) warnMember(policy, resolved, policy.gateways);
  return policy.kind === "CiliumEgressGatewayPolicy" ? members.sort(byGatewayIP) : members.sort(byNode);
}

/** A node that several groups select counts once for each address that it has by them. */
function countGateways(members: readonly Member[]): number {
  const table = new EgressTable();
  for (const member of members) table.indexOf(member);
  return table.egresses.length;
}

function warnNoNode(policy: PolicyRecord, gateway: GatewayRecord): void {
  const selector = formatSelector(gateway.nodeSelector);
  const effect = policy.gateways.length > 1 ? "this entry is skipped" : "its traffic is dropped, no-egress-gateway";
  gateway.field
    .get("nodeSelector")
    .warn("gateway selector without node", `${policy.field.label}: no node matches ${selector}, ${effect}`);
}

function warnMember(policy: PolicyRecord, resolved: ResolvedEgress, gateways: readonly GatewayRecord[]): void {
  const families = familiesOf(policy.destinations);
  const lacks = (families.wantsIPv4 && !resolved.egressIPv4) || (families.wantsIPv6 && !resolved.egressIPv6);
  if (lacks && policy.egressCIDRs.length === 0) {
    gateways[0]!.field.warn(
      "gateway without egress IP",
      `${policy.field.label}: ${resolved.note ?? "no address"}, its traffic is dropped, no-egress-ip`,
    );
  }
  if (!firstOfFamily(resolved.node.internalIPs, 4)) {
    const text = `${policy.field.label}: gateway node ${resolved.node.name} has no IPv4 InternalIP, nothing can be encapsulated to it`;
    gateways[0]!.field.warn("gateway without InternalIP", text);
  }
}

/** Before the pool has been divided. */
function pooledEgress(node: NodeRecord, gateway: GatewayRecord): ResolvedEgress {
  const { interfaceName } = gateway;
  return { node, egressIPv4: undefined, egressIPv6: undefined, assumed: false, interfaceName, note: undefined };
}

function byGatewayIP(a: Member, b: Member): number {
  const [left, right] = [firstOfFamily(a.resolved.node.internalIPs, 4), firstOfFamily(b.resolved.node.internalIPs, 4)];
  if (!left || !right) return left ? -1 : right ? 1 : 0;
  return compareAddresses(left, right);
}

function byNode(a: Member, b: Member): number {
  if (a.resolved.node.name !== b.resolved.node.name) return a.resolved.node.name < b.resolved.node.name ? -1 : 1;
  return a.entry - b.entry;
}

/** An address is on one node at a time: the first by name has it, the others claim it. */
function settleSharedAddresses(members: readonly Member[], log: FaultLog): void {
  const byAddress = new Map<string, Member[]>();
  for (const member of members) {
    for (const address of [member.resolved.egressIPv4, member.resolved.egressIPv6]) {
      if (!address) continue;
      const known = byAddress.get(addressKey(address));
      if (known) known.push(member);
      else byAddress.set(addressKey(address), [member]);
    }
  }
  for (const [address, holders] of byAddress) {
    const nodes = [...new Set(holders.map(({ resolved }) => resolved.node.name))].sort();
    if (nodes.length < 2) continue;
    const owner = nodes[0]!;
    const text = `egress IP ${address} is to be on nodes ${nodes.join(", ")}: one has it at a time, ${owner} to begin with; the others drop their traffic, no-egress-ip`;
    log.warn("shared egress IP", text);
    for (const member of holders) if (member.resolved.node.name !== owner) yieldAddress(member, address);
  }
}

function yieldAddress(member: Member, address: string): void {
  const { egressIPv4, egressIPv6 } = member.resolved;
  if (egressIPv4 && addressKey(egressIPv4) === address) {
    member.claimsIPv4 = egressIPv4;
    member.resolved.egressIPv4 = undefined;
  }
  if (egressIPv6 && addressKey(egressIPv6) === address) {
    member.claimsIPv6 = egressIPv6;
    member.resolved.egressIPv6 = undefined;
  }
}

/** All egresses of the model, equal ones shared between policies. */
class EgressTable {
  readonly egresses: Egress[] = [];
  readonly #indexes = new Map<string, number>();

  indexOf({ resolved, claimsIPv4, claimsIPv6 }: Member): number {
    const zone = resolved.node.labels.get("topology.kubernetes.io/zone");
    const egress: Egress = {
      node: resolved.node.name,
      zone: zone === "" ? undefined : zone,
      gatewayIP: firstOfFamily(resolved.node.internalIPs, 4),
      egressIPv4: resolved.egressIPv4,
      egressIPv6: resolved.egressIPv6,
      assumed: resolved.assumed,
      interfaceName: resolved.interfaceName,
      ...(claimsIPv4 && { claimsIPv4 }),
      ...(claimsIPv6 && { claimsIPv6 }),
      ...(resolved.note !== undefined && { note: resolved.note }),
    };
    const key = JSON.stringify(egress, (_, value) => (value instanceof Uint8Array ? addressKey(value) : value));
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    this.#indexes.set(key, this.egresses.length);
    this.egresses.push(egress);
    return this.egresses.length - 1;
  }
}

function buildPolicy(policy: PolicyRecord, members: readonly Member[], table: EgressTable): Policy {
  const indexes = members.map((member) => table.indexOf(member));
  const groups = policy.gateways.map(
    (gateway, entry): EgressGroup => ({
      egresses: indexes.filter((_, i) => members[i]!.entry === entry),
      maxGatewayNodes: gateway.maxGatewayNodes,
      interfaceName: gateway.interfaceName,
      egressIP: gateway.egressIP,
    }),
  );
  const common = {
    kind: policy.kind,
    name: policy.metadata.name,
    createdAt: policy.metadata.createdAt,
    destinations: policy.destinations,
    excluded: policy.excluded,
    egresses: policy.kind === "CiliumEgressGatewayPolicy" ? indexes : [...new Set(indexes)],
    azAffinity: policy.azAffinity,
    timeouts: policy.timeouts,
  };
  if (policy.kind === "CiliumEgressGatewayPolicy") return common;
  return { ...common, groups, egressCIDRs: policy.egressCIDRs, groupStatuses: policy.status };
}
