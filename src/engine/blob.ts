import * as abi from "../../assembly/abi.js";
import { fnv1a32 } from "../config/fnv.js";
import type { Egress, Endpoint, NatProfile, PolicyModel } from "../config/types.js";
import { EngineError } from "../errors.js";
import { type AddressBytes, familyOf, formatAddress, type Prefix } from "../net/address.js";
import { compareBytes } from "../net/bytes.js";
import { BlobWriter, writeAddress } from "./blob-writer.js";
import { egressKey } from "./egress-key.js";
import { unselectedPrefixes } from "./fixed-prefixes.js";
import { lifetimeTable } from "./lifetimes.js";

const FOR_EVER = 0xffff_ffff_ffff_ffffn;
const PROTOCOL_NUMBERS = { TCP: 6, UDP: 17, SCTP: 132 } as const;

/** How a policy is compiled. */
export interface CompileOptions {
  /** Must be the profile that the engine is configured with: it decides the lifetime after a reset. Default: that of the settings. */
  readonly natProfile?: NatProfile;
}

/** A row of the node table. */
export interface NodeRow {
  readonly name: string;
  /** Where encapsulated frames for this node go. */
  readonly address: AddressBytes | undefined;
  readonly zone: string | undefined;
}

interface PrefixRow {
  readonly set: number;
  readonly prefix: Prefix;
  readonly value: number;
}

interface EndpointRow {
  readonly address: AddressBytes;
  readonly from: bigint;
  readonly to: bigint;
  readonly endpoint: Endpoint;
}

/**
 * The policy blob (docs/abi.md) of a model: what `Engine.loadPolicy` takes. A pure function of its arguments; the same model gives the
 * same bytes. Indexes in verdicts refer to `model.egresses`, `model.policies` and `nodeTable(model)`.
 * @throws {EngineError} naming the limit or the rule that the model breaks
 */
export function compilePolicy(model: PolicyModel, options: CompileOptions = {}): Uint8Array<ArrayBuffer> {
  const writer = new BlobWriter();
  const nodes = nodeTable(model);
  const nodeIndex = new Map(nodes.map((node, index) => [node.name, index]));
  const lifetimes = lifetimeTable(model, options.natProfile ?? model.settings.natProfile?.value ?? "cilium");
  writeNodes(writer, nodes);
  writeEgresses(writer, model, nodeIndex);
  writePolicies(writer, model, lifetimes.rowOfPolicy);
  writePrefixes(writer, model);
  writeEndpoints(writer, model, nodeIndex);
  writer.section(abi.SECTION_TIMEOUTS, lifetimes.rows, (view, at, row) => {
    row.forEach((ms, kind) => {
      view.setUint32(at + kind * 4, ms, true);
    });
  });
  const { low, high } = model.settings.snatPorts.value;
  if (!isPort(low) || !isPort(high) || low > high) {
    throw new EngineError(`policy: NAT ports are ${low} to ${high}, expected a range within 1 to 65535`);
  }
  return writer.finish(low, high);
}

/**
 * The nodes that the engine numbers: those of the model in its order, then those that only an endpoint or an egress names, by name.
 * `setGateway` and verdicts use the index into this list.
 */
export function nodeTable(model: PolicyModel): NodeRow[] {
  const rows = new Map<string, NodeRow>();
  for (const { name, zone, internalIPs } of model.nodes) {
    rows.set(name, { name, zone, address: internalIPs.find((ip) => familyOf(ip) === 4) ?? internalIPs[0] });
  }
  const others = new Map<string, NodeRow>();
  // An egress of earlier manifests stays in its place; that its Node is gone takes the zone along.
  for (const { node, gatewayIP } of model.egresses) {
    if (!rows.has(node) && !others.has(node)) others.set(node, { name: node, zone: undefined, address: gatewayIP });
  }
  for (const { node } of model.endpoints) {
    if (node === undefined || rows.has(node) || others.has(node)) continue;
    others.set(node, { name: node, zone: undefined, address: undefined });
  }
  const named = [...others.values()].sort((a, b) => compareText(a.name, b.name));
  return [...rows.values(), ...named];
}

/** Zones of the node table by name: the engine's number of a zone is its index plus one, and 0 stands for none. */
export function zoneTable(model: PolicyModel): string[] {
  return zonesOf(nodeTable(model));
}

function zonesOf(nodes: readonly NodeRow[]): string[] {
  return [...new Set(nodes.flatMap((node) => node.zone ?? []))].sort(compareText);
}

function writeNodes(writer: BlobWriter, nodes: readonly NodeRow[]): void {
  const zoneNumber = new Map(zonesOf(nodes).map((zone, index) => [zone, index + 1]));
  writer.section(abi.SECTION_NODES, nodes, (view, at, node) => {
    writeAddress(view, at + abi.NODE_ADDRESS_AT, node.address);
    view.setUint32(at + abi.NODE_ZONE_AT, node.zone === undefined ? 0 : zoneNumber.get(node.zone)!, true);
  });
}

function writeEgresses(writer: BlobWriter, model: PolicyModel, nodeIndex: ReadonlyMap<string, number>): void {
  if (model.egresses.length > 0xffff) {
    throw new EngineError(
      `policy: has ${model.egresses.length} egresses (gateway and address pairs), expected at most 65535`,
    );
  }
  const moved = movedEgresses(model, "egressIPv4");
  const moved6 = movedEgresses(model, "egressIPv6");
  writer.section(abi.SECTION_EGRESSES, model.egresses, (view, at, egress) => {
    writeAddress(view, at + abi.EGRESS_IPV4_AT, egress.egressIPv4);
    writeAddress(view, at + abi.EGRESS_IPV6_AT, egress.egressIPv6);
    view.setBigUint64(at + abi.EGRESS_KEY_AT, egressKey(egress), true);
    view.setUint32(at + abi.EGRESS_NODE_AT, nodeIndex.get(egress.node)!, true);
    const flags = (moved.has(egress) ? abi.EGRESS_FLAG_MOVED : 0) | (moved6.has(egress) ? abi.EGRESS_FLAG_MOVED6 : 0);
    view.setUint32(at + abi.EGRESS_FLAGS_AT, flags, true);
  });
}

/** Egresses whose address of one family policies have on other nodes only. */
function movedEgresses({ egresses, policies }: PolicyModel, family: "egressIPv4" | "egressIPv6"): ReadonlySet<Egress> {
  const holders = new Map<string, Set<string>>();
  for (const index of new Set(policies.flatMap((policy) => policy.egresses))) {
    const egress = egresses[index];
    const ip = egress?.[family];
    if (!egress || !ip) continue;
    const { node } = egress;
    const address = formatAddress(ip);
    holders.set(address, (holders.get(address) ?? new Set()).add(node));
  }
  return new Set(
    egresses.filter((egress) => {
      const ip = egress[family];
      const nodes = ip && holders.get(formatAddress(ip));
      return nodes !== undefined && !nodes.has(egress.node);
    }),
  );
}

function writePolicies(writer: BlobWriter, model: PolicyModel, timeoutRow: readonly number[]): void {
  const members: number[] = [];
  const rows = model.policies.map((policy, index) => {
    const first = members.length;
    for (const egress of policy.egresses) {
      if (!model.egresses[egress]) {
        const expected = `expected one of ${model.egresses.length}`;
        throw new EngineError(`policy ${policy.name}: egress ${egress} does not exist, ${expected}`);
      }
      members.push(egress);
    }
    return { policy, first, timeoutRow: timeoutRow[index]! };
  });
  writer.section(abi.SECTION_MEMBERS, members, (view, at, egress) => view.setUint32(at, egress, true));
  writer.section(abi.SECTION_POLICIES, rows, (view, at, { policy, first, timeoutRow }) => {
    const cilium = policy.kind === "CiliumEgressGatewayPolicy";
    view.setUint32(at + abi.POLICY_KIND_AT, cilium ? abi.POLICY_KIND_CILIUM : abi.POLICY_KIND_ISOVALENT, true);
    view.setUint32(at + abi.POLICY_MEMBERS_AT, first, true);
    view.setUint32(at + abi.POLICY_MEMBER_COUNT_AT, policy.egresses.length, true);
    view.setUint32(at + abi.POLICY_TIMEOUT_ROW_AT, timeoutRow, true);
  });
}

function writePrefixes(writer: BlobWriter, model: PolicyModel): void {
  const rows: PrefixRow[] = unselectedPrefixes(model.clusterPrefixes).map(({ prefix, reason }) => ({
    set: abi.CLUSTER_SET,
    prefix,
    value: reason,
  }));
  model.policySets.forEach((set, index) => {
    for (const { prefix, excluded, policy, notYet } of set.entries) {
      if (!model.policies[policy]) {
        const expected = `expected one of ${model.policies.length}`;
        throw new EngineError(`policy set ${index}: ${prefix.text} refers to policy ${policy}, ${expected}`);
      }
      const selected = notYet ? abi.PREFIX_NOT_YET : policy;
      rows.push({ set: index + 1, prefix, value: excluded ? abi.PREFIX_EXCLUDED : selected });
    }
  });
  rows.sort(comparePrefixRows);
  rows.forEach((row, i) => {
    const before = rows[i - 1];
    if (!before || comparePrefixRows(before, row) !== 0) return;
    throw new EngineError(`policy set ${row.set - 1}: has ${row.prefix.text} twice, expected each prefix once`);
  });
  writer.section(abi.SECTION_PREFIXES, rows, (view, at, { set, prefix, value }) => {
    writeAddress(view, at + abi.PREFIX_BYTES_AT, prefix.bytes);
    view.setUint32(at + abi.PREFIX_SET_AT, set, true);
    view.setUint32(at + abi.PREFIX_LENGTH_AT, prefix.length, true);
    view.setUint32(at + abi.PREFIX_VALUE_AT, value, true);
  });
}

function writeEndpoints(writer: BlobWriter, model: PolicyModel, nodeIndex: ReadonlyMap<string, number>): void {
  const rows = endpointRows(model);
  const ports = new PortLists();
  writer.section(abi.SECTION_ENDPOINTS, rows, (view, at, { address, from, to, endpoint }) => {
    const list = ports.list(endpoint);
    const node = endpoint.node === undefined ? abi.NO_INDEX : nodeIndex.get(endpoint.node)!;
    writeAddress(view, at + abi.ENDPOINT_ADDRESS_AT, address);
    view.setBigUint64(at + abi.ENDPOINT_FROM_AT, from, true);
    view.setBigUint64(at + abi.ENDPOINT_TO_AT, to, true);
    view.setUint32(at + abi.ENDPOINT_SET_AT, endpoint.policySet + 1, true);
    view.setUint32(at + abi.ENDPOINT_NODE_AT, node, true);
    view.setUint32(at + abi.ENDPOINT_UID_HASH_AT, fnv1a32(endpoint.uid), true);
    view.setUint32(at + abi.ENDPOINT_PORTS_AT, list.first, true);
    view.setUint32(at + abi.ENDPOINT_PORT_COUNT_AT, list.count, true);
    view.setUint32(at + abi.ENDPOINT_IDENTITY_AT, endpoint.identity, true);
  });
  for (const { endpoint } of rows) ports.list(endpoint);
  writer.section(abi.SECTION_PORTS, ports.all, (view, at, port) => view.setUint32(at, port, true));
  writer.section(abi.SECTION_CHANGES, changeTimes(rows), (view, at, time) => view.setBigUint64(at, time, true));
}

/** One row per address and time span, by address bytes, then by start. */
function endpointRows(model: PolicyModel): EndpointRow[] {
  const rows = model.endpoints.flatMap((endpoint) => {
    const name = `${endpoint.namespace}/${endpoint.name}`;
    if (endpoint.policySet < -1 || endpoint.policySet >= model.policySets.length) {
      throw new EngineError(
        `endpoint ${name}: policy set ${endpoint.policySet}, expected -1 to ${model.policySets.length - 1}`,
      );
    }
    const from = endpoint.fromNs ?? 0n;
    const to = endpoint.toNs ?? FOR_EVER;
    if (BigInt.asUintN(64, from) !== from || BigInt.asUintN(64, to) !== to) {
      throw new EngineError(`endpoint ${name}: owns its addresses from ${from} to ${to}, expected 64-bit nanoseconds`);
    }
    return endpoint.addresses.map((address) => ({ address, from, to, endpoint }));
  });
  const owned = rows.filter((row) => row.from < row.to).sort(compareEndpointRows);
  owned.forEach((row, i) => {
    const before = owned[i - 1];
    if (!before || compareBytes(before.address, row.address) !== 0 || before.to <= row.from) return;
    const [a, b] = [before.endpoint, row.endpoint].map((endpoint) => `${endpoint.namespace}/${endpoint.name}`);
    const expected = "expected one owner at a time";
    throw new EngineError(
      `endpoint address ${formatAddress(row.address)}: owned by ${a} and ${b} at once, ${expected}`,
    );
  });
  return owned;
}

/** Service ports of all endpoints in one list; endpoints with the same ports share one piece of it. */
class PortLists {
  readonly all: number[] = [];
  readonly #byText = new Map<string, { first: number; count: number }>();

  list(endpoint: Endpoint): { first: number; count: number } {
    const ports = endpoint.servicePorts.map(({ protocol, port }) => (PROTOCOL_NUMBERS[protocol] << 16) | port);
    const distinct = [...new Set(ports)].sort((a, b) => a - b);
    const text = distinct.join();
    let list = this.#byText.get(text);
    if (!list) {
      list = { first: this.all.length, count: distinct.length };
      this.#byText.set(text, list);
      this.all.push(...distinct);
    }
    return list;
  }
}

function changeTimes(rows: readonly EndpointRow[]): bigint[] {
  const times = new Set<bigint>();
  for (const { from, to } of rows) {
    if (from !== 0n) times.add(from);
    if (to !== FOR_EVER) times.add(to);
  }
  return [...times].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function compareEndpointRows(a: EndpointRow, b: EndpointRow): number {
  return compareBytes(a.address, b.address) || (a.from < b.from ? -1 : a.from > b.from ? 1 : 0);
}

function comparePrefixRows(a: PrefixRow, b: PrefixRow): number {
  return a.set - b.set || compareBytes(a.prefix.bytes, b.prefix.bytes) || a.prefix.length - b.prefix.length;
}

/** By UTF-16 code units: the same on every machine, whatever its locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 0xffff;
}
