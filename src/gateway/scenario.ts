import { basename } from "#platform/files.js";
import { readDocuments } from "../config/documents.js";
import { FaultLog } from "../config/fault-log.js";
import { Field } from "../config/field.js";
import { ManifestReader } from "../config/files.js";
import type { Origin } from "../config/origin.js";
import { type Shape, warnUnknownFields } from "../config/shapes.js";
import type { ManifestWarning } from "../config/types.js";
import { utf8Bytes } from "../net/text.js";
import type { NodeAtStart, NodeOrder } from "./ground-truth.js";
import type { HealthConfig } from "./health.js";
import { checkNodes, readEvents, warnIdleOrders } from "./scenario-events.js";
import { readDuration, readHealth } from "./scenario-health.js";

/** A script of what happens to nodes and manifests, and how health is checked meanwhile. Durations are whole milliseconds. */
export interface Scenario {
  /** `metadata.name`, else the name of the file. */
  readonly name: string;
  /** As given to `readScenario`. */
  readonly file: string;
  readonly health: HealthConfig;
  /** Probes of every node come at this time after the first frame and in whole intervals from there; undefined = each node has its own. */
  readonly phaseMs?: number;
  /** How long a new pod or policy is not programmed yet. */
  readonly propagationMs: number;
  /** As written, which need not be by time. */
  readonly events: readonly ScenarioEvent[];
  readonly warnings: readonly ManifestWarning[];
}

/** Nanoseconds, 0 … 2^64-1: since the first frame, or since the epoch. */
export type ScenarioTime = { readonly fromStartNs: bigint } | { readonly absoluteNs: bigint };

/** Something that happens to a node, or other manifests. */
export type ScenarioEvent =
  | { readonly at: ScenarioTime; readonly node: string; readonly event: NodeOrder }
  /** Path of the complete set of manifests from then on; a relative one is already joined to the scenario's folder. */
  | { readonly at: ScenarioTime; readonly manifests: string };

/** What a scenario is checked against. */
export interface ScenarioOptions {
  /** Nodes of the manifests of the start; undefined = names are not checked. */
  readonly nodes?: readonly NodeAtStart[];
  /** Names of the nodes of manifests that come into force later, by their paths: a scenario may speak of them, too. */
  readonly laterNodes?: (manifests: readonly string[]) => Iterable<string>;
  /** Whether there are manifests at the path of an event; default: whether a file or folder is there, which in a browser is never. */
  readonly hasManifests?: (path: string) => boolean;
  /** Nodes that are down at the start. */
  readonly initialDown?: Iterable<string>;
  /** What `spec.health.timeout` is where the scenario does not say: milliseconds. Default 2000. */
  readonly timeoutMs?: number;
}

/** Longer files are no scenarios: bytes. */
const LARGEST_SCENARIO = 2 ** 25;

const SHAPE: Shape = {
  fields: {
    apiVersion: "any",
    kind: "any",
    metadata: { fields: { name: "any", labels: "any", annotations: "any", namespace: "any" } },
    spec: {
      fields: {
        health: {
          fields: {
            probeInterval: "any",
            timeout: "any",
            phase: "any",
            failback: { fields: { holdDown: "any", afterProbes: "any" } },
          },
        },
        propagation: "any",
        events: { list: { fields: { at: "any", node: "any", event: "any", manifests: "any" } } },
      },
    },
  },
};

/**
 * Reads a scenario: one object of kind Scenario as YAML or JSON, `.gz` too.
 * @throws {PolicyError} with everything that is wrong with it, in file order
 * @throws {UsageError} where the file cannot be read
 */
export function readScenario(file: string, options: ScenarioOptions = {}): Scenario {
  return scenarioFrom(file, new ManifestReader(), options);
}

/**
 * The same from memory. @param name stands for the file in faults; a relative path of manifests is joined to its folder
 * @throws {PolicyError} as `readScenario` does
 */
export function readScenarioText(text: string, name: string, options: ScenarioOptions = {}): Scenario {
  return scenarioFrom(name, { read: () => utf8Bytes(text) }, options);
}

function scenarioFrom(file: string, reader: Pick<ManifestReader, "read">, options: ScenarioOptions): Scenario {
  const log = new FaultLog([file], reader);
  const object = readObject(file, reader.read(file), log);
  const scenario = object && readSpec(object, file, log, options);
  log.throwFaults();
  return { ...scenario!, warnings: log.warnings() };
}

/** The one object of the file; undefined, with a fault, where there is none. */
function readObject(file: string, bytes: Uint8Array, log: FaultLog): Field | undefined {
  if (bytes.length > LARGEST_SCENARIO) {
    log.textFault(file, "json", 0, `${bytes.length} bytes`, `a scenario of at most ${LARGEST_SCENARIO}`);
    return undefined;
  }
  const objects: Field[] = [];
  readDocuments(file, bytes, log, (value, origin) => {
    objects.push(Field.ofObject(origin, value, `Scenario ${nameOf(value, file)}`, log));
  });
  const [object, second] = objects;
  second?.fault("the end of the file: it holds one Scenario");
  if (object?.isObject) return object;
  const start: Origin = { file, format: "yaml", at: 0, end: 0, document: 0, prefix: [] };
  if (object) object.fault("an object of kind Scenario");
  else if (!log.hasFaults) Field.ofObject(start, undefined, "", log).fault("an object of kind Scenario");
  return undefined;
}

/** Its own, else that of its file. */
function nameOf(value: unknown, file: string): string {
  const name = (value as { metadata?: { name?: unknown } } | null)?.metadata?.name;
  return typeof name === "string" && name !== "" ? name : basename(file).replace(/(\.ya?ml|\.json)?(\.gz)?$/i, "");
}

function readSpec(object: Field, file: string, log: FaultLog, options: ScenarioOptions): Omit<Scenario, "warnings"> {
  expectText(object.get("apiVersion"), "sluicegate.io/v1");
  expectText(object.get("kind"), "Scenario");
  object.get("metadata").get("name").text("a name");
  warnUnknownFields(object, SHAPE, "Scenario");
  const spec = object.get("spec");
  if (!spec.isMissing && !spec.isObject) spec.fault("an object with health, propagation and events");
  const { health, phaseMs } = readHealth(spec.get("health"), options.timeoutMs);
  const propagationMs = readDuration(spec.get("propagation"), 0) ?? 0;
  const eventsField = spec.get("events");
  const readings = readEvents(eventsField, file, options.hasManifests);
  checkNodes(eventsField, readings, log, options);
  if (!log.hasFaults) warnIdleOrders(readings, health.failback, options);
  const events = readings.map(({ event }) => event);
  const name = nameOf(object.value, file);
  return { name, file, health, propagationMs, events, ...(phaseMs !== undefined && { phaseMs }) };
}

function expectText(field: Field, expected: string): void {
  if (field.value !== expected) field.fault(expected);
}
