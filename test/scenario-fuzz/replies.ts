import { describe, type Entry, type External, type Finding, type Trial, tupleText } from "./ledger.js";

/** A restored reply belongs to a connection that left, by a gateway that lives and remembers it. */
export function checkReplies({ entries, world }: Trial): Finding[] {
  const findings: Finding[] = [];
  const left = new Map<string, { readonly ns: number; readonly external: External | undefined }>();
  /** Connections of which the endpoint has sent something: what comes before that opens an inbound one. */
  const asked = new Set<string>();
  for (const entry of entries) {
    const { frame, pod, ns, external, inside, number } = entry;
    if (!pod || frame.kind === "error") continue;
    const key = `${pod.uid} ${tupleText(frame)}`;
    if (frame.side === "out") {
      asked.add(key);
      if (external) left.set(key, { ns, external });
      else if (inside) left.set(key, { ns, external: undefined });
      continue;
    }
    const sent = left.get(key);
    if (!inside || frame.flow.opener === "remote" || !asked.has(key)) continue;
    const text = whyImpossible(entry, sent, world);
    if (text) findings.push({ check: "reply", text: `frame ${number}, ${tupleText(frame)} at ${ns / 1e9} s: ${text}` });
  }
  return findings;
}

function whyImpossible(
  { ns, pod, frame }: Entry,
  sent: { readonly ns: number; readonly external: External | undefined } | undefined,
  world: Trial["world"],
): string | undefined {
  if (!sent) {
    const isSelected = world.isSettled(pod!, ns) && world.decide(pod!, frame.flow.remote, ns).kind === "selected";
    return isSelected && frame.flags !== "SYN" ? "answers what never left" : undefined;
  }
  if (!sent.external) return undefined;
  const gateway = world.node(sent.external.gateway);
  if (gateway.at(ns).isDead) return `${describe(sent.external)} is dead`;
  return gateway.hasLostMemory(sent.ns, ns) ? `${describe(sent.external)} has lost its memory` : undefined;
}
