import type { LoggedConnection } from "./logged-connection.js";
import { fiveTupleName } from "./names.js";

/** One connection in two replays of the same captures; `undefined` where a replay does not know its pod. */
export interface Pair {
  /** As `after` where nobody knew it before. */
  readonly connection: LoggedConnection;
  readonly before: LoggedConnection | undefined;
  readonly after: LoggedConnection | undefined;
}

/**
 * Pairs the connections of two replays of the same captures by five-tuple. What one replay takes for several connections after another
 * may be one in the other (lifetimes differ between a translated and a passed one): each of `before` is paired with the one that the same
 * frame belongs to: the first of its frames, or the last.
 */
export function pairUp(
  before: readonly LoggedConnection[],
  after: readonly LoggedConnection[],
  by: "firstFrame" | "lastFrame",
): Pair[] {
  const [byTuple, known] = [group(after), new Set(before.map(fiveTupleName))];
  const pairs = before.map((connection): Pair => {
    const candidates = byTuple.get(fiveTupleName(connection)) ?? [];
    return { connection, before: connection, after: inForce(candidates, connection[by]) };
  });
  for (const connection of after) {
    if (!known.has(fiveTupleName(connection))) pairs.push({ connection, before: undefined, after: connection });
  }
  return pairs;
}

function group(connections: readonly LoggedConnection[]): Map<string, LoggedConnection[]> {
  const groups = new Map<string, LoggedConnection[]>();
  for (const connection of connections) {
    const name = fiveTupleName(connection);
    const known = groups.get(name);
    if (known) known.push(connection);
    else groups.set(name, [connection]);
  }
  return groups;
}

/** The connection that frame `frame` belongs to: the last that begins no later, or else the first. */
function inForce(connections: readonly LoggedConnection[], frame: number): LoggedConnection | undefined {
  return connections.findLast(({ firstFrame }) => firstFrame <= frame) ?? connections[0];
}
