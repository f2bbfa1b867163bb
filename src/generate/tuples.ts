import { UsageError } from "../errors.js";
import { EPHEMERAL_PORTS } from "../net/ports.js";
import type { Ports } from "./flow.js";
import type { Path } from "./frame-builder.js";
import type { GenerateOptions } from "./options.js";
import type { Random } from "./random.js";

/** Shares no divisor with the number of ports, so that an endpoint uses all of them before it repeats one. */
const PORT_STRIDE = 7919;
const REMEMBERED = 1024;
const REUSE_WITHIN_NS = 120e9;

/** Five-tuple of a connection, without its protocol. */
export interface Tuple {
  readonly path: Path;
  readonly ports: Ports;
}

/** Gives flows their ports, so that no two live flows have the same five-tuple, and remembers ended ones for reuse. */
export class Tuples {
  readonly #remotes: number;
  readonly #nextPort: Uint32Array;
  readonly #live = new Set<number>();
  readonly #ended: { tuple: Tuple; timeNs: number }[] = [];
  #endedAt = 0;

  constructor({ endpoints, remotes }: GenerateOptions) {
    this.#remotes = remotes;
    this.#nextPort = Uint32Array.from(
      { length: endpoints },
      (_, endpoint) => (endpoint * 9973) % EPHEMERAL_PORTS.count,
    );
  }

  /**
   * Takes a port of the endpoint that it does not use towards this remote.
   * @throws {UsageError} where it uses all 28,232 at once
   */
  take(path: Path, remotePort: number): Tuple {
    for (let tries = 0; tries < EPHEMERAL_PORTS.count; tries++) {
      const place = this.#nextPort[path.endpoint]!;
      this.#nextPort[path.endpoint] = (place + PORT_STRIDE) % EPHEMERAL_PORTS.count;
      const tuple = { path, ports: { endpointPort: EPHEMERAL_PORTS.low + place, remotePort } };
      if (this.#claim(tuple)) return tuple;
    }
    throw new UsageError(
      `generate: more than ${EPHEMERAL_PORTS.count} flows of one endpoint to one remote are alive at once, expected more endpoints or remotes`,
    );
  }

  /** @returns the tuple of a connection that ended less than two minutes ago, if there is one to be had */
  takeEnded(nowNs: number, random: Random): Tuple | undefined {
    if (this.#ended.length === 0) return undefined;
    const { tuple, timeNs } = this.#ended[random.below(this.#ended.length)]!;
    return nowNs - timeNs < REUSE_WITHIN_NS && this.#claim(tuple) ? tuple : undefined;
  }

  release(tuple: Tuple): void {
    this.#live.delete(this.#key(tuple));
  }

  /** Offers the tuple of an ended connection for reuse. */
  remember(tuple: Tuple, timeNs: number): void {
    this.#ended[this.#endedAt] = { tuple, timeNs };
    this.#endedAt = (this.#endedAt + 1) % REMEMBERED;
  }

  #claim(tuple: Tuple): boolean {
    const key = this.#key(tuple);
    if (this.#live.has(key)) return false;
    this.#live.add(key);
    return true;
  }

  /** Below 2^53 for every size of population: 819,200 · 131,072 · 28,232 · 2. */
  #key({ path, ports }: Tuple): number {
    const pair = (path.endpoint * this.#remotes + path.remote) * 2 + (path.family === 4 ? 0 : 1);
    return pair * EPHEMERAL_PORTS.count + (ports.endpointPort - EPHEMERAL_PORTS.low);
  }
}
