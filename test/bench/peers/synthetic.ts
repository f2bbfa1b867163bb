import { groupOf, PEERS_SCHEMA, type PeersReport, targetsOf } from "./report.js";

/** Times of peers as if every round had been alike. */
export const MEMORY_SAMPLES: ReadonlyMap<string, readonly number[]> = new Map([
  ["engine", [30, 31, 30]],
  ["native", [20, 20, 20]],
  ["reference", [15, 15.5, 15]],
  ["javascript", [36, 37, 36]],
  ["bpf-pick", [40, 41, 40]],
  ["bpf-translate", [190, 191, 190]],
  ["discard", [70, 71, 70]],
  ["linux-forward", [870, 901, 870]],
  ["nft-snat", [1480, 1492, 1480]],
]);

const FILE_SAMPLES: ReadonlyMap<string, readonly number[]> = new Map([
  ["tcpdump-forward", [170, 170]],
  ["tcprewrite-forward", [620, 640]],
  ["replay-forward", [100, 100]],
  ["replay-forward-verified", [900, 900]],
]);

/** A made-up run of both kinds. */
export function syntheticReport(): PeersReport {
  const groups = [groupOf("memory", 1000, MEMORY_SAMPLES), groupOf("files", 100_000, FILE_SAMPLES)];
  return {
    schema: PEERS_SCHEMA,
    date: "2026-11-26",
    command: "npm run bench:peers",
    commit: "0123456",
    machine: {
      cpu: "Some <CPU> & Co",
      cores: 2,
      node: "v20.0.0",
      v8: "11.3",
      platform: "linux x64",
      pages: "madvise",
      load: 0.5,
    },
    kernel: "6.1.0",
    versions: { nft: "nftables v1.0.6" },
    groups,
    targets: targetsOf(groups),
  };
}
