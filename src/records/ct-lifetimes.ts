import type { CaptureInput } from "../capture/input.js";
import { openBytes } from "../capture/open.js";
import { formatAddress, parseAddress } from "../net/address.js";
import { type CtDecoder, type CtEntry, isCtDecoder } from "./ct-list.js";
import { detectRecords } from "./detect.js";
import { RecordFault } from "./fault.js";
import { peek } from "./open.js";
import { RecordWindow } from "./window.js";

/** A connection as a table and a log both know it. */
export interface CtTuple {
  /** In capitals: `TCP`, `UDP`, `ICMP`, `ICMPV6`, `SCTP`. */
  readonly protocol: string;
  readonly endpoint: string;
  /** Of an echo its identifier, with remote port 0. */
  readonly endpointPort: number;
  readonly remote: string;
  readonly remotePort: number;
}

/** How long the connections of tables had to live when these were printed. */
export class CtLifetimes {
  readonly #seconds = new Map<string, number>();

  /** @returns seconds, at most 0 where it had ended already; undefined where no table says */
  of(tuple: CtTuple): number | undefined {
    return this.#seconds.get(keyOf(tuple));
  }

  /**
   * Takes the entries of one table. Where it does not say how long each has to live, it was printed when it last saw a packet of any
   * connection: entries may have a little less left than that.
   */
  add(entries: readonly CtEntry[]): void {
    const printed = entries.reduce((last, { lastReport }) => Math.max(last, lastReport), 0);
    for (const entry of entries) {
      const { direction, related, service, expires, remaining } = entry;
      if (direction !== "OUT" || related || service) continue;
      const seconds = remaining ?? (expires === undefined || printed === 0 ? undefined : expires - printed);
      if (seconds !== undefined) this.#seconds.set(keyOf(tupleOf(entry)), seconds);
    }
  }
}

/** Lifetimes from those of the files that are connection tables. Faulty entries are left out: reading the captures tells of them. */
export async function readCtLifetimes(captures: readonly CaptureInput[]): Promise<CtLifetimes> {
  const lifetimes = new CtLifetimes();
  for (const capture of captures) lifetimes.add(await readEntries(capture));
  return lifetimes;
}

async function readEntries(capture: CaptureInput): Promise<CtEntry[]> {
  const { source } = await openBytes(capture);
  try {
    const { head, whole } = await peek(source);
    const format = detectRecords(head, 0n);
    if (!format || !isCtDecoder(format.decoder)) return [];
    const window = new RecordWindow(whole, format.cutter);
    const entries: CtEntry[] = [];
    do {
      for (let record = window.next(); record !== undefined; record = window.next()) {
        const entry = entryOf(format.decoder, record);
        if (typeof entry === "object") entries.push(entry);
      }
    } while (await window.fill());
    return entries;
  } finally {
    await source.close();
  }
}

function entryOf(decoder: CtDecoder, record: string): CtEntry | string | undefined {
  try {
    return decoder.entry(record);
  } catch (fault) {
    if (fault instanceof RecordFault) return fault.message;
    throw fault;
  }
}

function tupleOf({ protocol, source, sourcePort, destination, destinationPort }: CtEntry): CtTuple {
  const name = protocol.toUpperCase();
  const isEcho = name === "ICMP" || name === "ICMPV6";
  return {
    protocol: name,
    endpoint: canonical(source),
    endpointPort: isEcho ? sourcePort || destinationPort : sourcePort,
    remote: canonical(destination),
    remotePort: isEcho ? 0 : destinationPort,
  };
}

function canonical(text: string): string {
  const address = parseAddress(text);
  return address ? formatAddress(address) : text;
}

function keyOf({ protocol, endpoint, endpointPort, remote, remotePort }: CtTuple): string {
  return `${protocol} ${endpoint} ${endpointPort} ${remote} ${remotePort}`;
}
