import type { Random } from "../generate/random.js";
import { MONITOR_ZONE, type Zone } from "./cluster.js";

/** One way between two nodes, microseconds; the same in both directions. */
const ZONE_LATENCY_US: Readonly<Record<Zone, Readonly<Record<Zone, number>>>> = {
  "zone-a": { "zone-a": 150, "zone-b": 700, "zone-c": 900, "zone-d": 2600 },
  "zone-b": { "zone-a": 700, "zone-b": 150, "zone-c": 800, "zone-d": 3100 },
  "zone-c": { "zone-a": 900, "zone-b": 800, "zone-c": 150, "zone-d": 1900 },
  "zone-d": { "zone-a": 2600, "zone-b": 3100, "zone-c": 1900, "zone-d": 150 },
};

/** One way between the uplink of a zone and the echo server, microseconds. */
const UPLINK_LATENCY_US: Readonly<Record<Zone, number>> = {
  "zone-a": 4200,
  "zone-b": 5600,
  "zone-c": 7900,
  "zone-d": 5100,
};

/** Time that the server takes to answer, microseconds. */
export const SERVER_US = 100;
/** A way takes up to this much longer than it has to. */
export const JITTER = 0.08;

/** One way between the monitor and the server by a gateway in `zone`, nanoseconds, when nothing is in the way. */
export function wayNs(zone: Zone): number {
  return (ZONE_LATENCY_US[MONITOR_ZONE][zone] + UPLINK_LATENCY_US[zone]) * 1000;
}

/** Shortest time from a request to its answer by a gateway in `zone`, nanoseconds. */
export function roundTripNs(zone: Zone): number {
  return 2 * wayNs(zone) + SERVER_US * 1000;
}

/** How much longer the two ways of one request take: factors from 1 to 1 + JITTER. */
export interface Delays {
  readonly there: number;
  readonly back: number;
}

/** Drawn when a request is sent, whatever becomes of it, so that a failure changes nothing for the requests after it. */
export function drawDelays(random: Random): Delays {
  return { there: 1 + random.unit() * JITTER, back: 1 + random.unit() * JITTER };
}
