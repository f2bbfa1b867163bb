import { UsageError } from "../errors.js";
import { type Prefix, parsePrefix } from "../net/address.js";
import { utf8Bytes } from "../net/text.js";
import { clusterPrefixes } from "./cluster-prefixes.js";
import { DeviceTable } from "./devices.js";
import { readDocuments } from "./documents.js";
import { FaultLog } from "./fault-log.js";
import { Field } from "./field.js";
import { decode, type FileList, listManifestFiles, type ManifestFile, ManifestReader, roleOf } from "./files.js";
import { resolveGateways } from "./gateways.js";
import { warnGuesses } from "./guesses.js";
import { ObjectReader } from "./objects.js";
import { settleOwnership, type Tenure } from "./ownership.js";
import { buildPolicySets, byPrecedence, type PolicySetModel } from "./policy-sets.js";
import { ClusterRecords } from "./records.js";
import { resolveSettings, type SettingOverrides } from "./settings.js";
import type { ClusterNode, Endpoint, PolicyModel } from "./types.js";
import { joinWorkloads } from "./workloads.js";

/** What the command line adds to manifests. */
export interface LoadOptions {
  /** Destinations that count as Services (`--service-cidr`). */
  readonly serviceCIDRs?: readonly string[];
  /** `NODE:eth1=203.0.113.10/24` each (`--interface`). */
  readonly interfaces?: readonly string[];
  readonly settings?: SettingOverrides;
  /** Gives every address to its last owner for all times: for captures that are older than the pods of the dump. */
  readonly ignoreOwnershipTimes?: boolean;
}

/**
 * Reads manifests (files and folders; YAML, JSON, gzip; lists; `interfaces.yaml`, `NODE.addr.json`) and resolves what they say.
 * The result does not depend on the order of objects, save where one object comes several times.
 * @throws {PolicyError} with all faults of all files, in file order; nothing is applied then
 * @throws {UsageError} for paths that cannot be read and options out of range
 */
export function loadManifests(paths: readonly string[], options: LoadOptions = {}): PolicyModel {
  if (!Array.isArray(paths))
    throw new UsageError(`paths are ${JSON.stringify(paths)}, expected a list of files and folders`);
  const { files, passedOver } = listManifestFiles(paths);
  if (files.length === 0)
    throw new UsageError(`${paths.join(", ") || "no path"}: no manifests there, expected .yaml, .yml or .json files`);
  return load({ files, passedOver }, new ManifestReader(), options);
}

/** Manifests in memory by name: a map, a list of pairs, or an object. */
export type ManifestTexts =
  | Iterable<readonly [name: string, text: string | Uint8Array]>
  | Readonly<Record<string, string | Uint8Array>>;

/**
 * The same from memory. `texts` are YAML or JSON by name, or bytes of such files, which may be gzipped; names count as those of files do
 * (`interfaces.yaml`, `NODE.addr.json`) and stand in faults and warnings.
 * @throws {PolicyError} as `loadManifests` does   @throws {UsageError} where something is neither a text nor bytes
 */
export function loadManifestTexts(texts: ManifestTexts, options: LoadOptions = {}): PolicyModel {
  const kept = new Map(entriesOf(texts).map(([name, text]) => [name, textBytes(name, text)]));
  const files = [...kept.keys()].map((name) => ({ name, role: roleOf(name) }));
  const read = (name: string) => kept.get(name)!;
  return load({ files, passedOver: [] }, { read }, options);
}

function entriesOf(texts: ManifestTexts): (readonly [string, string | Uint8Array])[] {
  if (typeof texts !== "object" || texts === null)
    throw new UsageError(`texts are ${JSON.stringify(texts)}, expected texts by name`);
  return Symbol.iterator in texts ? [...texts] : Object.entries(texts);
}

function textBytes(name: string, text: string | Uint8Array): Uint8Array {
  if (typeof text === "string") return utf8Bytes(text);
  if (text instanceof Uint8Array) return decode(name, text);
  throw new UsageError(`${name}: is ${typeof text}, expected a text or a Uint8Array`);
}

function load(
  { files, passedOver }: FileList,
  reader: Pick<ManifestReader, "read">,
  options: LoadOptions,
): PolicyModel {
  const log = new FaultLog(
    files.map(({ name }) => name),
    reader,
  );
  if (passedOver.length > 0) {
    log.warn(
      "file passed over",
      `${passedOver.length} files that are neither YAML nor JSON by name were passed over, the first: ${passedOver[0]}`,
    );
  }
  const records = new ClusterRecords();
  const devices = new DeviceTable();
  const objects = new ObjectReader(records, devices, log);
  for (const file of files) takeFile(file, reader.read(file.name), { objects, devices, log });
  for (const text of options.interfaces ?? []) devices.addFlag(text);
  return resolve(records, devices, log, options);
}

interface Destination {
  readonly objects: ObjectReader;
  readonly devices: DeviceTable;
  readonly log: FaultLog;
}

function takeFile({ name, role }: ManifestFile, bytes: Uint8Array, { objects, devices, log }: Destination): void {
  readDocuments(name, bytes, log, (value, origin, inherited) => {
    if (role.kind === "manifests") objects.read(value, origin, inherited);
    else if (role.kind === "addresses") devices.addLink(role.node, Field.ofObject(origin, value, "", log));
    else devices.addInterfacesFile(Field.ofObject(origin, value, "", log));
  });
}

function resolve(records: ClusterRecords, devices: DeviceTable, log: FaultLog, options: LoadOptions): PolicyModel {
  const serviceCIDRs = (options.serviceCIDRs ?? []).map(readServiceCIDR);
  const settings = resolveSettings(records.ciliumConfig, options.settings ?? {});
  const policies = [...records.policies].sort(byPrecedence);
  const gateways = resolveGateways(policies, records, devices, log);
  log.throwFaults();
  const { workloads, skipped } = joinWorkloads(records);
  const ignoresOwnershipTimes = options.ignoreOwnershipTimes ?? false;
  const tenures = settleOwnership(workloads, { ignoresTimes: ignoresOwnershipTimes }, log);
  const sets = buildPolicySets(tenures, policies, records.nodes, log);
  warnGuesses(policies, gateways.policies, sets, log);
  const config = records.ciliumConfig;
  return {
    nodes: clusterNodes(records),
    endpoints: tenures.map((tenure, index) => toEndpoint(tenure, sets, index)),
    ...gateways,
    policySets: sets.policySets,
    clusterPrefixes: clusterPrefixes(workloads, records, serviceCIDRs),
    settings,
    warnings: log.warnings(),
    ignoredKinds: records.ignoredKinds,
    objectCounts: records.objectCounts,
    skippedPods: skipped,
    ...(config && { ciliumConfig: configText(config) }),
    ignoresOwnershipTimes,
  };
}

function readServiceCIDR(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (!prefix) throw new UsageError(`--service-cidr is ${JSON.stringify(text)}, expected a CIDR such as 10.96.0.0/12`);
  return prefix;
}

function clusterNodes(records: ClusterRecords): ClusterNode[] {
  const nodes = [...records.nodes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return nodes.map(({ name, labels, internalIPs, drain }) => ({
    name,
    zone: labels.get("topology.kubernetes.io/zone") || undefined,
    labels,
    internalIPs,
    ...(drain && { drain }),
  }));
}

function toEndpoint(tenure: Tenure, sets: PolicySetModel, index: number): Endpoint {
  const { namespace, name, uid, node, identity, servicePorts } = tenure.workload;
  const { addresses, fromNs, toNs } = tenure;
  return { namespace, name, uid, addresses, node, identity, servicePorts, fromNs, toNs, policySet: sets.setOf[index]! };
}

function configText(config: Field): ReadonlyMap<string, string> {
  return new Map(
    config.entries().flatMap(([key, { value }]) => (typeof value === "string" ? [[key, value] as const] : [])),
  );
}
