import type { Pin } from "./pins.js";

/** Which external tuple is asked for, and when: [fromNs, toNs). */
export interface WhoQuery {
  /** Canonical text. */
  readonly egressIP: string;
  readonly port: number;
  /** Nanoseconds since the epoch. */
  readonly fromNs: bigint;
  readonly toNs: bigint;
  /** Canonical text; undefined = any. */
  readonly remote?: string;
  readonly remotePort?: number;
}

/** A pin with the time in which it is known to have stood; without bounds where nobody knows. */
export interface Holder {
  readonly pin: Pin;
  /** File that says so. */
  readonly source: string;
  readonly fromNs: bigint | undefined;
  readonly untilNs: bigint | undefined;
}

/** Ages are printed in whole seconds, clocks differ, and packets take time to where they are logged. */
const SLACK_NS = 1_000_000_000n;

/** Whether a pin is of the tuple that is asked for, at whatever time. */
function isOfTuple({ egressIP, natPort, remote, remotePort }: Pin, query: WhoQuery): boolean {
  if (egressIP !== query.egressIP || natPort !== query.port) return false;
  if (query.remote !== undefined && remote !== query.remote) return false;
  return query.remotePort === undefined || remotePort === query.remotePort;
}

/** Whether a holder had the tuple within a second of the time that is asked for; bounds that nobody knows do not exclude. */
function heldThen({ fromNs, untilNs }: Holder, query: WhoQuery): boolean {
  const isAfterStart = fromNs === undefined || fromNs - SLACK_NS < query.toNs;
  return isAfterStart && (untilNs === undefined || untilNs + SLACK_NS >= query.fromNs);
}

/** Everyone known to have had an external tuple. Holds those of the tuple asked for alone: lists of millions of entries need no memory. */
export class Holders {
  readonly #query: WhoQuery;
  readonly #ofLists = new Map<string, Holder>();
  readonly #seen: Holder[] = [];
  /** Place in `#seen` of the last holder, by what a remote sees. */
  readonly #last = new Map<string, number>();

  constructor(query: WhoQuery) {
    this.#query = query;
  }

  /** An entry of a list: from when it was made to when the list was printed. Both halves of a mapping count once. */
  addPin(pin: Pin, source: string): void {
    if (!isOfTuple(pin, this.#query)) return;
    const key = `${insideOf(pin)} ${outsideOf(pin)} ${source}`;
    if (!this.#ofLists.has(key)) this.#ofLists.set(key, { pin, source, fromNs: pin.createdNs, untilNs: pin.takenNs });
  }

  /** A packet seen under the tuple; in order of time. A tuple has one holder toward a remote until another is seen. */
  addPacket(pin: Pin, source: string, timeNs: bigint): void {
    if (!isOfTuple(pin, this.#query)) return;
    const key = `${outsideOf(pin)} ${source}`;
    const at = this.#last.get(key);
    const last = at === undefined ? undefined : this.#seen[at]!;
    if (at !== undefined && last && insideOf(last.pin) === insideOf(pin)) {
      this.#seen[at] = { ...last, untilNs: timeNs };
      return;
    }
    this.#last.set(key, this.#seen.length);
    this.#seen.push({ pin, source, fromNs: timeNs, untilNs: timeNs });
  }

  /** Those who had it at the time asked for, and those known of at other times only; each in order of time, then of endpoint and remote. */
  sorted(): { answers: Holder[]; others: Holder[] } {
    const all = [...this.#ofLists.values(), ...this.#seen].sort(
      (a, b) => compare(a.fromNs ?? 0n, b.fromNs ?? 0n) || compare(textOf(a), textOf(b)),
    );
    return {
      answers: all.filter((holder) => heldThen(holder, this.#query)),
      others: all.filter((holder) => !heldThen(holder, this.#query)),
    };
  }
}

function insideOf({ endpoint, endpointPort }: Pin): string {
  return `${endpoint} ${endpointPort}`;
}

function outsideOf({ protocol, egressIP, natPort, remote, remotePort }: Pin): string {
  return `${protocol} ${egressIP} ${natPort} ${remote} ${remotePort}`;
}

function textOf({ pin, source }: Holder): string {
  return `${insideOf(pin)} ${outsideOf(pin)} ${source}`;
}

function compare<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
