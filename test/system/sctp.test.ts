import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readOutput } from "../replay/outputs-read.js";
import { missing, output, python, ROOT, run, scratch } from "./tools.js";
import { badChecksums } from "./tshark.js";

interface Recount {
  readonly frames: number;
  readonly recounted: number;
  readonly bad: readonly { readonly position: number; readonly layer: string }[];
}

const lacking = missing(["tshark", "python3"], ["scapy"]);
const MAIN = join(ROOT, "dist/src/cli/main.js");

/** A capture of associations of both families, and what a gateway with 64 ports makes of it: every endpoint's port changes. */
function replayed(): { capture: string; outputs: [external: string, endpoint: string] } {
  const folder = scratch();
  const share = [
    "--share",
    "sctp=0.9",
    "--share",
    "udp=0",
    "--share",
    "icmp=0",
    "--share",
    "ipv6=0.3",
    "--share",
    "malformed=0",
  ];
  const size = ["--packets", "4000", "--flows", "400", "--endpoints", "64", "--remotes", "40", "--seed", "45"];
  output(process.execPath, [MAIN, "generate", "-o", folder, ...share, ...size]);
  const capture = join(folder, "capture.pcap");
  const result = join(folder, "out");
  const manifests = ["-m", join(folder, "manifests.yaml"), "-o", result];
  const ports = ["--nat-profile", "rfc", "--snat-ports", "1024-1087"];
  const { status, stdout, stderr } = run(process.execPath, [MAIN, "replay", capture, ...manifests, ...ports]);
  expect(status, `${stdout}\n${stderr}`).toBe(0);
  return { capture, outputs: [join(result, "external.pcapng"), join(result, "endpoint.pcapng")] };
}

const sctpFrames = (file: string, filter = "sctp") =>
  output("tshark", ["-n", "-r", file, "-Y", filter, "-T", "fields", "-e", "frame.number"]).split("\n").length - 1;

describe.skipIf(lacking !== "")("T45 SCTP by scapy and tshark", () => {
  test("every CRC is right behind a gateway that gives every association another port, and of what comes back", () => {
    const { outputs } = replayed();
    const [external] = outputs;
    const changed = sctpFrames(external, "sctp.srcport >= 1024 and sctp.srcport <= 1087");
    expect(changed).toBeGreaterThan(1000);
    expect(sctpFrames(external, "sctp and ipv6")).toBeGreaterThan(100);
    for (const file of outputs) {
      expect(sctpFrames(file)).toBeGreaterThan(1000);
      expect(sctpFrames(file, "sctp.checksum.status == 1")).toBe(0);
      expect(badChecksums(file, "as-is")).toEqual([]);
    }
    const { bad, frames, recounted } = python<Recount>("recount.py", ...outputs);
    expect(bad).toEqual([]);
    expect(recounted).toBeGreaterThan(frames);
  });

  test("a CRC that is wrong in one frame is found by both", () => {
    const [external] = replayed().outputs;
    const file = readFileSync(external);
    const position = readOutput(file).findIndex(({ bytes }) => bytes[12] === 8 && bytes[23] === 132);
    file[file.indexOf(readOutput(file)[position]!.bytes) + 14 + 20 + 8]! ^= 1;
    const planted = join(scratch(), "planted.pcapng");
    writeFileSync(planted, file);
    expect(badChecksums(planted, "as-is")).toEqual([position + 1]);
    expect(python<Recount>("recount.py", planted).bad).toMatchObject([{ position: position + 1, layer: "SCTP" }]);
  });
});
