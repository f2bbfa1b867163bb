import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CASES } from "./cases.js";
import { MANIFESTS, missing, output, PCAPS, ROOT, run, scratch } from "./tools.js";
import { badChecksums, countFrames } from "./tshark.js";

const lacking = missing(["tshark"], []);
const SCENARIO = join(PCAPS, "scenarios/gw-a-dies.yaml");

/** Replays a capture with one engine per node. @returns the path of overlay.pcapng, and the report */
function overlayOf(capture: string, ...more: string[]): { file: string; frames: number; bytes: number } {
  const folder = scratch();
  const main = join(ROOT, "dist/src/cli/main.js");
  const args = [join(PCAPS, capture), "-m", MANIFESTS, "--topology", "cluster", "-o", folder, "--json", ...more];
  const { status, stdout, stderr } = run(process.execPath, [main, "replay", ...args]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return { file: join(folder, "overlay.pcapng"), ...JSON.parse(stdout).overlay };
}

describe.skipIf(lacking !== "")("overlay.pcapng in tshark", () => {
  test.each(CASES.map(({ capture, offloads }) => [capture, offloads] as const))(
    "%s: clean VXLAN",
    (capture, offloads) => {
      const { file, frames } = overlayOf(capture);
      expect(frames).toBeGreaterThan(30);
      expect(countFrames(file, "vxlan")).toBe(frames);
      expect(countFrames(file, "_ws.malformed")).toBe(0);
      expect(countFrames(file, "vxlan.vni == 0")).toBe(0);
      // Inner checksums of a sending host are partial; the outer ones are ours.
      if (offloads) expect(countFrames(file, "ip.checksum.status == 0")).toBe(0);
      else expect(badChecksums(file, "as-is")).toEqual([]);
    },
  );

  test("carries requests under the endpoint's identity and replies under 2, from node to node", () => {
    const { file } = overlayOf("web/in.pcap");
    const requests = countFrames(file, "vxlan.vni != 2");
    const replies = countFrames(file, "vxlan.vni == 2");
    expect(requests).toBeGreaterThan(500);
    expect(replies).toBeGreaterThan(500);
    expect(countFrames(file, "udp.dstport == 8472 and ip.ttl == 64")).toBe(requests + replies);
    const fields = ["-T", "fields", "-e", "frame.interface_name", "-e", "ip.src"];
    const senders = new Set(output("tshark", ["-n", "-r", file, "-d", "udp.port==8472,vxlan", ...fields]).split("\n"));
    const names = new Set([...senders].filter((line) => line !== "").map((line) => line.split("\t")[0]));
    // One interface per sending node, each with one outer source.
    const outer = [...senders].filter((line) => line !== "").map((line) => line.split(",")[0]);
    expect(new Set(outer).size).toBe(names.size);
    expect(names.size).toBeGreaterThan(4);
  });

  test("stays clean while a gateway dies and comes back", () => {
    const { file, frames } = overlayOf("web/in.pcap", "-s", SCENARIO);
    expect(countFrames(file, "vxlan")).toBe(frames);
    expect(badChecksums(file, "as-is")).toEqual([]);
  });
});
