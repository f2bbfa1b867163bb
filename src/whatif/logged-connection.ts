import * as layout from "../../assembly/outside/layout.js";
import type { Endpoint } from "../config/types.js";
import {
  ACTION_DROP,
  ACTION_PASS,
  ACTION_REVERSE,
  ACTION_SNAT,
  VERDICT_FLAG_CREATED,
  VERDICT_FLAG_REMAPPED,
} from "../engine/codes.js";
import { nameOfReason } from "../replay/reasons.js";

/** What became of a connection: translated, let through, dropped, or sent to a dead gateway. */
export type Outcome = "snat" | "pass" | "drop" | "lost";

/** One connection as its endpoint sees it. Times are nanoseconds since the log's start, exact up to 104 days. */
export interface LoggedConnection {
  readonly protocol: number;
  readonly endpoint: string;
  /** Of an echo its identifier, with remote port 0. */
  readonly endpointPort: number;
  readonly remote: string;
  readonly remotePort: number;
  /** Who owned the endpoint's address when the connection began. */
  readonly owner: Endpoint | undefined;
  /** Index of the policy of the start's manifests that selects it; -1 = none. */
  readonly policy: number;
  /** The capture's first frame of it came from the endpoint. */
  readonly isOutbound: boolean;
  /** 1-based, over all captures. */
  readonly firstFrame: number;
  readonly firstNs: number;
  lastFrame: number;
  lastNs: number;
  framesOut: number;
  framesIn: number;
  /** On the wire. */
  bytesOut: number;
  bytesIn: number;
  /** Frames of it were dropped for want of an eligible gateway, or of an egress IP there. */
  lacksEgress: boolean;
  outcome: Outcome;
  /** Of the first frame that had this outcome; empty for `snat`. */
  reason: string;
  /** Outcome of its newest frame with the reason of that. */
  lastOutcome: Outcome;
  lastReason: string;
  /** Index of the egress at first and now; -1 = never translated. */
  firstEgress: number;
  egress: number;
  /** Host order; 0 = never translated. */
  natPort: number;
  /** How often its external tuple changed, and when first; such a move breaks TCP and SCTP. */
  moved: number;
  movedNs: number;
  isBroken: boolean;
  /** When its NAT port is free again if nothing more is seen of it, by the profile's lifetimes. */
  expiresNs: number;
  state: number;
}

/** Weightier outcomes replace lighter ones: a connection whose SYN was dropped once and then translated is `snat`. */
const WEIGHT: Readonly<Record<Outcome, number>> = { drop: 0, lost: 1, pass: 2, snat: 3 };

/** The engine opens anew what it had open before: the one before has ended. */
export function isReopened({ outcome }: LoggedConnection, flags: number): boolean {
  if (!(flags & VERDICT_FLAG_CREATED) || flags & VERDICT_FLAG_REMAPPED) return false;
  return outcome === "snat" || outcome === "pass";
}

/** Adds one frame. @param wire bytes on the wire */
export function count(connection: LoggedConnection, isOut: boolean, wire: number): void {
  if (isOut) {
    connection.framesOut++;
    connection.bytesOut += wire;
  } else {
    connection.framesIn++;
    connection.bytesIn += wire;
  }
}

/** @returns undefined for frames that never happened (`after-break`) */
export function outcomeOf(action: number): Outcome | undefined {
  switch (action) {
    case ACTION_SNAT:
    case ACTION_REVERSE:
      return "snat";
    case ACTION_PASS:
      return "pass";
    case ACTION_DROP:
      return "drop";
    case layout.ACTION_LOST:
      return "lost";
    default:
      return undefined;
  }
}

/** Takes the outcome of one frame into account. @param reason REASON_* or SKIP_* */
export function settle(connection: LoggedConnection, outcome: Outcome, reason: number): void {
  const name = outcome === "snat" ? "" : nameOfReason(reason);
  connection.lastOutcome = outcome;
  connection.lastReason = name;
  const isWeightier = WEIGHT[outcome] > WEIGHT[connection.outcome];
  if (!isWeightier && !(connection.reason === "" && outcome === connection.outcome)) return;
  connection.outcome = outcome;
  connection.reason = name;
}
