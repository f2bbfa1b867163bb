/** Connection records in words, and what they read as. */
import { Readable } from "node:stream";
import type { RecordNotes } from "../../src/capture/types.js";
import { openRecords, type RecordOptions } from "../../src/records/open.js";
import { drain, type ReadOptions, type ReadResult } from "../support/capture-read.js";

export const POD = "10.1.0.7";
export const REMOTE = "198.51.100.9";
export const TIME = "2026-11-23T10:00:00.000000001Z";
export const TIME_NS = 1_795_428_000_000_000_001n;

export interface FlowWords {
  readonly time?: unknown;
  readonly from?: string;
  readonly to?: string;
  readonly l4?: unknown;
  readonly node?: string;
  readonly point?: string;
  readonly reply?: boolean | null;
  /** Any other fields of the flow. */
  readonly more?: Readonly<Record<string, unknown>>;
}

export const workload = { identity: 4101, namespace: "shop", pod_name: "cart-0" };
export const world = { identity: 2, labels: ["reserved:world"] };

/** A flow as an export has it, wrapped with node and time. */
export function flow(words: FlowWords = {}): object {
  const { time = TIME, from = POD, to = REMOTE, node = "w1", point = "TO_OVERLAY", reply = false } = words;
  const [source, destination] = from === REMOTE ? [world, workload] : [workload, world];
  return {
    flow: {
      time,
      verdict: "FORWARDED",
      IP: { source: from, destination: to, ipVersion: "IPv4" },
      l4: words.l4 ?? tcpOf("SYN"),
      source,
      destination,
      Type: "L3_L4",
      node_name: node,
      trace_observation_point: point,
      is_reply: reply,
      ...words.more,
    },
    node_name: node,
    time,
  };
}

/** Layer 4 of a TCP flow with these flags. */
export function tcpOf(flags: string, source = 40000, destination = 443): object {
  const set = Object.fromEntries(flags.split(" ").map((flag) => [flag, true]));
  return { TCP: { source_port: source, destination_port: destination, flags: set } };
}

export function jsonLines(...values: readonly object[]): string {
  return `${values.map((value) => JSON.stringify(value)).join("\n")}\n`;
}

export type Recorded = ReadResult & { readonly records: RecordNotes; readonly unused: Record<string, number> };

/** Reads records given as text or bytes. */
export async function readRecords(
  text: string | Uint8Array,
  options: RecordOptions & ReadOptions = {},
): Promise<Recorded> {
  const reader = await openRecords("-", { ...options, stdin: Readable.from([Buffer.from(text)]) });
  const result = await drain(reader, options);
  return { ...result, records: reader.records, unused: Object.fromEntries(reader.records.unused) };
}
