import type { Field } from "./field.js";
import { LAST_NS, parseTimestampNs } from "./time.js";

/** What counts of an object's metadata. Times in nanoseconds since the epoch. */
export interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string | undefined;
  readonly labels: ReadonlyMap<string, string>;
  readonly createdAt: string | undefined;
  readonly createdNs: bigint | undefined;
  readonly deletedNs: bigint | undefined;
  readonly generation: number;
}

/** Reads `metadata` of `object`. @returns undefined (with a fault) where there is no name */
export function readMetadata(object: Field): Metadata | undefined {
  const metadata = object.get("metadata");
  const name = metadata.get("name").requiredText("a name");
  if (name === "") metadata.get("name").fault("a name");
  const created = metadata.get("creationTimestamp");
  const result = {
    namespace: metadata.get("namespace").text() || "default",
    uid: metadata.get("uid").text() || undefined,
    labels: readLabels(metadata.get("labels")),
    createdAt: created.text(),
    createdNs: readTime(created),
    deletedNs: readTime(metadata.get("deletionTimestamp")),
    generation: metadata.get("generation").count(0) ?? 0,
  };
  return name ? { name, ...result } : undefined;
}

function readTime(field: Field): bigint | undefined {
  const text = field.text("an RFC 3339 time");
  if (text === undefined) return undefined;
  const time = parseTimestampNs(text);
  if (time === undefined) field.fault("an RFC 3339 time such as 2026-01-31T12:00:00Z");
  else if (time > LAST_NS) field.fault("an RFC 3339 time before the year 2554");
  if (time === undefined || time > LAST_NS) return undefined;
  // Go's zero time is in the year 1; nothing that is replayed lies before 1970.
  return time < 0n ? 0n : time;
}

/** Labels as a map; a fault for each that is not text. */
export function readLabels(field: Field): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  for (const [key, value] of field.entries()) {
    const text = value.requiredText("text (numbers and booleans need quotes)");
    if (text !== undefined) labels.set(key, text);
  }
  return labels;
}
