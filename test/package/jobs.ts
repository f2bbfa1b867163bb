import { readFileSync } from "node:fs";
import * as sluicegate from "../../src/index.js";
import { runJob } from "./job.mjs";

/** What is replayed, with paths below `pcaps`. */
export interface Job {
  readonly captures: readonly string[];
  readonly scenario?: string;
  /** Whose walk is told. */
  readonly frame: number;
}

/** What came of it. */
export interface JobResult {
  readonly report: unknown;
  /** Frames that were told of last. */
  readonly progress: number;
  /** Length and SHA-256. */
  readonly page: string;
  readonly walk: unknown;
  /** Length and SHA-256 of captures, by name. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Of the compiled policy; the hash of its blob stands in it. */
  readonly document: string;
}

/** Plain and gzipped, pcap and pcapng, several captures merged, a scenario. */
export const JOBS: readonly Job[] = [
  { captures: ["web/in.pcap"], frame: 3 },
  { captures: ["web/in.pcap"], scenario: "scenarios/gw-a-dies.yaml", frame: 900 },
  { captures: ["any/in.pcap.gz", "icmp/in.pcap", "offload/in.pcapng"], frame: 50 },
];

/** The same by the library in Node, through JSON, as results come from elsewhere. */
export async function nodeResults(): Promise<JobResult[]> {
  const bytesOf = (name: string) => new Uint8Array(readFileSync(`pcaps/${name}`));
  const results: JobResult[] = [];
  for (const job of JOBS) results.push(await runJob(sluicegate, job, bytesOf));
  return JSON.parse(JSON.stringify(results));
}
