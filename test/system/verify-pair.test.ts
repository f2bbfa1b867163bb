import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MANIFESTS, missing, PCAPS, python, ROOT, run, scratch } from "./tools.js";

const lacking = missing(["python3"], ["yaml"]);
const INSIDE = join(PCAPS, "snat/inside.pcap");
const UPLINK = join(PCAPS, "snat/uplink.pcap");

function verify(uplink: string) {
  return run(process.execPath, [join(ROOT, "dist/src/cli/main.js"), "verify", INSIDE, uplink, "-m", MANIFESTS]);
}

function uplinkWith(fault: string): string {
  const file = join(scratch(), "uplink.pcap");
  python("plant_uplink.py", fault, UPLINK, file);
  return file;
}

describe.skipIf(lacking !== "")("sluicegate verify judges a Linux gateway", () => {
  test("what it translated is right, in the recording and in a plain copy of it", () => {
    for (const uplink of [UPLINK, uplinkWith("none")]) expect(verify(uplink)).toMatchObject({ status: 0 });
  });

  test.each([
    ["foreign-source", "egress-eligible"],
    ["bad-tcp-checksum", "transport-checksum"],
    ["other-port", "tuple-changed"],
    ["payload-byte", "payload"],
  ])("%s, planted into one uplink frame, is a mismatch of %s and exit 1", (fault, field) => {
    const { status, stdout } = verify(uplinkWith(fault));
    expect(stdout).toMatch(new RegExp(`^  ${field}  expected`, "m"));
    expect(status).toBe(1);
  });
});
