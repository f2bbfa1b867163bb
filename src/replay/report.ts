import type { MergedCapture } from "../capture/merge.js";
import type { RecordNotes } from "../capture/types.js";
import type { Egress, PolicyModel, Timeouts } from "../config/types.js";
import type { EgressStats } from "../engine/counters.js";
import type { Failback } from "../gateway/health.js";
import { formatAddress } from "../net/address.js";
import { Incidents } from "./incidents.js";
import type { Outcome } from "./outcome.js";
import { CILIUM_WOULD } from "./reasons.js";
import type { ReplayReport } from "./report-types.js";
import { Series } from "./series.js";
import type { ResolvedOptions } from "./setup.js";
import { Tally } from "./tally.js";
import { formatTime } from "./time.js";

/** The report of a finished replay. All but `timing` is a pure function of the inputs. */
export function buildReport(
  outcome: Outcome,
  options: ResolvedOptions,
  merged: MergedCapture,
  wallMs: number,
): ReplayReport {
  const { counters, egresses, startNs } = outcome;
  const { model } = options;
  const tally = Tally.of(outcome.tally);
  const { incidents, series, totals } = outcome.course;
  const { actions, reasons, reasonActions } = tally.summary(outcome.held);
  const read = Object.values(actions).reduce((sum, frames) => sum + frames, 0);
  const dropped = Object.keys(reasons).filter((reason) => (reasonActions[reason]?.drop ?? 0) > 0);
  return {
    schema: "sluicegate.io/replay-report/v1",
    seed: options.seed,
    natProfile: options.natProfile,
    input: inputOf(options, outcome, merged),
    frames: { read, bytes: tally.bytes, ...actions, generated: sumOf(tally.generated) },
    ...(options.icmpErrors && { generated: { kinds: tally.generated, untold: counters.untold } }),
    reasons,
    reasonActions,
    ciliumWould: Object.fromEntries(
      dropped.flatMap((reason) => (CILIUM_WOULD[reason] ? [[reason, CILIUM_WOULD[reason]]] : [])),
    ),
    connections: connectionsOf(outcome),
    gateways: gatewaysOf(model, egresses, totals),
    broken: tally.broken,
    rebound: tally.rebound,
    ...new Incidents(egresses, incidents).report(totals, () => 0),
    timeline: new Series(series).report(),
    ...scenarioOf(options, startNs),
    topology: options.topology,
    ...(outcome.overlay && { overlay: outcome.overlay }),
    verification: verificationOf(outcome, merged),
    viewpoints: [...outcome.viewpoints],
    settings: settingsOf(options),
    assumedAddresses: assumedOf(egresses),
    observations: {
      partialChecksums: tally.partialChecksums,
      superFrames: tally.superFrames,
      decapsulated: tally.decapsulated,
      checksumUnverifiable: tally.unverifiable,
      heldFragments: counters.actions.hold ?? 0,
    },
    ...rangeOf(options),
    ...(options.filter !== undefined && { filter: options.filter }),
    timing: {
      engineNsPerFrame: outcome.framesGiven === 0 ? 0 : (outcome.engineMs * 1e6) / outcome.framesGiven,
      framesPerSecond: wallMs > 0 ? (outcome.framesRead * 1000) / wallMs : 0,
      wallMs,
    },
  };
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function inputOf(
  options: ResolvedOptions,
  { framesOfFile, tally }: Outcome,
  merged: MergedCapture,
): ReplayReport["input"] {
  const { readers } = merged;
  const { firstNs, lastNs } = tally;
  return {
    truncated: readers.some(({ truncated }) => truncated),
    files: readers.map((reader, i) => ({
      name: options.captures[i]!,
      frames: framesOfFile[i]!,
      truncated: reader.truncated,
      skippedBlocks: Object.fromEntries(reader.skippedBlocks),
      adjusted: Object.fromEntries(reader.adjusted),
      ...(reader.records && {
        records: { ...pickCounts(reader.records), unused: Object.fromEntries(reader.records.unused) },
      }),
    })),
    ...(firstNs !== undefined && { firstFrame: formatTime(BigInt(firstNs)) }),
    ...(lastNs !== undefined && { lastFrame: formatTime(BigInt(lastNs)) }),
  };
}

function connectionsOf({ counters, tally, evictedMappings }: Outcome): ReplayReport["connections"] {
  return {
    opened: counters.opened,
    closed: counters.closed,
    expired: counters.expired,
    broken: tally.brokenCount,
    rebound: tally.reboundCount,
    peak: counters.peak,
    live: counters.live,
    removed: counters.removed,
    directionGuessed: counters.directionGuessed,
    evictions: {
      expired: counters.evictedExpired,
      closing: counters.evictedClosing,
      unreplied: counters.evictedUnreplied,
      established: counters.evictedEstablished,
      mappings: evictedMappings,
    },
  };
}

function gatewaysOf(
  model: PolicyModel,
  egresses: readonly Egress[],
  totals: readonly EgressStats[],
): ReplayReport["gateways"] {
  const { low, high } = model.settings.snatPorts.value;
  return egresses.map((egress, i) => {
    const row = totals[i]!;
    return {
      node: egress.node,
      egressIP: addressOf(egress),
      ...(egress.assumed && { assumed: true }),
      ...(egress.zone !== undefined && { zone: egress.zone }),
      connections: row.connections,
      frames: row.frames,
      bytes: row.bytes,
      replies: row.replies,
      replyBytes: row.replyBytes,
      portsPeak: row.portsPeak,
      portsLimit: high - low + 1,
    };
  });
}

/** IPv4 first; empty where the gateway has no egress IP. */
function addressOf(egress: Egress): string {
  const address = egress.egressIPv4 ?? egress.egressIPv6;
  return address ? formatAddress(address) : "";
}

function pickCounts({ kind, read, used }: RecordNotes): Pick<RecordNotes, "kind" | "read" | "used"> {
  return { kind, read, used };
}

function verificationOf({ verification }: Outcome, { readers }: MergedCapture): ReplayReport["verification"] {
  if (!verification) {
    const notes: Record<string, number> = {};
    for (const { records } of readers) {
      if (!records) continue;
      const note = `records: frames made up of ${records.kind}, whose bytes prove nothing`;
      notes[note] = (notes[note] ?? 0) + records.used;
    }
    return { enabled: false, ok: true, framesChecked: 0, mismatches: [], mismatchCount: 0, notes };
  }
  const { ok, framesChecked, mismatches, mismatchCount, notes } = verification;
  // By name, so that equal counts print equally whoever counted what first.
  const sorted = Object.fromEntries(Object.entries(notes).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { enabled: true, ok, framesChecked, mismatches: [...mismatches], mismatchCount, notes: sorted };
}

function settingsOf(options: ResolvedOptions): ReplayReport["settings"] {
  const { settings } = options.model;
  const given = (isGiven: boolean) => (isGiven ? "option" : "default");
  const rows: ReplayReport["settings"] = {
    natProfile: { value: options.natProfile, source: settings.natProfile?.source ?? "default" },
    snatPorts: {
      value: `${settings.snatPorts.value.low}-${settings.snatPorts.value.high}`,
      source: settings.snatPorts.source,
    },
    tunnelPort: { value: String(settings.tunnelPort.value), source: settings.tunnelPort.source },
    balance: { value: options.balance, source: given(options.balance !== "rendezvous") },
    connections: { value: String(options.connections), source: given(options.connections !== 512 << 10) },
    unsupported: { value: options.unsupported, source: given(options.unsupported !== "drop") },
    badChecksum: { value: options.badChecksum, source: given(options.badChecksum !== "keep") },
    icmpErrors: { value: options.icmpErrors ? "on" : "off", source: given(options.icmpErrors) },
    midStream: { value: options.midStream, source: given(options.midStream !== "pick-up") },
  };
  for (const [name, ms] of Object.entries(settings.timeouts.value)) {
    const source = settings.timeoutSources?.[name as keyof Timeouts] ?? settings.timeouts.source;
    rows[`timeouts.${name}`] = { value: `${ms} ms`, source };
  }
  return rows;
}

function assumedOf(egresses: readonly Egress[]): ReplayReport["assumedAddresses"] {
  return egresses
    .filter(({ assumed }) => assumed)
    .map((egress) => ({
      node: egress.node,
      address: addressOf(egress),
      note: egress.note ?? "the node's devices are unknown",
    }));
}

function scenarioOf({ scenario }: ResolvedOptions, startNs = 0n): Pick<ReplayReport, "scenario"> {
  if (!scenario) return {};
  const { name, file, propagationMs, health, events } = scenario;
  const rows = events.map((event) => ({
    at: formatTime("absoluteNs" in event.at ? event.at.absoluteNs : startNs + event.at.fromStartNs),
    ...("manifests" in event
      ? { event: "manifests", manifests: event.manifests }
      : { node: event.node, event: event.event }),
  }));
  const { probeIntervalMs, timeoutMs } = health;
  const limits = { probeIntervalMs, timeoutMs, failback: failbackText(health.failback) };
  return { scenario: { name, file, propagationMs, ...limits, events: rows } };
}

function failbackText(failback: Failback): string {
  if (failback.kind === "hold-down") return `hold-down ${failback.ms} ms`;
  return failback.kind === "after-probes" ? `after ${failback.count} probes` : failback.kind;
}

function rangeOf(options: ResolvedOptions): Pick<ReplayReport, "range"> {
  if (options.fromFrame === 1 && options.toFrame === Number.MAX_SAFE_INTEGER) return {};
  const { fromFrame, toFrame } = options;
  return { range: { fromFrame, ...(toFrame !== Number.MAX_SAFE_INTEGER && { toFrame }) } };
}
