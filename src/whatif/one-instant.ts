import { type CaptureInput, isRereadable } from "../capture/input.js";
import type { PolicyModel } from "../config/types.js";
import { hasHandshake } from "../net/decode.js";
import { protocolName } from "../net/protocol-name.js";
import { type CtLifetimes, readCtLifetimes } from "../records/ct-lifetimes.js";
import type { ReplayReport } from "../replay/report-types.js";
import { hasFailover, hasOther } from "./elsewhere.js";
import { isClosed, isOpening } from "./lifetime.js";
import type { LoggedConnection } from "./logged-connection.js";
import { fiveTupleName } from "./names.js";
import type { LoggedRun } from "./run.js";

// A connection table has one instant. Its connections are all open then, and taken to go on: an event comes after the last of them opened.

/** True where captures, or the records that stand for them, have one instant. */
export function isOneInstant({ input: { firstFrame, lastFrame } }: Pick<ReplayReport, "input">): boolean {
  return firstFrame !== undefined && firstFrame === lastFrame;
}

/** What the failure of a gateway node does to the connections that are open. */
export interface InstantEffect {
  /** All but those that both sides have closed. */
  readonly open: string[];
  /** Five-tuples, as those of `open`. */
  readonly broken: string[];
  readonly rebound: string[];
}

/** Lifetimes that connection tables among captures say; standard input cannot be read again. */
export function lifetimesOf(captures: readonly CaptureInput[]): Promise<CtLifetimes> {
  return readCtLifetimes(captures.filter(isRereadable));
}

/** When a connection ends if nothing more is sent, nanoseconds since the first frame: by its table, else by the profile's lifetimes. */
export function endOf(connection: LoggedConnection, lifetimes: CtLifetimes): number {
  const seconds = lifetimes.of({ ...connection, protocol: protocolName(connection.protocol).toUpperCase() });
  return seconds === undefined ? connection.expiresNs : connection.firstNs + seconds * 1e9;
}

/**
 * Connections on `kill` that break or are rebound if each of them sends something after the failure was noticed.
 * @param nodeOf of a translated connection
 */
export function instantEffect(
  { log }: LoggedRun,
  model: PolicyModel,
  kill: string,
  lifetimes: CtLifetimes,
  nodeOf: (connection: LoggedConnection) => string | undefined,
): InstantEffect {
  const effect: InstantEffect = { open: [], broken: [], rebound: [] };
  for (const connection of log.connections) {
    if (connection.outcome !== "snat" || isClosed(connection.state)) continue;
    if (endOf(connection, lifetimes) <= log.clockNs || nodeOf(connection) !== kill) continue;
    const name = fiveTupleName(connection);
    effect.open.push(name);
    // Pods of the dead node send nothing more.
    if (connection.owner?.node === kill) continue;
    if (!hasFailover(model, connection) || !hasOther(model, connection, kill)) continue;
    if (hasHandshake(connection.protocol) && !isOpening(connection.state)) effect.broken.push(name);
    else effect.rebound.push(name);
  }
  return effect;
}
