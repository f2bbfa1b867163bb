import type { Random } from "./random.js";

/** A range of NAT ports, both ends included. */
export interface PortRange {
  readonly low: number;
  readonly high: number;
}

/** Hands out the ports of one (egress IP, remote, remote port, protocol). Times never run backwards. */
export interface PortSearch {
  /**
   * @param own the endpoint's port   @param nowNs when the connection opens   @param untilNs when it gives its port back
   * @returns false where no port is found
   */
  claim(own: number, nowNs: number, untilNs: number): boolean;
}

/** Tries of the original's search (`SNAT_COLLISION_RETRIES`). */
const TRIES = 32;

/**
 * The original's search, modelled: first the endpoint's own port where it is in range, then a random one, then from each port that is
 * taken the multiply-scaled `port + 1`, 32 tries in all. On its default range that scaling halves the distance to the top each time, so
 * late tries fall on the same few ports and connections are refused while many ports are free. A port is free again when its connection
 * expires; the original frees it with the next collection of garbage, so it is rather worse than this.
 */
export class OriginalSearch implements PortSearch {
  readonly #range: PortRange;
  readonly #random: Pick<Random, "next">;
  readonly #until = new Float64Array(65_536);

  /** @param random draws 32 bits at a time, of which the upper 16 count */
  constructor(range: PortRange, random: Pick<Random, "next">) {
    this.#range = range;
    this.#random = random;
  }

  claim(own: number, nowNs: number, untilNs: number): boolean {
    const port = this.find(own, nowNs);
    if (port === undefined) return false;
    this.#until[port] = untilNs;
    return true;
  }

  /** The port that a connection gets; undefined where the search gives up. */
  find(own: number, nowNs: number): number | undefined {
    const { low, high } = this.#range;
    let port = own >= low && own <= high ? own : this.#scale(this.#random.next() >>> 16);
    for (let tries = 0; tries < TRIES; tries++) {
      if (this.#until[port]! <= nowNs) return port;
      port = this.#scale(tries === 0 ? this.#random.next() >>> 16 : (port + 1) & 0xffff);
    }
    return undefined;
  }

  /** Scales 16 bits onto the range. */
  #scale(value: number): number {
    const { low, high } = this.#range;
    return low + Math.floor((value * (high - low + 1)) / 65_536);
  }
}

/** Sluicegate's search, modelled: it is complete, so all that counts is how many ports are in use. */
export class CompleteSearch implements PortSearch {
  readonly #ports: number;
  readonly #endings = new Endings();

  constructor({ low, high }: PortRange) {
    this.#ports = high - low + 1;
  }

  claim(_own: number, nowNs: number, untilNs: number): boolean {
    this.#endings.dropUntil(nowNs);
    if (this.#endings.size >= this.#ports) return false;
    this.#endings.add(untilNs);
    return true;
  }
}

/** Times at which ports in use are given back: a heap with the earliest on top. */
class Endings {
  readonly #heap: number[] = [];

  get size(): number {
    return this.#heap.length;
  }

  add(ns: number): void {
    const heap = this.#heap;
    let at = heap.push(ns) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]! <= ns) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = ns;
  }

  /** Forgets all that lie at or before `ns`. */
  dropUntil(ns: number): void {
    while (this.#heap.length > 0 && this.#heap[0]! <= ns) this.#dropFirst();
  }

  #dropFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= last) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}
