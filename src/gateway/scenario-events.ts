import { dirname, exists, isAbsolute, join } from "#platform/files.js";
import type { FaultLog } from "../config/fault-log.js";
import type { Field } from "../config/field.js";
import { isNear } from "../config/shapes.js";
import { LAST_NS, parseDurationNs, parseTimestampNs } from "../config/time.js";
import { ABSENT, NODE_ORDERS, type NodeOrder, type NodeTruth, obey, truthAtStart } from "./ground-truth.js";
import type { Failback } from "./health.js";
import { manifestNodes } from "./plan.js";
import type { ScenarioEvent, ScenarioOptions, ScenarioTime } from "./scenario.js";

const MOST_EVENTS = 100_000;
/** Beyond these nobody reads hints any more, and each is a search through all names. */
const MOST_HINTS = 100;

type HasManifests = (path: string) => boolean;

/** An event, and where it is written. */
export interface EventReading {
  readonly event: ScenarioEvent;
  readonly field: Field;
}

/**
 * Reads `spec.events`. Those with faults are left out.
 * @param file of the scenario, which paths start from   @param hasManifests whether manifests are at a path
 */
export function readEvents(field: Field, file: string, hasManifests: HasManifests = exists): EventReading[] {
  const items = field.items();
  items[MOST_EVENTS]?.withValue(`${items.length} events`).fault(`at most ${MOST_EVENTS}`);
  return items.slice(0, MOST_EVENTS).flatMap((item) => {
    const event = readEvent(item, file, hasManifests);
    return event ? [{ event, field: item }] : [];
  });
}

function readEvent(item: Field, file: string, hasManifests: HasManifests): ScenarioEvent | undefined {
  if (!item.isObject) {
    item.fault("an object with at, and node and event or manifests");
    return undefined;
  }
  const at = readTime(item.get("at"));
  const manifestsField = item.get("manifests");
  if (!manifestsField.isMissing) {
    for (const name of ["node", "event"])
      if (!item.get(name).isMissing) item.get(name).fault("nothing beside manifests");
    const manifests = readPath(manifestsField, file, hasManifests);
    return at && manifests !== undefined ? { at, manifests } : undefined;
  }
  const node = item.get("node").requiredText("the name of a node");
  const event = readOrder(item.get("event"));
  return at && node !== undefined && event ? { at, node, event } : undefined;
}

function readTime(field: Field): ScenarioTime | undefined {
  const time = parseScenarioTime(field.value === 0 ? "0" : typeof field.value === "string" ? field.value : "");
  if (time) return time;
  field.fault("a time after the first frame such as 12.5s, or an RFC 3339 time, within 64 bits of nanoseconds");
  return undefined;
}

/** `12.5s` after the first frame, or RFC 3339; undefined for anything else, and for what 64 bits of nanoseconds do not hold. */
export function parseScenarioTime(text: string): ScenarioTime | undefined {
  const fromStartNs = parseDurationNs(text);
  if (fromStartNs !== undefined) return { fromStartNs };
  const absoluteNs = parseTimestampNs(text);
  return absoluteNs !== undefined && absoluteNs >= 0n && absoluteNs <= LAST_NS ? { absoluteNs } : undefined;
}

function readOrder(field: Field): NodeOrder | undefined {
  const order = NODE_ORDERS.find((name) => name === field.value);
  if (order) return order;
  const meant = NODE_ORDERS.find((name) => typeof field.value === "string" && isNear(name, field.value));
  field.fault(`one of ${NODE_ORDERS.join(", ")}${hint(meant)}`);
  return undefined;
}

function readPath(field: Field, file: string, hasManifests: HasManifests): string | undefined {
  const text = field.text("the path of a file or folder");
  if (text === undefined) return undefined;
  const path = isAbsolute(text) ? text : join(dirname(file), text);
  if (text !== "" && hasManifests(path)) return path;
  field.fault("the path of a file or folder, from the scenario's own folder");
  return undefined;
}

function hint(meant: string | undefined): string {
  return meant === undefined ? "" : `; did you mean ${meant}?`;
}

/**
 * A fault for every node that neither the first manifests nor later ones know. Where there are to be later ones and the scenario has
 * faults already, nobody can say.
 * @param field as given to `readEvents`, `readings` its result
 */
export function checkNodes(
  field: Field,
  readings: readonly EventReading[],
  log: FaultLog,
  options: ScenarioOptions,
): void {
  if (!options.nodes) return;
  if (log.hasFaults && bringsManifests(field)) return;
  const manifests = readings.flatMap(({ event }) => ("manifests" in event ? [event.manifests] : []));
  const later = manifests.length > 0 ? (options.laterNodes?.(manifests) ?? []) : [];
  const known = new Set([...options.nodes.map(({ name }) => name), ...later]);
  const hints = new Map<string, string>();
  for (const { event, field } of readings) {
    if (!("node" in event) || known.has(event.node)) continue;
    if (!hints.has(event.node) && hints.size < MOST_HINTS) {
      hints.set(event.node, hint([...known].find((name) => isNear(name, event.node))));
    }
    field.get("node").fault(`a node of the manifests${hints.get(event.node) ?? ""}`);
  }
}

function bringsManifests(field: Field): boolean {
  return Array.isArray(field.value) && field.items().some((item) => !item.get("manifests").isMissing);
}

/**
 * Warns of orders that change nothing, as far as the file alone shows: up to the first event that brings other manifests, and only
 * where all times are of one sort.
 */
export function warnIdleOrders(
  readings: readonly EventReading[],
  failback: Failback,
  { nodes, initialDown = [] }: ScenarioOptions,
): void {
  const sorts = new Set(readings.map(({ event }) => "absoluteNs" in event.at));
  if (sorts.size > 1) return;
  const down = new Set(initialDown);
  const drains = nodes && manifestNodes(nodes);
  const truths = new Map<string, NodeTruth>();
  for (const { event, field } of [...readings].sort(byTime)) {
    if ("manifests" in event) return;
    const { node, event: order } = event;
    const drained = drains?.get(node) ?? false;
    const isThere = !drains || drains.has(node) || down.has(node);
    const before = truths.get(node) ?? (isThere ? truthAtStart({ drained, down: down.has(node) }) : ABSENT);
    const after = obey(before, order, drained);
    truths.set(node, after);
    const mayRelease = failback.kind === "never" && (order === "undrain" || order === "add") && !before.removed;
    if (after === before && !mayRelease) field.get("event").warn("an order that changes nothing", idle(event, before));
  }
}

function idle({ node, event }: { readonly node: string; readonly event: NodeOrder }, { removed }: NodeTruth): string {
  return `${event} changes nothing: ${node} ${removed ? "is not in the cluster then" : "is that way already"}`;
}

function byTime(a: EventReading, b: EventReading): number {
  const [left, right] = [timeOf(a), timeOf(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function timeOf({ event: { at } }: EventReading): bigint {
  return "absoluteNs" in at ? at.absoluteNs : at.fromStartNs;
}
