import type { ConntrackPair, FrameExplanation, ParsedFrame, Translation } from "../replay/explain-types.js";
import { formatMismatch } from "../verify/fields.js";
import { hexDifference } from "./hex-view.js";
import { paint } from "./paint.js";
import { reasonText } from "./reasons.js";
import type { SummaryOptions } from "./summary.js";
import { textTable } from "./text-table.js";
import { bytes, counted, duration } from "./units.js";

/** Bytes of a frame that are shown unless the user wants all: headers, and a little of what follows. */
const SHOWN_BYTES = 96;

/** One step of a frame's walk: what it is called, and its lines. */
export type WalkStep = readonly [name: string, ...lines: string[]];

/** A frame's walk as people read it, step by step in the order in which it happened. */
export function explainText(explanation: FrameExplanation, { colour, verbose }: SummaryOptions): string {
  const p = paint(colour);
  const { frame, file, at, wireLength, capturedLength, bytes: raw } = explanation;
  const cut = capturedLength < wireLength ? `, ${capturedLength} of them captured` : "";
  const steps = walkSteps(explanation);
  const width = Math.max(...steps.map(([name]) => name.length)) + 2;
  const most = verbose ? Number.POSITIVE_INFINITY : SHOWN_BYTES;
  return [
    `${p.bold(`${file} frame ${frame} at ${at}`)}  ${counted(wireLength, "byte")} on the wire${cut}`,
    ...steps.flatMap(([name, ...lines]) =>
      lines.map((line, i) => `  ${i === 0 ? p.bold(name.padEnd(width)) : " ".repeat(width)}${line}`),
    ),
    "",
    ...walkBytes(raw, most).map((line) => (line.startsWith("=") ? p.bold(line.slice(1)) : line)),
  ].join("\n");
}

/** The frame's bytes as they changed, `most` of each version; titles begin with `=`. */
export function walkBytes({ captured, given, result }: FrameExplanation["bytes"], most: number): string[] {
  if (given === undefined && captured === result)
    return ["=The frame, unchanged", ...hexDifference(captured, result, most), ""];
  if (given === undefined)
    return ["=Before (-) and after (+) the engine", ...hexDifference(captured, result, most), ""];
  return [
    "=What the pod received (-) and, built from it, what the outside had sent (+)",
    ...hexDifference(captured, given, most),
    "",
    "=What the outside had sent (-) and what the engine made of it (+)",
    ...hexDifference(given, result, most),
    "",
  ];
}

/** The steps that a frame's walk has, in the order in which they happened. */
export function walkSteps(explanation: FrameExplanation): WalkStep[] {
  const { viewpoint, parse } = explanation;
  const steps: WalkStep[] = [
    ["viewpoint", `${viewpoint.interface} (${viewpoint.linkType}): ${viewpoint.reasons.join("; ")}`],
    ["packet", ...(parse ? packetLines(parse) : ["no readable IP packet"])],
    ["enters", ...enterLines(explanation)],
    ["conntrack", ...conntrackLines(explanation.conntrack.before, "no entry before this frame")],
    ["policy", ...policyLines(explanation)],
    ["gateways", ...gatewayLines(explanation)],
    ["verdict", ...verdictLines(explanation)],
    ["afterwards", ...conntrackLines(explanation.conntrack.after, "no entry")],
    ["released", ...releasedLines(explanation)],
    ["reply", ...replyLines(explanation)],
    ["verified", ...verifiedLines(explanation)],
  ];
  return steps.filter(([, ...lines]) => lines.length > 0);
}

function packetLines(parse: ParsedFrame): string[] {
  const { family, kind, source, destination, ttl, tcpFlags, ipLength, fault, inner } = parse;
  const flags = tcpFlags === "" ? "" : ` [${tcpFlags}]`;
  const ends = `${socket(source, parse.sourcePort, kind)} > ${socket(destination, parse.destinationPort, kind)}`;
  const fragment =
    parse.moreFragments || parse.fragmentOffset > 0
      ? [`fragment at ${parse.fragmentOffset}${parse.moreFragments ? ", more follow" : ", the last"}`]
      : [];
  return [
    `IPv${family} ${kind}${flags} ${ends}, TTL ${ttl}, ${counted(ipLength, "byte")}`,
    `checksums: header ${parse.headerChecksum}, transport ${parse.transportChecksum}`,
    ...fragment,
    ...(fault === "" ? [] : [`fault: ${fault}`]),
    ...(inner ? packetLines(inner).map((line) => `quotes: ${line}`) : []),
  ];
}

function enterLines({ classification }: FrameExplanation): string[] {
  const { hook, sourceIs, destinationIs, decapsulated, partialChecksum, superFrame, replyBuilt } = classification;
  const notes = [
    decapsulated && "taken out of its overlay packet",
    partialChecksum && "its checksum was left to the network card: updated as such",
    superFrame && "larger than the MTU: a frame that the card would have cut",
    replyBuilt && "what the outside had sent was built from what is known of the connection",
  ].filter((note) => note !== false);
  if (hook === undefined) return ["nowhere: the engine never saw it", ...notes];
  return [`at ${hook}; the source is ${article(sourceIs)}, the destination ${article(destinationIs)}`, ...notes];
}

function conntrackLines(pair: ConntrackPair | undefined, none: string): string[] {
  if (!pair) return [none];
  const { original, reply } = pair;
  const from = `${original.src}:${original.srcPort} > ${original.dst}:${original.dstPort}`;
  const carried = `${counted(original.packets, "frame")} out (${bytes(original.bytes)}), ${counted(reply.packets, "reply").replace("replys", "replies")} (${bytes(reply.bytes)})`;
  const mapping =
    original.reason === 0 && original.port > 0
      ? `, source becomes ${original.address}:${original.port}`
      : ", not translated";
  return [`entry ${from}${mapping}`, carried];
}

function policyLines({ policy }: FrameExplanation): string[] {
  if (!policy) return [];
  const { endpoint, node, outcome, prefix, policy: name, kind } = policy;
  const where = node === undefined ? endpoint : `${endpoint} on ${node}`;
  const rule = name === "" ? "" : `: ${prefix} of ${kind} ${name}`;
  const meaning = outcome === "selected" ? "selected" : `${outcome} (${reasonText(outcome)})`;
  return [`${where}${rule}: ${meaning}`];
}

function gatewayLines({ gateways }: FrameExplanation): string[] {
  if (gateways.length === 0) return [];
  const rows = gateways.map(({ node, egressIP, score, isPick, isUsed }) => {
    const note =
      isUsed && isPick
        ? "picked"
        : isUsed
          ? "in use: the connection is pinned here"
          : isPick
            ? "a new connection would go here"
            : "";
    return [node, egressIP, score, note];
  });
  const columns = ["node", "egress IP", "score", ""].map((title) => ({ title }));
  return textTable(columns, rows);
}

function verdictLines({ action, reason, ciliumWould, translation, parse }: FrameExplanation): string[] {
  if (action === "hold") return ["hold: a fragment that waits for its first one"];
  const lines = [verdictLine(action, reason)];
  if (ciliumWould !== undefined) lines.push(`the original ${ciliumWould}`);
  return [...lines, ...translationLines(translation, parse)];
}

function verdictLine(action: string, reason: string): string {
  return reason === "" ? action : `${action}, ${reason}: ${reasonText(reason)}`;
}

function translationLines(translation: Translation | undefined, parse: ParsedFrame | undefined): string[] {
  if (!translation) return [];
  const { gateway, egressIP, natPort, portKept, ttlBefore, ttlAfter, isNew } = translation;
  // Which port the pod has shows in the first fragment alone.
  const isLater = (parse?.fragmentOffset ?? 0) > 0;
  const kept = isLater ? "its datagram's" : portKept ? "the pod's own port" : "another port than the pod's";
  return [
    `${isNew ? "new mapping" : "mapping"} ${egressIP}:${natPort} on ${gateway} (${kept})`,
    ttlBefore === ttlAfter ? `TTL stays ${ttlAfter}` : `TTL ${ttlBefore} becomes ${ttlAfter}`,
  ];
}

function releasedLines({ afterHold, parse }: FrameExplanation): string[] {
  if (!afterHold) return [];
  const { action, reason, endedBy, first, translation } = afterHold;
  const ends = {
    "first-fragment": `by its first fragment, frame ${first?.frame} at ${first?.at}`,
    "time-or-room": "without its first fragment: its time was over, or its room was needed",
    "end-of-captures": "never: the captures end before its first fragment",
  };
  const when = ends[endedBy];
  return [when, verdictLine(action, reason), ...translationLines(translation, parse)];
}

function replyLines({ replyExpected }: FrameExplanation): string[] {
  if (!replyExpected) return [];
  const { from, to, restoredTo, lifetimeMs } = replyExpected;
  return [
    `from ${from} to ${to} is restored to ${restoredTo}`,
    `the mapping lives ${duration(lifetimeMs * 1e6)} after the connection's last frame`,
  ];
}

function verifiedLines({ mismatches, classification }: FrameExplanation): string[] {
  if (mismatches.length > 0) return mismatches.flatMap((mismatch) => formatMismatch(mismatch).split("\n"));
  return classification.hook === undefined ? [] : ["no mismatch"];
}

function socket(address: string, port: number, kind: string): string {
  return /^(?:tcp|udp|sctp|echo|icmp.*echo.*)$/.test(kind) ? `${address}:${port}` : address;
}

function article(what: string): string {
  return what === "outside" ? what : `of the cluster (${what})`;
}
