import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { type LoadOptions, loadManifests } from "../../src/config/load.js";
import type { PolicyModel } from "../../src/config/types.js";
import { PolicyError } from "../../src/errors.js";
import { formatAddress } from "../../src/net/address.js";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A fresh folder, removed when the test file is done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluicegate-config-"));
  folders.push(folder);
  return folder;
}

/** Writes `files` (name → content; anything but text and bytes as JSON) into a fresh folder. @returns the folder */
export function writeFiles(files: Readonly<Record<string, unknown>>): string {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    const isRaw = typeof content === "string" || content instanceof Uint8Array;
    writeFileSync(join(folder, name), isRaw ? content : JSON.stringify(content, undefined, 2));
  }
  return folder;
}

/** Loads objects as one JSON list. */
export function load(objects: readonly object[], options: LoadOptions = {}): PolicyModel {
  return loadManifests([writeFiles({ "all.json": list(objects) })], options);
}

export function loadYaml(text: string, options: LoadOptions = {}): PolicyModel {
  return loadManifests([writeFiles({ "all.yaml": text })], options);
}

export function list(items: readonly object[]): object {
  return { apiVersion: "v1", items, kind: "List" };
}

/** The faults of loading `files`, one line each, without the folder in front; fails where there is none. */
export function faultsOf(files: Readonly<Record<string, unknown>>, options: LoadOptions = {}): string[] {
  const folder = writeFiles(files);
  try {
    loadManifests([folder], options);
  } catch (error) {
    if (error instanceof PolicyError) return error.message.split("\n").map((line) => line.replace(`${folder}/`, ""));
    throw error;
  }
  throw new Error("the manifests load without a fault");
}

/** Warnings as `line:column text`. */
export function warningsOf(model: PolicyModel): string[] {
  return model.warnings.map(({ line, column, text }) => (line === undefined ? text : `${line}:${column} ${text}`));
}

export function addresses(list: readonly (Uint8Array | undefined)[]): (string | undefined)[] {
  return list.map((address) => address && formatAddress(address));
}

interface NodeParts {
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly podCIDRs?: readonly string[];
  readonly unschedulable?: boolean;
}

export function node(name: string, internalIPs: string | readonly string[], parts: NodeParts = {}): object {
  const { labels = {}, annotations = {}, podCIDRs, unschedulable } = parts;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels, annotations },
    spec: { podCIDRs, unschedulable },
    status: { addresses: [internalIPs].flat().map((address) => ({ type: "InternalIP", address })) },
  };
}

interface PodParts {
  readonly namespace?: string;
  readonly uid?: string;
  readonly labels?: Record<string, string>;
  readonly node?: string;
  readonly created?: string;
  readonly deleted?: string;
  readonly phase?: string;
  readonly hostNetwork?: boolean;
  readonly ports?: readonly object[];
}

export function pod(name: string, ips: string | readonly string[], parts: PodParts = {}): object {
  const podIPs = [ips].flat().map((ip) => ({ ip }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: parts.namespace ?? "default",
      uid: parts.uid,
      labels: parts.labels,
      creationTimestamp: parts.created,
      deletionTimestamp: parts.deleted,
    },
    spec: { nodeName: parts.node, hostNetwork: parts.hostNetwork, containers: [{ name: "main", ports: parts.ports }] },
    status: { phase: parts.phase ?? "Running", podIPs, podIP: podIPs[0]?.ip },
  };
}

export function namespace(name: string, labels: Record<string, string>): object {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

export function ciliumPolicy(name: string, spec: object, metadata: object = {}): object {
  const defaults = {
    selectors: [{ podSelector: {} }],
    destinationCIDRs: ["0.0.0.0/0"],
    egressGateway: { nodeSelector: { matchLabels: { egress: "yes" } } },
  };
  return {
    apiVersion: "cilium.io/v2",
    kind: "CiliumEgressGatewayPolicy",
    metadata: { name, ...metadata },
    spec: { ...defaults, ...spec },
  };
}

export function groupPolicy(name: string, spec: object, more: object = {}): object {
  const defaults = {
    selectors: [{ podSelector: {} }],
    destinationCIDRs: ["0.0.0.0/0"],
    egressGroups: [{ nodeSelector: { matchLabels: { egress: "yes" } } }],
  };
  return {
    apiVersion: "isovalent.com/v1",
    kind: "IsovalentEgressGatewayPolicy",
    metadata: { name },
    spec: { ...defaults, ...spec },
    ...more,
  };
}

export const GATEWAY_LABELS = { egress: "yes" };
