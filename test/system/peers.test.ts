import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { FIGURES } from "../bench/peers/catalogue.js";
import { chartOf } from "../bench/peers/chart.js";
import type { PeersReport } from "../bench/peers/report.js";
import { runPeers } from "../bench/peers/run.js";
import { printPeers } from "../bench/peers/table.js";
import { missing } from "./tools.js";

const lacking = missing(
  ["bash", "gcc", "ip", "mkfifo", "nft", "sysctl", "unshare", "clang-14", "tcpdump", "tcprewrite"],
  [],
  true,
);
const LIMITS = ["nf_conntrack_max", "nf_conntrack_buckets"].map((name) => `/proc/sys/net/netfilter/${name}`);
const SMALL = { sizes: [1000], rounds: 2, fileRounds: 1, frames: 1 << 12, blockMs: 2, packets: 2000 };

const limits = () => LIMITS.map((file) => readFileSync(file, "latin1"));

// `runPeers` itself throws where a peer did not do its work: frames at the sink, translated ones, connections, bytes written.
describe.skipIf(lacking !== "")("every program that Sluicegate is compared with", () => {
  let report: PeersReport;
  let before: string[];

  beforeAll(async () => {
    before = limits();
    report = await runPeers({ ...SMALL, command: "npm run test:system", onProgress: () => {} });
    console.log(printPeers(report));
  });

  test("does its work and has a time", () => {
    const figures = report.groups.flatMap((group) => group.figures);
    expect(figures.map(({ id }) => id)).toEqual(FIGURES.map(({ id }) => id));
    for (const { id, ns, ratio } of figures) {
      expect(ns.median, id).toBeGreaterThan(0);
      expect(ratio.median, id).toBeGreaterThan(0);
    }
    expect(report.groups.map(({ rounds }) => rounds)).toEqual([SMALL.rounds, SMALL.fileRounds]);
  });

  test("stands in the table and in the chart", () => {
    const [table, chart] = [printPeers(report), chartOf(report)];
    for (const { name } of FIGURES) {
      expect(table).toContain(`\n${name} `);
      expect(chart).toContain(`>${name}<`);
    }
  });

  test("is held against what the design wants", () => {
    expect(report.targets.map(({ name }) => name)).toEqual([
      "engine ÷ C, 1,000 connections",
      "nft SNAT ÷ engine, 1,000 connections",
      "tcprewrite ÷ replay --no-verify, forward",
      "replay --no-verify ÷ tcpdump, forward",
      "replay --no-verify ÷ tcpdump, with replies",
      "replay ÷ tcpdump, forward",
    ]);
  });

  test("leaves the machine's limits of connection tracking as they were", () => {
    expect(limits()).toEqual(before);
  });
});
