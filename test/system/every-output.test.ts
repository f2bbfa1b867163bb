import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CASES } from "./cases.js";
import { MANIFESTS, missing, PCAPS, python, ROOT, run, scratch } from "./tools.js";
import { badChecksums, type Defragmentation } from "./tshark.js";

interface Recount {
  readonly frames: number;
  readonly recounted: number;
  readonly bad: readonly { readonly file: string; readonly position: number; readonly packet: number | null }[];
}

const lacking = missing(["tshark", "python3"], ["scapy"]);
const SCENARIO = join(PCAPS, "scenarios/gw-a-dies.yaml");
const DEFRAGMENTATION: readonly Defragmentation[] = ["as-is", "defragmented"];

/** Ways to replay a capture other than the plain one, which scapy-checksums and tshark-checksums look at. */
const WAYS: readonly (readonly [string, ...string[]])[] = [
  ["few ports of profile rfc", "--nat-profile", "rfc", "--snat-ports", "50000-50063"],
  ["few ports and errors of the gateways' own", "--icmp-errors", "--snat-ports", "50000-50003"],
  ["one engine per node and a gateway that dies", "--topology", "cluster", "-s", SCENARIO],
];

/** Replays a capture, without our own verification, and returns what it wrote of these outputs. */
function outputs(capture: string, options: readonly string[]): string[] {
  const folder = scratch();
  const main = join(ROOT, "dist/src/cli/main.js");
  const args = ["replay", join(PCAPS, capture), "-m", MANIFESTS, "-o", folder, "--no-verify", ...options];
  const { status, stdout, stderr } = run(process.execPath, [main, ...args]);
  expect(status, `${stdout}\n${stderr}`).toBe(0);
  return ["external.pcapng", "endpoint.pcapng"].map((name) => join(folder, name)).filter((file) => existsSync(file));
}

function recount(...files: string[]): Recount {
  return python<Recount>("recount.py", ...files);
}

const combinations = CASES.filter(({ offloads }) => !offloads).flatMap(({ capture }) =>
  WAYS.map(([way, ...options]) => [capture, way, options] as const),
);

describe.skipIf(lacking !== "")("T03 tshark and scapy find no fault in any output", () => {
  test.each(combinations)("of %s with %s", (capture, _way, options) => {
    const files = outputs(capture, options);
    expect(files).toHaveLength(2);
    for (const file of files) for (const mode of DEFRAGMENTATION) expect(badChecksums(file, mode), file).toEqual([]);
    const { bad, frames, recounted } = recount(...files);
    expect(bad).toEqual([]);
    expect(recounted).toBeGreaterThan(frames);
  });

  test.each([["single"], ["cluster"]])(
    "of a capture with transmit offloads but in the frames that the host left to its network card (%s)",
    (topology) => {
      const capture = "offload/in.pcapng";
      const before = recount(join(PCAPS, capture));
      const after = recount(...outputs(capture, ["--topology", topology]));
      const numbers = (list: Recount["bad"], of: "position" | "packet") =>
        [...new Set(list.map((one) => one[of]))].sort();
      expect(numbers(after.bad, "packet")).toEqual(numbers(before.bad, "position"));
      expect(after.bad.length).toBeGreaterThan(100);
    },
  );
});
