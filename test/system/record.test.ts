import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ICMP_MAY_MISS, replay, reportOf } from "./cases.js";
import { MANIFESTS, missing, output, python, ROOT, run, scratch } from "./tools.js";
import { badChecksums, countFrames } from "./tshark.js";

const TOOLS = ["ip", "nft", "ethtool", "tcpdump", "dumpcap", "mergecap", "capinfos", "curl", "iperf3", "dig", "ping"];
const lacking = missing([...TOOLS, "openssl", "python3", "unshare", "tshark"], ["yaml"], true);
const RECORD = join(ROOT, "test/record/record.sh");
const RECORDING_SECONDS = "120";

describe.skipIf(lacking !== "")("test/record/record.sh", () => {
  test("records ICMP of all kinds anew, leaves no namespace behind, and the replay of the recording is right", () => {
    const before = output("ip", ["netns", "list"]);
    const folder = scratch();
    output("timeout", [RECORDING_SECONDS, RECORD, "-o", folder, "icmp"]);
    expect(output("ip", ["netns", "list"])).toBe(before);

    const capture = join(folder, "icmp/in.pcap");
    expect(countFrames(capture, "icmp.type==3 and icmp.code==4")).toBeGreaterThan(0);
    expect(countFrames(capture, "icmp.type==8")).toBeGreaterThan(5);
    expect(badChecksums(capture, "defragmented")).toEqual([]);

    const replayed = replay(capture);
    expect(replayed.stderr + replayed.stdout).not.toBe("");
    expect(replayed.status).toBe(0);
    expect(reportOf(replayed.folder).verification).toMatchObject({ ok: true, mismatches: [] });
    const places = ["--capture", capture, "--output", replayed.folder, "--manifests", MANIFESTS];
    const excuses = ICMP_MAY_MISS.flatMap((reason) => ["--may-miss", reason]);
    const { faults } = python<{ faults: unknown[] }>("pairing.py", ...places, ...excuses);
    expect(faults).toEqual([]);
  });

  test("a case that does not exist is refused by name", () => {
    const { status, stderr } = run(RECORD, ["-o", scratch(), "nosuch"]);
    expect(status).toBe(1);
    expect(stderr).toContain('no case "nosuch", expected one of: web offload any overlay snat icmp');
  });
});
