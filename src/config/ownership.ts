import { type AddressBytes, formatAddress } from "../net/address.js";
import { addressKey } from "./addresses.js";
import type { FaultLog } from "./fault-log.js";
import type { Workload } from "./workloads.js";

/** A time span in which one workload owns some addresses: `fromNs` inclusive, `toNs` exclusive, undefined = without bound. */
export interface Tenure {
  readonly workload: Workload;
  readonly addresses: readonly AddressBytes[];
  readonly fromNs: bigint | undefined;
  readonly toNs: bigint | undefined;
}

interface Claim {
  readonly workload: Workload;
  readonly address: AddressBytes;
  readonly fromNs: bigint | undefined;
  toNs: bigint | undefined;
}

export interface OwnershipOptions {
  /** Gives every address to its last owner for all times: for captures that are older than the pods of the dump. */
  readonly ignoresTimes: boolean;
}

/**
 * Settles who owns which address when: from creation to deletion; where two claim one address at a time, the younger owns it from its
 * creation on, with a warning. Spans of one address never overlap.
 */
export function settleOwnership(workloads: readonly Workload[], options: OwnershipOptions, log: FaultLog): Tenure[] {
  const claims = new Map<string, Claim[]>();
  for (const workload of workloads) {
    for (const address of workload.addresses) {
      const claim = { workload, address, fromNs: workload.createdNs, toNs: workload.deletedNs };
      const known = claims.get(addressKey(address));
      if (known) known.push(claim);
      else claims.set(addressKey(address), [claim]);
    }
  }
  const kept = new Set<Claim>();
  for (const rivals of claims.values()) {
    rivals.sort(byAge);
    if (options.ignoresTimes) kept.add({ ...rivals.at(-1)!, fromNs: undefined, toNs: undefined });
    else for (const claim of cutOverlaps(rivals, log)) kept.add(claim);
  }
  return groupTenures(workloads, kept);
}

/** Oldest first; without a creation time = since ever. Stable, so that of equals the one read last comes last. */
function byAge(a: Claim, b: Claim): number {
  const [from, to] = [a.fromNs ?? -1n, b.fromNs ?? -1n];
  if (from !== to) return from < to ? -1 : 1;
  const [endA, endB] = [a.toNs, b.toNs];
  if (endA === endB) return 0;
  if (endA === undefined) return 1;
  return endB === undefined || endA < endB ? -1 : 1;
}

function cutOverlaps(rivals: readonly Claim[], log: FaultLog): Claim[] {
  for (let i = 0; i + 1 < rivals.length; i++) {
    const [older, younger] = [rivals[i]!, rivals[i + 1]!];
    const start = younger.fromNs ?? older.fromNs;
    if (older.toNs !== undefined && start !== undefined && older.toNs <= start) continue;
    warnOverlap(older, younger, log);
    older.toNs = start;
    if (start === undefined) older.toNs = -1n;
  }
  return rivals.filter(({ fromNs, toNs }) => toNs === undefined || (fromNs ?? -1n) < toNs);
}

function warnOverlap(older: Claim, younger: Claim, log: FaultLog): void {
  const since = younger.fromNs === undefined ? "" : " from its creation on";
  const text = `${formatAddress(older.address)} is claimed by ${older.workload.field.label} and ${younger.workload.field.label} at one time; the younger, ${younger.workload.field.label}, owns it${since}`;
  log.warn("address with two owners", text, younger.workload.field.place("value"));
}

/** Back to workloads, in their order: addresses that one owns over the same span stay together. */
function groupTenures(workloads: readonly Workload[], claims: ReadonlySet<Claim>): Tenure[] {
  const byWorkload = new Map<
    Workload,
    Map<string, { addresses: AddressBytes[]; fromNs: bigint | undefined; toNs: bigint | undefined }>
  >();
  for (const { workload, address, fromNs, toNs } of claims) {
    let spans = byWorkload.get(workload);
    if (!spans) {
      spans = new Map();
      byWorkload.set(workload, spans);
    }
    const span = spans.get(`${fromNs} ${toNs}`);
    if (span) span.addresses.push(address);
    else spans.set(`${fromNs} ${toNs}`, { addresses: [address], fromNs, toNs });
  }
  return workloads.flatMap((workload) =>
    [...(byWorkload.get(workload)?.values() ?? [])].map((span) => ({ workload, ...span })),
  );
}
