import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { NatProfile } from "../../src/config/types.js";
import { pcap } from "../support/capture-bytes.js";
import { buildMutant, type Mutation } from "../verify/mutant.js";
import { documentedDifferences, KNOWN_NAMES } from "./netfilter/differences.js";
import type { Compared } from "./netfilter/differential.js";
import { KINDS } from "./netfilter/kinds.js";
import { runDifferential, seenNames, summary, unexplained } from "./netfilter/run.js";
import { missing, python, scratch } from "./tools.js";
import { badChecksums } from "./tshark.js";

const LINK_TYPE_RAW = 101;
const lacking = missing(["ip", "nft", "ethtool", "unshare", "setpriv", "tshark", "python3"], ["scapy"], true);
const PROFILES: readonly NatProfile[] = ["rfc", "cilium"];
const SCAPY_SHARE = 4;
const CONVERSATIONS = 4000;
const SEED = Number(process.env.SLUICEGATE_NETFILTER_SEED ?? 1);

/** Bugs that nobody would see in a table of connections; the kernel's packets must give away each of them. */
const BUGS: readonly (readonly [string, Mutation])[] = [
  [
    "a UDP checksum that comes to 0 is sent as 0, which means none",
    {
      file: "assembly/wire/checksum.ts",
      search: "return next == 0 ? 0xffff : next;",
      replace: "return next;",
    },
  ],
  [
    "the quoted checksum of an ICMP error does not count for the outer one",
    {
      file: "assembly/wire/quoted.ts",
      search: "return combine(portDelta, replaceUdpChecksum(l4 + UDP_CHECKSUM_AT, delta));",
      replace: "return portDelta + (replaceUdpChecksum(l4 + UDP_CHECKSUM_AT, delta) & 0);",
    },
  ],
  [
    "the quoted address of an ICMP error stays the egress IP",
    { file: "assembly/path/icmp-error.ts", search: "  store<u32>(innerAddressAt, address);\n", replace: "" },
  ],
  [
    "the last 32 bits of an IPv6 address do not count in its checksums",
    {
      file: "assembly/wire/checksum.ts",
      search: "for (let at: usize = 0; at < 16; at += 4)",
      replace: "for (let at: usize = 0; at < 12; at += 4)",
    },
  ],
  [
    "a reply keeps its TTL although it is routed",
    {
      file: "assembly/path/connection.ts",
      search: "  begin(network, LINE_FLAG_TRANSLATED | hopFlag, timeoutRow(selectedPolicy));",
      replace: "  begin(network, LINE_FLAG_TRANSLATED, timeoutRow(selectedPolicy));",
    },
  ],
  [
    "the CRC of SCTP does not follow the port",
    {
      file: "assembly/wire/sctp.ts",
      search: "  if (difference && length)\n",
      replace: "  if (difference && length > 0xffff)\n",
    },
  ],
  [
    "later fragments are not held until their first one comes",
    {
      file: "assembly/path/fragment.ts",
      search: "  const number = holdFrame(row);",
      replace: "  const number: u32 = 0;",
    },
  ],
  [
    "a later fragment leaves with the address that it came with",
    {
      file: "assembly/path/fragment.ts",
      search: "  else take(p, line, isServed, v, captured);\n",
      replace: "  else v.pass(0);\n",
    },
  ],
];

function captureOf(packets: readonly Uint8Array[]): string {
  const file = join(scratch(), "engine.pcap");
  const records = packets.map((frame) => ({ frame }));
  writeFileSync(file, pcap(records, { linkType: LINK_TYPE_RAW }));
  return file;
}

describe.skipIf(lacking !== "")("T57: the Linux kernel's source NAT and the engine do the same", () => {
  const runs = new Map<NatProfile, Compared>();

  beforeAll(async () => {
    for (const [i, profile] of PROFILES.entries()) {
      const compared = await runDifferential(profile, { seed: SEED + i, packets: 0, conversations: CONVERSATIONS });
      runs.set(profile, compared);
      console.log(summary(profile, compared));
    }
  });

  test.each(PROFILES)("to every packet of random conversations, field by field (%s)", (profile) => {
    const compared = runs.get(profile)!;
    expect(unexplained(compared).slice(0, 20), `seed ${SEED}`).toEqual([]);
    expect(compared.conversations).toBe(CONVERSATIONS);
    expect(Math.min(compared.families[4], compared.families[6])).toBeGreaterThan(CONVERSATIONS / 3);
    expect(compared.compared).toBeGreaterThan(4 * CONVERSATIONS);
    expect([...compared.kinds.keys()].sort()).toEqual(KINDS.map(({ name }) => name).sort());
    // Without collisions the comparison would not notice a gateway that cannot change a port.
    expect(Math.min(compared.portsChanged.kernel, compared.portsChanged.engine)).toBeGreaterThan(CONVERSATIONS / 10);
  });

  test.each(PROFILES)("tshark and scapy find nothing wrong with what the engine let through (%s)", (profile) => {
    const { outputs } = runs.get(profile)!;
    // A first fragment alone cannot show that its SCTP is right, all of them can.
    expect(badChecksums(captureOf(outputs), "defragmented")).toEqual([]);
    // scapy takes 2 ms for a packet.
    const some = outputs.filter((_, i) => i % SCAPY_SHARE === 0);
    const recount = python<{ frames: number; bad: unknown[] }>("recount.py", captureOf(some));
    expect(recount.bad).toEqual([]);
    expect(recount.frames).toBe(some.length);
  });

  test("docs/differences.md has a line for each difference that these tests know, and for no other", () => {
    const names = documentedDifferences().map(({ name }) => name);
    expect(names.sort()).toEqual([...KNOWN_NAMES].sort());
  });

  test("what it says to be seen in every run was seen", () => {
    const seen = seenNames([...runs.values()]);
    console.log(`differences seen: ${[...seen].map(([name, times]) => `${name} ${times}`).join(", ")}`);
    const claimed = documentedDifferences().filter(({ isAlwaysSeen }) => isAlwaysSeen);
    expect(claimed.length).toBeGreaterThan(0);
    expect(claimed.filter(({ name }) => !seen.has(name))).toEqual([]);
  });

  test.each(BUGS)("but not with this bug in the engine: %s", async (_what, bug) => {
    const wasm = await buildMutant([bug]);
    const compared = await runDifferential("rfc", { seed: SEED, packets: 0, conversations: 400 }, wasm);
    expect(unexplained(compared).length).toBeGreaterThan(0);
  });
});
