import type { DeviceTable } from "./devices.js";
import type { Inherited } from "./documents.js";
import type { FaultLog } from "./fault-log.js";
import { Field } from "./field.js";
import type { Origin } from "./origin.js";
import {
  readCiliumEndpoint,
  readCiliumIdentity,
  readCiliumNode,
  readNamespace,
  readNode,
  readPod,
  readService,
} from "./read-cluster.js";
import { readCiliumPolicy, readIsovalentPolicy } from "./read-policy.js";
import type { ClusterRecords, PolicyRecord } from "./records.js";
import { SHAPES, warnUnknownFields } from "./shapes.js";

const NAMESPACED = new Set(["Pod", "CiliumEndpoint", "Service", "ConfigMap"]);
const GROUPS: Readonly<Record<string, string>> = {
  CiliumEgressGatewayPolicy: "cilium.io",
  CiliumNode: "cilium.io",
  CiliumEndpoint: "cilium.io",
  CiliumIdentity: "cilium.io",
  IsovalentEgressGatewayPolicy: "isovalent.com",
};
const VERSIONS: Readonly<Record<string, string>> = { "": "v1", "cilium.io": "v2", "isovalent.com": "v1" };

/** Takes one object of the manifests into `records`, whatever its kind; what does not count is counted. */
export class ObjectReader {
  readonly #records: ClusterRecords;
  readonly #devices: DeviceTable;
  readonly #log: FaultLog;
  readonly #policies = new Map<string, number>();

  constructor(records: ClusterRecords, devices: DeviceTable, log: FaultLog) {
    this.#records = records;
    this.#devices = devices;
    this.#log = log;
  }

  read(value: unknown, origin: Origin, inherited: Inherited): void {
    const bare = Field.ofObject(origin, value, "", this.#log);
    if (!bare.isObject) {
      bare.fault("a Kubernetes object");
      return;
    }
    const kind = bare.get("kind").isMissing
      ? inherited.kind
      : bare.get("kind").requiredText("the kind of a Kubernetes object");
    const apiVersion = bare.get("apiVersion").isMissing
      ? inherited.apiVersion
      : bare.get("apiVersion").requiredText("an API version");
    if (kind === undefined && bare.get("kind").isMissing) bare.get("kind").fault("the kind of a Kubernetes object");
    if (apiVersion === undefined && bare.get("apiVersion").isMissing)
      bare.get("apiVersion").fault("an API version such as v1 or cilium.io/v2");
    if (kind === undefined || apiVersion === undefined) return;
    const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
    const isKnown = Object.hasOwn(SHAPES, kind) && (GROUPS[kind] ?? "") === group;
    if (!isKnown) {
      count(this.#records.ignoredKinds, group === "" || !Object.hasOwn(SHAPES, kind) ? kind : `${kind}.${group}`);
      return;
    }
    const expected = group === "" ? VERSIONS[""]! : `${group}/${VERSIONS[group]}`;
    const object = Field.ofObject(origin, value, labelOf(kind, bare), this.#log);
    if (apiVersion !== expected) {
      object.get("apiVersion").fault(expected);
      return;
    }
    this.#take(kind, object);
  }

  #take(kind: string, object: Field): void {
    if (kind === "ConfigMap" && object.get("metadata").get("name").value !== "cilium-config") {
      count(this.#records.ignoredKinds, "ConfigMap");
      return;
    }
    count(this.#records.objectCounts, kind);
    warnUnknownFields(object, SHAPES[kind]!, kind);
    this.#dispatch(kind, object);
  }

  #dispatch(kind: string, object: Field): void {
    const records = this.#records;
    switch (kind) {
      case "Node":
        readNode(object, records);
        this.#readDevices(object);
        break;
      case "CiliumNode":
        readCiliumNode(object, records);
        break;
      case "Pod":
        push(records.pods, readPod(object));
        break;
      case "CiliumEndpoint":
        push(records.ciliumEndpoints, readCiliumEndpoint(object));
        break;
      case "CiliumIdentity":
        readCiliumIdentity(object, records);
        break;
      case "Namespace":
        readNamespace(object, records);
        break;
      case "Service":
        push(records.services, readService(object));
        break;
      case "ConfigMap":
        records.ciliumConfig = object.get("data");
        break;
      case "CiliumEgressGatewayPolicy":
        this.#addPolicy(readCiliumPolicy(object));
        break;
      case "IsovalentEgressGatewayPolicy":
        this.#addPolicy(readIsovalentPolicy(object));
        break;
    }
  }

  #readDevices(object: Field): void {
    const name = object.get("metadata").get("name").value;
    const annotation = object.get("metadata").get("annotations").get("sluicegate.io/interfaces");
    if (typeof name === "string") this.#devices.addAnnotation(name, annotation);
  }

  /** A policy that comes twice counts once, in the form with the higher generation, else the one read last. */
  #addPolicy(policy: PolicyRecord | undefined): void {
    if (!policy) return;
    const key = `${policy.kind} ${policy.metadata.name}`;
    const index = this.#policies.get(key);
    if (index === undefined) {
      this.#policies.set(key, this.#records.policies.length);
      this.#records.policies.push(policy);
      return;
    }
    const known = this.#records.policies[index]!;
    if (JSON.stringify(known.field.get("spec").value) !== JSON.stringify(policy.field.get("spec").value)) {
      policy.field.warn(
        "policy given twice",
        `${policy.field.label} is given twice and differently, the one of the higher generation or else this one counts`,
      );
    }
    if (policy.metadata.generation >= known.metadata.generation) this.#records.policies[index] = policy;
  }
}

function labelOf(kind: string, object: Field): string {
  const { value: name } = object.get("metadata").get("name");
  const { value: namespace } = object.get("metadata").get("namespace");
  if (typeof name !== "string" || name === "") return kind;
  return NAMESPACED.has(kind)
    ? `${kind} ${typeof namespace === "string" ? namespace : "default"}/${name}`
    : `${kind} ${name}`;
}

function push<T>(list: T[], item: T | undefined): void {
  if (item !== undefined) list.push(item);
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
