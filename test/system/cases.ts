import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Finished, MANIFESTS, PCAPS, ROOT, run, scratch } from "./tools.js";

/** A capture of `pcaps/` as the system tests replay it. */
export interface ReplayCase {
  readonly name: string;
  readonly capture: string;
  /** Recorded with transmit offloads: many checksums are partial. */
  readonly offloads: boolean;
  /** The replay takes frames out of VXLAN. */
  readonly decapsulated: boolean;
  /** Reasons for which frames of this capture may stay out of the outputs; pairing.py checks that they hold. */
  readonly mayMiss: readonly string[];
}

const PLAIN = { offloads: false, decapsulated: false, mayMiss: [] };

/** The TTL of 1 ends on the way to the gateway; profile `cilium` drops fragments that come before their first one. */
export const ICMP_MAY_MISS: readonly string[] = ["ttl-exceeded", "fragment-without-first"];

export const CASES: readonly ReplayCase[] = [
  { ...PLAIN, name: "web", capture: "web/in.pcap" },
  { ...PLAIN, name: "offload", capture: "offload/in.pcapng", offloads: true },
  { ...PLAIN, name: "any", capture: "any/in.pcap.gz", mayMiss: ["duplicate"] },
  { ...PLAIN, name: "overlay", capture: "overlay/in.pcap", decapsulated: true },
  { ...PLAIN, name: "snat", capture: "snat/inside.pcap", mayMiss: ["ttl-exceeded"] },
  { ...PLAIN, name: "icmp", capture: "icmp/in.pcap", mayMiss: ICMP_MAY_MISS },
];

export interface Report {
  readonly frames: Readonly<Record<string, number>>;
  readonly reasons: Readonly<Record<string, number>>;
  readonly gateways: readonly { readonly node: string; readonly connections: number }[];
  readonly verification: { readonly ok: boolean; readonly mismatches: readonly unknown[] };
}

export interface Replayed extends Finished {
  /** Holds external.pcapng, endpoint.pcapng and report.json. */
  readonly folder: string;
}

/** Replays a capture with the command line into a new folder. */
export function replay(capture: string): Replayed {
  const folder = scratch();
  const main = join(ROOT, "dist/src/cli/main.js");
  return { folder, ...run(process.execPath, [main, "replay", capture, "-m", MANIFESTS, "-o", folder]) };
}

const done = new Map<string, Replayed>();

/** The outputs of one case, made once per test file. */
export function replayed(name: string): Replayed {
  const known = done.get(name);
  if (known) return known;
  const entry = CASES.find((candidate) => candidate.name === name);
  if (!entry) throw new Error(`no case "${name}"`);
  const result = replay(join(PCAPS, entry.capture));
  if (result.status !== 0)
    throw new Error(`replay of ${entry.capture}: exit ${result.status}\n${result.stdout}\n${result.stderr}`);
  done.set(name, result);
  return result;
}

/** The capture files that a case's replay wrote. */
export function outputsOf(name: string): string[] {
  return ["external.pcapng", "endpoint.pcapng"].map((file) => join(replayed(name).folder, file));
}

export function reportOf(folder: string): Report {
  return JSON.parse(readFileSync(join(folder, "report.json"), "utf8")) as Report;
}
