import { ICMP } from "./flows.js";
import { describe, type Entry, type External, type Finding, type Trial, tupleText } from "./ledger.js";

/** Where a connection left last; `external` undefined = untranslated. */
interface Sent {
  readonly ns: number;
  readonly external: External | undefined;
}

/** A restored reply belongs to a connection that left, by a gateway that lives and remembers it, and is as the endpoint received it. */
export function checkReplies({ entries, world }: Trial): Finding[] {
  const findings: Finding[] = [];
  const left = new Map<string, Sent>();
  /** By external tuple who left by it last: a late answer to somebody else is that one's now, as it would really be. */
  const owners = new Map<string, string>();
  /** By tuple the external one by which it left last, whoever had the address then. */
  const externals = new Map<string, string>();
  /** Connections of which the endpoint has sent something: what comes before that opens an inbound one. */
  const asked = new Set<string>();
  for (const entry of entries) {
    const { frame, pod, ns, external, inside, number } = entry;
    if (!pod) continue;
    const tuple = tupleText(frame);
    const key = `${pod.uid} ${tuple}`;
    if (frame.side === "out") {
      if (frame.kind === "error") continue;
      asked.add(key);
      if (external || inside) left.set(key, { ns, external });
      if (external) {
        owners.set(externalKey(entry, external), key);
        externals.set(tuple, externalKey(entry, external));
      }
      continue;
    }
    const sent = left.get(key);
    if (!inside || (sent?.external && owners.get(externalKey(entry, sent.external)) !== key)) continue;
    const holder = owners.get(externals.get(tuple) ?? "");
    if (holder && !holder.endsWith(` ${tuple}`)) continue;
    const where = `frame ${number}, ${tuple} at ${ns / 1e9} s: `;
    if (!isAsCaptured(inside.bytes, frame.bytes))
      findings.push({ check: "endpoint-bytes", text: `${where}is not what was captured` });
    if (frame.flow.opener === "remote" || frame.kind === "error" || !asked.has(key)) continue;
    const text = whyImpossible(entry, sent, world);
    if (text) findings.push({ check: "reply", text: where + text });
  }
  return findings;
}

/** An external tuple, where the outside looks for its owner. */
export function externalKey({ frame: { flow } }: Entry, { ip, port }: External): string {
  return `${flow.protocol} ${ip}:${port} ${flow.remote}:${flow.protocol === ICMP ? "" : flow.remotePort}`;
}

/** A TTL of 255 in front of a hop cannot be told: it, and the header checksum with it, may differ then. */
export function isAsCaptured(bytes: Uint8Array, captured: Uint8Array): boolean {
  const [ttlAt, ...sum] = captured[14] >> 4 === 6 ? [21] : [22, 24, 25];
  const blind = captured[ttlAt] === 255 ? [ttlAt, ...sum] : [];
  return bytes.length === captured.length && bytes.every((byte, i) => byte === captured[i] || blind.includes(i));
}

function whyImpossible({ ns, pod, frame }: Entry, sent: Sent | undefined, world: Trial["world"]): string | undefined {
  if (!sent) {
    const isSelected = world.isSettled(pod!, ns) && world.decide(pod!, frame.flow.remote, ns).kind === "selected";
    return isSelected && frame.flags !== "SYN" ? "answers what never left" : undefined;
  }
  if (!sent.external) return undefined;
  const gateway = world.node(sent.external.gateway);
  if (gateway.at(ns).isDead) return `${describe(sent.external)} is dead`;
  return gateway.hasLostMemory(sent.ns, ns) ? `${describe(sent.external)} has lost its memory` : undefined;
}
