import { describe, type Entry, type Finding, type Trial, tupleText } from "./ledger.js";
import { type Life, Lives } from "./lives.js";

interface Holder {
  readonly life: Life;
  readonly entry: Entry;
}

/** An external tuple serves one connection at a time: own bookkeeping of who left by which, and for how long that lives. */
export function checkOwners(trial: Trial): Finding[] {
  const findings: Finding[] = [];
  const lives = new Lives(trial);
  const holders = new Map<string, Holder>();
  for (const entry of trial.entries) {
    if (entry.frame.kind === "error" || !entry.pod) continue;
    if (entry.frame.side === "in") {
      lives.find(entry)?.see(entry);
      continue;
    }
    const life = lives.open(entry);
    const { external, ns } = entry;
    if (external) {
      const { protocol, remote, remotePort } = entry.frame.flow;
      const key = `${protocol} ${external.ip}:${external.port} ${remote}:${remotePort}`;
      const holder = holders.get(key);
      if (holder && holder.life !== life && holds(trial, holder, entry)) {
        const text = `frame ${entry.number}: ${describe(external)} serves ${tupleText(entry.frame)} and ${tupleText(holder.entry.frame)}`;
        findings.push({ check: "tuple-shared", text });
      }
      holders.set(key, { life, entry });
      life.external = external;
    } else life.external = undefined;
    life.see(entry);
    life.outNs = ns;
  }
  return findings;
}

/** True where nothing can have taken the tuple from its holder by the time of `entry`. */
function holds({ world }: Trial, { life, entry: last }: Holder, entry: Entry): boolean {
  const [since, now] = [life.outNs, entry.ns];
  const { external, pod } = last;
  if (!life.external || describe(life.external) !== describe(external!) || now > life.sureUntil) return false;
  if (external!.gateway !== entry.external!.gateway) return false;
  const hasForgotten = (node: string | undefined) => node !== undefined && world.node(node).hasLostMemory(since, now);
  if (hasForgotten(external!.gateway) || hasForgotten(pod!.node)) return false;
  return world.podAt(pod!.ip, now)?.uid === pod!.uid;
}
