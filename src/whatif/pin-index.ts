import { protocolName } from "../net/protocol-name.js";
import { type Pin, type PinFile, readPins } from "../records/pins.js";
import type { LoggedConnection } from "./logged-connection.js";

/** Protocols without ports, whose one identifier lists print in either of two places. */
const ECHO_PROTOCOLS: ReadonlySet<string> = new Set(["ICMP", "ICMPV6"]);
/** What lists leave out where they do not say a protocol. */
const ANY_PROTOCOL = "";

/** Imported pins by five-tuple. */
export class PinIndex {
  readonly #pins = new Map<string, Pin[]>();
  #entries = 0;

  /** Different entries: both halves of a mapping are one. */
  get entries(): number {
    return this.#entries;
  }

  /** Takes one more pin. */
  add(pin: Pin): void {
    const key = keyOf(pin.protocol, pin.endpoint, pin.endpointPort, pin.remote, pin.remotePort);
    const same = this.#pins.get(key) ?? [];
    if (same.some((other) => isSameEntry(other, pin))) return;
    this.#entries++;
    this.#pins.set(key, [...same, pin]);
  }

  /** Pins of a connection's five-tuple, whenever they stood; empty where there is none. */
  of({ protocol, endpoint, endpointPort, remote, remotePort }: LoggedConnection): readonly Pin[] {
    const names = [protocolName(protocol).toUpperCase(), ANY_PROTOCOL];
    return names.flatMap((name) => this.#pins.get(keyOf(name, endpoint, endpointPort, remote, remotePort)) ?? []);
  }
}

/** Reads lists of pins. Throws as `readPins` does. */
export async function readPinIndex(files: readonly PinFile[]): Promise<PinIndex> {
  const index = new PinIndex();
  for (const { file, takenNs } of files) {
    for await (const pin of readPins(file, takenNs === undefined ? {} : { takenNs })) index.add(pin);
  }
  return index;
}

function keyOf(protocol: string, endpoint: string, endpointPort: number, remote: string, remotePort: number): string {
  if (ECHO_PROTOCOLS.has(protocol)) return `${protocol} ${endpoint} ${endpointPort || remotePort} ${remote}`;
  return `${protocol} ${endpoint} ${endpointPort} ${remote} ${remotePort}`;
}

function isSameEntry(a: Pin, b: Pin): boolean {
  return a.egressIP === b.egressIP && a.natPort === b.natPort && a.gateway === b.gateway && a.createdNs === b.createdNs;
}
