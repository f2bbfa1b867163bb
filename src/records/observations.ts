const GENERATION = 1 << 16;

/** Two reports of one packet lie closer together than this; nanoseconds. */
const WINDOW_NS = 1_000_000_000n;

interface Home {
  readonly place: string;
  readonly lastNs: bigint;
}

/**
 * One packet is reported at every place that it passes: at the endpoint, at the overlay of both nodes, at the gateway's network. Of each kind
 * of packet of a connection only the reports of one place count: the first one met, until a second goes by without it.
 */
export class Observations {
  /** Taking single ones out of a large map is slow: it is the older half that goes, all at once. */
  #homes = new Map<string, Home>();
  #older = new Map<string, Home>();
  readonly #generation: number;

  /** @param generation kinds of packets of which the place is remembered: those of the last one to two times this many */
  constructor(generation = GENERATION) {
    this.#generation = generation;
  }

  /**
   * @param packet what all reports of a packet share
   * @param place node and observation point
   * @returns whether another place has reported this packet
   */
  isCopy(packet: string, place: string, timeNs: bigint): boolean {
    const home = this.#homes.get(packet) ?? this.#older.get(packet);
    if (!home) {
      this.#remember(packet, { place, lastNs: timeNs });
      return false;
    }
    const distance = timeNs > home.lastNs ? timeNs - home.lastNs : home.lastNs - timeNs;
    if (place !== home.place && distance <= WINDOW_NS) return true;
    this.#remember(packet, { place, lastNs: timeNs });
    return false;
  }

  #remember(packet: string, home: Home): void {
    if (this.#homes.size >= this.#generation && !this.#homes.has(packet)) {
      this.#older = this.#homes;
      this.#homes = new Map();
    }
    this.#homes.set(packet, home);
  }
}
