import type { FrameAction, ReplayReport } from "../replay/report-types.js";
import { formatMismatch } from "../verify/fields.js";
import { type Paint, paint } from "./paint.js";
import { reasonText } from "./reasons.js";
import { drainLines, failoverLines, more, SHOWN_ROWS, scenarioLines, timeLines } from "./summary-events.js";
import { bar, type Column, textTable } from "./text-table.js";
import { bytes, count, counted, duration, percent, rate } from "./units.js";

/** How a result is shown as text. */
export interface SummaryOptions {
  readonly colour: boolean;
  /** All mismatches, broken connections and settings instead of the first few or none. */
  readonly verbose: boolean;
}

const BAR_CELLS = 20;
const SHOWN = 5;
/** Below this, starting up is a good part of the time. */
const WARM_MS = 2000;
/** How a frame can end, in the order of a frame's fortune. */
export const OUTCOMES: readonly (readonly [FrameAction, string])[] = [
  ["snat", "translated on the way out"],
  ["reverse", "replies translated back"],
  ["pass", "passed untouched"],
  ["drop", "dropped"],
  ["lost", "lost at a dead gateway"],
  ["hold", "kept in the saved state"],
  ["skipped", "not given to the engine"],
];

const LEFT: Column = { title: "" };
const RIGHT: Column = { title: "", align: "right" };
const GATEWAY_COLUMNS: readonly Column[] = [
  { title: "node" },
  { title: "zone" },
  { title: "egress IP" },
  { title: "connections", align: "right" },
  { title: "share", align: "right" },
  { title: "" },
  { title: "frames out", align: "right" },
  { title: "bytes out", align: "right" },
  { title: "replies", align: "right" },
  { title: "ports", align: "right" },
];

/** The report as people read it: what was read, what happened to the frames, who carried them, whether it is right, how fast. */
export function summary(report: ReplayReport, options: SummaryOptions): string {
  const p = paint(options.colour);
  const sections = [
    inputLines(report, p),
    frameLines(report, p, options),
    gatewayLines(report, p, options),
    timeLines(report, p, options.verbose),
    scenarioLines(report, p, options.verbose),
    failoverLines(report, p, options.verbose),
    drainLines(report, p),
    brokenLines(report, p, options),
    options.verbose ? settingLines(report, p) : [],
    mismatchLines(report, p, options),
    [...verificationLines(report, p, options), speedLine(report, p)],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

/** All mismatches in words: `no mismatch`, `3 mismatches`. */
export function mismatchText({ verification: { mismatchCount } }: Pick<ReplayReport, "verification">): string {
  return mismatchCount === 0 ? "no mismatch" : `${count(mismatchCount)} mismatch${mismatchCount === 1 ? "" : "es"}`;
}

/** Reasons of frames that ended as `action`, the most frequent first. */
export function reasonsOf({ reasonActions }: ReplayReport, action: FrameAction): [string, number][] {
  return Object.entries(reasonActions)
    .flatMap(([reason, actions]): [string, number][] => (actions[action] ? [[reason, actions[action]]] : []))
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}

function inputLines({ input, viewpoints, filter }: ReplayReport, p: Paint): string[] {
  const out = [p.bold("Input")];
  for (const file of input.files) {
    out.push(
      `  ${file.name}  ${counted(file.frames, "frame")}${file.truncated ? p.warn(", the last record is cut off") : ""}`,
    );
    if (file.records) out.push(...recordLines(file.records, p));
    for (const view of viewpoints.filter((decision) => decision.file === file.name)) {
      const name = `    ${view.interface} (${view.linkType})  `;
      const lines = view.reasons.length > 0 ? view.reasons : [`${view.viewpoint} view`];
      const indent = " ".repeat(name.length);
      out.push(...lines.map((reason, i) => `${i === 0 ? name : indent}${reason}`));
      out.push(...view.hints.map((hint) => p.warn(`${indent}hint: ${hint}`)));
    }
  }
  if (input.firstFrame && input.lastFrame) out.push(`  from ${input.firstFrame} to ${input.lastFrame}`);
  if (filter !== undefined) out.push(`  only frames that match: ${filter}`);
  return out;
}

/** What became of connection records that stand in for frames. */
function recordLines(
  { kind, read, used, unused }: NonNullable<ReplayReport["input"]["files"][number]["records"]>,
  p: Paint,
): string[] {
  const reasons = Object.entries(unused).map(([reason, n]) => `${count(n)} ${reason}`);
  const rest = reasons.length > 0 ? `; not used: ${reasons.join(", ")}` : "";
  return [p.warn(`    ${counted(read, "record")} (${kind}), ${count(used)} made into frames${rest}`)];
}

function frameLines(report: ReplayReport, p: Paint, { verbose }: SummaryOptions): string[] {
  const { frames, ciliumWould } = report;
  const rows: string[][] = [];
  for (const [action, text] of OUTCOMES) {
    if (frames[action] === 0) continue;
    const share = frames[action] / frames.read;
    rows.push([action, count(frames[action]), percent(frames[action], frames.read), bar(share, BAR_CELLS), text]);
    for (const [reason, n] of reasonsOf(report, action)) {
      rows.push([`  ${reason}`, count(n), "", "", `  ${reasonText(reason)}`]);
      const original = action === "drop" && verbose ? ciliumWould[reason] : undefined;
      if (original !== undefined) rows.push(["", "", "", "", `  the original ${original}`]);
    }
  }
  const title = `${p.bold("Frames")}  ${counted(frames.read, "frame")}, ${bytes(frames.bytes)} on the wire`;
  const table = rowsOnly([LEFT, RIGHT, RIGHT, LEFT, LEFT], rows);
  return [title, ...table, ...observationLines(report, p), ...toldLines(report), ...overlayLines(report, p)];
}

/** ICMP errors of the gateways' own, where there are any. */
function toldLines({ frames, generated }: ReplayReport): string[] {
  if (!generated || frames.generated + generated.untold === 0) return [];
  const kinds = Object.entries(generated.kinds).map(([kind, n]) => `${count(n)} ${kind}`);
  const list = kinds.length > 0 ? `: ${kinds.join(", ")}` : "";
  const rest = generated.untold > 0 ? `; ${count(generated.untold)} more would have been too many at once` : "";
  return [`  ICMP  gateways told pods of ${counted(frames.generated, "drop")}${list}${rest}`];
}

/** What went between the nodes of a cluster, and what no longer fits there. */
function overlayLines({ overlay }: ReplayReport, p: Paint): string[] {
  if (!overlay) return [];
  const { frames, bytes: size, tooBig, largest, mtu, unaddressed } = overlay;
  const line = `  overlay  ${counted(frames, "packet")} between nodes, ${bytes(size)}; the largest needs an MTU of ${count(largest)}`;
  const warning = `  ${counted(tooBig, "packet")} do not fit the MTU of ${count(mtu)} behind an outer header`;
  const left = `  ${counted(unaddressed, "packet")} of nodes without an InternalIP in the manifests are not in overlay.pcapng`;
  return [line, ...(tooBig > 0 ? [p.warn(warning)] : []), ...(unaddressed > 0 ? [p.warn(left)] : [])];
}

/** Oddities of captures that readers wonder about; nothing where there are none. */
function observationLines({ observations }: ReplayReport, p: Paint): string[] {
  const { partialChecksums, superFrames, decapsulated, checksumUnverifiable, heldFragments } = observations;
  const found = [
    partialChecksums > 0 && `${count(partialChecksums)} with a checksum left to the network card`,
    superFrames > 0 && `${count(superFrames)} larger than any MTU (offload)`,
    decapsulated > 0 && `${count(decapsulated)} taken out of the overlay`,
    checksumUnverifiable > 0 && `${count(checksumUnverifiable)} cut by the capture, checksums taken on trust`,
    heldFragments > 0 && `${count(heldFragments)} held until their first fragment came`,
  ].filter((text) => text !== false);
  return found.length > 0 ? [p.dim(`  among them ${found.join("; ")}`)] : [];
}

function gatewayLines(report: ReplayReport, p: Paint, { verbose }: SummaryOptions): string[] {
  const { gateways, connections, assumedAddresses } = report;
  const { opened, closed, expired, broken, rebound, live, peak, directionGuessed } = connections;
  const ended = `${count(closed)} closed, ${count(expired)} expired, ${count(broken)} broken, ${count(rebound)} rebound, ${count(live)} still in the table`;
  const title = `${p.bold("Connections")}  ${count(opened)} opened, ${ended}; at most ${count(peak)} at a time`;
  const guessed =
    directionGuessed > 0
      ? [p.dim(`  ${count(directionGuessed)} were seen from the middle on: who opened them is a guess`)]
      : [];
  const used = verbose ? gateways : gateways.filter((gateway) => gateway.connections > 0 || gateway.frames > 0);
  const all = gateways.reduce((sum, gateway) => sum + gateway.connections, 0);
  const rows = used.map((gateway) => [
    gateway.node,
    gateway.zone ?? "–",
    `${gateway.egressIP}${gateway.assumed ? " *" : ""}`,
    count(gateway.connections),
    percent(gateway.connections, all),
    bar(all === 0 ? 0 : gateway.connections / all, BAR_CELLS / 2),
    count(gateway.frames),
    bytes(gateway.bytes),
    count(gateway.replies),
    `${count(gateway.portsPeak)} of ${count(gateway.portsLimit)}`,
  ]);
  const idle = gateways.length - used.length;
  const [head, ...lines] = textTable(GATEWAY_COLUMNS, rows, { indent: "  " });
  return [
    title,
    ...guessed,
    ...(rows.length > 0 ? [p.dim(head!), ...lines] : []),
    ...(idle > 0 ? [p.dim(`  ${counted(idle, "other egress IP")} carried nothing`)] : []),
    ...assumedAddresses.map(({ node, address, note }) => p.warn(`  * ${address} of ${node} is assumed: ${note}`)),
  ];
}

function brokenLines({ broken, rebound, connections }: ReplayReport, p: Paint, { verbose }: SummaryOptions): string[] {
  const all = [...broken.map((one) => ["broken", one] as const), ...rebound.map((one) => ["rebound", one] as const)];
  if (all.length === 0) return [];
  const shown = verbose ? all : all.slice(0, SHOWN_ROWS);
  const rows = shown.map(([kind, { at, fiveTuple, from, to, cause }]) => [
    kind,
    at,
    fiveTuple,
    from.node === "" ? "untranslated" : `${from.node} ${from.egressIP}`,
    to ? `${to.node} ${to.egressIP}` : "nowhere",
    cause,
  ]);
  const columns = ["", "at", "connection", "from", "to", "cause"].map((title) => ({ title }));
  const [head, ...lines] = textTable(columns, rows, { indent: "  " });
  return [
    p.bold("Changed in mid-connection"),
    p.dim(head!),
    ...lines,
    ...more(connections.broken + connections.rebound - shown.length, p),
  ];
}

function settingLines({ settings, seed, natProfile }: ReplayReport, p: Paint): string[] {
  const rows = Object.entries(settings).map(([name, { value, source }]) => [name, value, source]);
  return [`${p.bold("Settings")}  seed ${seed}, NAT profile ${natProfile}`, ...rowsOnly([LEFT, LEFT, LEFT], rows)];
}

function mismatchLines({ verification }: ReplayReport, p: Paint, { verbose }: SummaryOptions): string[] {
  const { mismatches, mismatchCount } = verification;
  if (mismatches.length === 0) return [];
  const shown = verbose ? mismatches : mismatches.slice(0, SHOWN);
  return [p.bold("Mismatches"), ...shown.map(formatMismatch), ...more(mismatchCount - shown.length, p)];
}

function verificationLines(report: ReplayReport, p: Paint, { verbose }: SummaryOptions): string[] {
  const { enabled, ok, framesChecked, notes } = report.verification;
  const title = p.bold("Verification");
  if (!enabled)
    return [
      `${title}  ${p.warn(isOfRecords(report) ? "off: frames made up of records prove nothing" : "off (--no-verify)")}`,
    ];
  const result = `${counted(framesChecked, "frame")} checked independently of the engine, ${mismatchText(report)}`;
  const noted = verbose ? Object.entries(notes).map(([note, n]) => p.dim(`  ${count(n)} × ${note}`)) : [];
  return [`${title}  ${ok ? p.good(`ok: ${result}`) : p.bad(`FAILED: ${result}`)}`, ...noted];
}

/** Whether frames were made up of connection records, of which nothing can be verified. */
export function isOfRecords({ input }: ReplayReport): boolean {
  return input.files.some(({ records }) => records);
}

function speedLine({ frames, timing }: ReplayReport, p: Paint): string {
  const { framesPerSecond, engineNsPerFrame, wallMs } = timing;
  const engine = `${duration(engineNsPerFrame)} per frame in the engine`;
  const startUp = wallMs < WARM_MS ? " with start-up" : "";
  return `${p.bold("Speed")}  ${rate(framesPerSecond)} frames/s${startUp}, ${engine}; ${counted(frames.read, "frame")} in ${duration(wallMs * 1e6)}`;
}

function rowsOnly(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  return textTable(columns, rows, { indent: "  " }).slice(1);
}
