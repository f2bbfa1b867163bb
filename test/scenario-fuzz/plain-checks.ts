import type { BrokenConnection } from "../../src/replay/report-types.js";
import { readOutput } from "../replay/outputs-read.js";
import { twinOf } from "./dual-stack.js";
import { ICMP } from "./flows.js";
import type { Entry, Finding, Trial } from "./ledger.js";
import { transportAt, tupleText } from "./ledger.js";
import { externalKey } from "./replies.js";

/** A frame that can only be translated or not leave at all, and left with the address of its pod. */
export function checkLeaks({ fuzz, world, entries }: Trial): Finding[] {
  const findings: Finding[] = [];
  /** Datagrams that came before the endpoint had asked for any: their flow is inbound. */
  const unasked = new Set<string>();
  const asked = new Set<string>();
  const podIPs = new Set(fuzz.script.clusters.flatMap(({ pods }) => pods.flatMap(({ ip }) => [ip, twinOf(ip)])));
  const { low, high } = fuzz.snatPorts ?? { low: fuzz.natProfile === "rfc" ? 1024 : 32_768, high: 65_535 };
  for (const entry of entries) {
    const { frame, external, inside, pod, ns, number, output } = entry;
    const hasPort = external && frame.kind === "plain" && frame.flow.protocol !== ICMP;
    if (hasPort && (external.port < low || external.port > high))
      findings.push({ check: "nat-port", text: `frame ${number}: left by port ${external.port}` });
    if (frame.side === "in" && external)
      findings.push({ check: "leak", text: `frame ${number}: a reply left the cluster` });
    if (external && podIPs.has(external.ip))
      findings.push({ check: "leak", text: `frame ${number}: left as ${external.ip}` });
    if (output && !hasSamePayload(entry))
      findings.push({ check: "payload", text: `frame ${number}: its data changed` });
    const key = `${pod?.uid} ${tupleText(frame)}`;
    if (frame.side === "out") asked.add(key);
    else if (inside && !asked.has(key)) unasked.add(key);
    if (unasked.has(key)) continue;
    if (!inside || frame.side === "in" || frame.flow.opener === "remote" || !pod || !world.isSettled(pod, ns)) continue;
    if (world.decide(pod, frame.flow.remote, ns).kind !== "selected" || frame.kind === "error") continue;
    findings.push({
      check: "leak",
      text: `frame ${number}, ${tupleText(frame)} at ${ns / 1e9} s: passed untranslated`,
    });
  }
  return findings;
}

/** Nothing of an endpoint leaves with an address of its own, and nothing but what it sent leaves. */
export function checkAddresses({ fuzz, entries }: Trial): Finding[] {
  const podIPs = new Set(fuzz.script.clusters.flatMap(({ pods }) => pods.flatMap(({ ip }) => [ip, twinOf(ip)])));
  return entries.flatMap(({ number, frame, external }) =>
    external && (frame.side === "in" || podIPs.has(external.ip))
      ? [{ check: "leak", text: `frame ${number}: left as ${external.ip}` }]
      : [],
  );
}

/** Of plain frames: what follows the transport header. */
function hasSamePayload({ frame, output }: Entry): boolean {
  if (frame.kind === "error") return true;
  const from = transportAt(frame) + (frame.flow.protocol === 6 ? 20 : 8);
  return Buffer.compare(output!.bytes.subarray(from), frame.bytes.subarray(from)) === 0;
}

/** Frames and rows of the report that have to add up, among themselves and with the captures. */
export function checkTotals({ report, entries }: Trial): Finding[] {
  const { frames, reasons, gateways, timeline, failovers, connections } = report;
  const { read, pass, snat, reverse, drop, lost, skipped } = frames;
  const sum = (list: readonly number[]) => list.reduce((total, value) => total + value, 0);
  const failed = new Set(failovers.map(({ node }) => node));
  const ofFailures = ({ cause, from }: BrokenConnection) =>
    /failover|gateway-restart/.test(cause) && failed.has(from.node);
  const moved = [...report.broken, ...report.rebound].filter(ofFailures);
  const { evictions } = connections;
  const pairs: Record<string, readonly [number, number]> = {
    "frames read": [read, entries.length],
    "frames by action": [read, pass + snat + reverse + drop + lost + skipped],
    "frames by reason": [sum(Object.values(reasons)), pass + drop + lost + skipped],
    "external.pcapng": [entries.filter(({ external }) => external).length, snat],
    "endpoint.pcapng": [entries.filter(({ inside }) => inside).length, pass + reverse],
    "frames by gateway": [sum(gateways.map((row) => row.frames)), snat],
    "replies by gateway": [sum(gateways.map((row) => row.replies)), reverse],
    "lost over time": [sum(timeline.lost), lost],
    "broken over time": [sum(timeline.broken), report.broken.length],
    "rebound over time": [sum(timeline.rebound), report.rebound.length],
    broken: [connections.broken, report.broken.length],
    rebound: [connections.rebound, report.rebound.length],
    "frames over time": [sum(timeline.gateways.flatMap((row) => row.frames)), snat],
    "connections over time": [
      sum(timeline.gateways.flatMap((row) => row.connections)),
      sum(gateways.map((row) => row.connections)),
    ],
    "moved by failovers": [sum(failovers.map((row) => row.brokenConnections + row.rebound)), moved.length],
    evictions: [evictions.closing + evictions.unreplied + evictions.established + evictions.mappings, 0],
    mismatches: [report.verification.mismatchCount, 0],
  };
  return Object.entries(pairs).flatMap(([name, [a, b]]) =>
    a === b
      ? []
      : [
          {
            check: `totals: ${name}`,
            text: `${a}, expected ${b}${name === "mismatches" ? JSON.stringify(report.verification.mismatches[0]) : ""}`,
          },
        ],
  );
}

/** Lost frames: each has a dead node to blame, and each outage has its own. */
export function checkLosses({ report, entries, world, fuzz }: Trial): Finding[] {
  const findings: Finding[] = [];
  const { failovers, frames } = report;
  const attributed = failovers.reduce((sum, { lostFrames }) => sum + lostFrames, 0);
  if (attributed > frames.lost)
    findings.push({ check: "losses", text: `${attributed} of ${frames.lost} are attributed` });
  let certain = 0;
  for (const { frame, ns, pod, output, number } of entries) {
    if (!pod?.node || !world.node(pod.node).at(ns).isDead) continue;
    certain++;
    if (output)
      findings.push({ check: "dead-node", text: `frame ${number}, ${tupleText(frame)}: ${pod.node} was dead` });
  }
  const skipped = report.reasons["after-break"] ?? 0;
  const gone = (report.reasons["node-down"] ?? 0) + skipped + (report.reasons["already-translated"] ?? 0);
  if (certain > gone + (report.reasons.duplicate ?? 0))
    findings.push({ check: "losses", text: `${certain} frames met dead nodes, ${gone} are lost` });
  if (frames.lost > 0 && fuzz.script.events.length === 0)
    findings.push({ check: "losses", text: `${frames.lost} frames lost, but nothing happened` });
  return findings;
}

/** The prober's findings come when its schedule says. */
export function checkDetection({ report, fuzz }: Trial): Finding[] {
  const { probeIntervalMs, timeoutMs } = fuzz.script.health;
  return report.healthTransitions.flatMap(({ node, what, at, causeAt }) => {
    if (what !== "down-detected" || causeAt === undefined) return [];
    const tookMs = Date.parse(at) - Date.parse(causeAt);
    const isInTime = tookMs >= timeoutMs - probeIntervalMs - 1 && tookMs <= timeoutMs + 1;
    return isInTime ? [] : [{ check: "detection", text: `${node} was found down after ${tookMs} ms` }];
  });
}

/** An egress IP changes its gateway only when something happened. */
export function checkHolders({ entries, world }: Trial): Finding[] {
  const findings: Finding[] = [];
  const holders = new Map<string, Entry>();
  for (const entry of entries) {
    const { external, number, ns } = entry;
    if (!external) continue;
    const last = holders.get(external.ip);
    if (last && last.external!.gateway !== external.gateway && !world.hasChanged(last.ns, ns))
      findings.push({
        check: "address-moved",
        text: `frame ${number}: ${external.ip} left ${last.external!.gateway} for ${external.gateway}`,
      });
    holders.set(external.ip, entry);
  }
  return findings;
}

/** Packets between nodes: from the endpoint's node to its gateway, and replies back from there. */
export function checkOverlay({ entries, fuzz }: Trial, file: Buffer): Finding[] {
  const findings: Finding[] = [];
  /** By tuple the external one by which it left last, and who left by that one last: a late answer is somebody else's by then. */
  const externals = new Map<string, string>();
  const holders = new Map<string, { gateway: string; node: string | undefined }>();
  const packets = new Map(readOutput(file).map((packet) => [packet.number, packet]));
  const nodes = fuzz.script.clusters.flatMap((cluster) => cluster.nodes);
  const nodeOf = (ip: string) => nodes.find(({ internalIP }) => internalIP === ip)?.name;
  for (const entry of entries) {
    const { number, frame, external, pod, inside } = entry;
    if (!pod || frame.kind === "error") continue;
    const tuple = tupleText(frame);
    const packet = packets.get(number);
    const route = packet && [26, 30].map((at) => nodeOf(packet.bytes.subarray(at, at + 4).join(".")));
    if (external) {
      externals.set(tuple, externalKey(entry, external));
      holders.set(externalKey(entry, external), { gateway: external.gateway, node: pod.node });
    }
    const holder = holders.get(externals.get(tuple) ?? "");
    if (!packet || !holder || (!external && !inside)) {
      const isRouted = external && pod.node !== undefined && pod.node !== external.gateway;
      if (isRouted && !packet && isKnown(fuzz, pod.node!))
        findings.push({ check: "overlay", text: `frame ${number}: no packet` });
      continue;
    }
    const expected = external ? [holder.node, holder.gateway] : [holder.gateway, holder.node];
    if (route!.join() !== expected.join())
      findings.push({
        check: "overlay",
        text: `frame ${number}: went ${route!.join(" to ")}, expected ${expected.join(" to ")}`,
      });
  }
  return findings;
}

function isKnown({ script }: Trial["fuzz"], node: string): boolean {
  return script.clusters.every(({ nodes }) => nodes.some(({ name }) => name === node));
}
