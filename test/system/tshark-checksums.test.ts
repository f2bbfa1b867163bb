import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CASES, outputsOf, replayed } from "./cases.js";
import { missing, PCAPS, python, scratch } from "./tools.js";
import { badChecksums, type Defragmentation } from "./tshark.js";

const lacking = missing(["tshark", "python3"], ["scapy", "yaml"]);
const WITHOUT_OFFLOADS = CASES.filter((entry) => !entry.offloads);
const BOTH: readonly Defragmentation[] = ["as-is", "defragmented"];

describe.skipIf(lacking !== "")("tshark recounts checksums", () => {
  for (const { name, capture } of WITHOUT_OFFLOADS) {
    test.each(BOTH)(`${capture} was recorded without a bad checksum (%s)`, (defragmentation) => {
      expect(badChecksums(join(PCAPS, capture), defragmentation)).toEqual([]);
    });

    test.each(BOTH)(`the outputs of ${name} hold no bad checksum (%s)`, (defragmentation) => {
      for (const file of outputsOf(name)) expect(badChecksums(file, defragmentation), file).toEqual([]);
    });
  }

  test.each([
    "bad-tcp-checksum",
    "bad-udp-checksum",
    "bad-icmp-checksum",
    "bad-header-checksum",
    "bad-inner-header-checksum",
    "bad-inner-udp-checksum",
  ])("%s, planted into one frame of the outputs, is found in exactly that frame", (fault) => {
    const folder = scratch();
    const { position } = python<{ position: number }>("plant.py", fault, replayed("web").folder, folder);
    expect(badChecksums(join(folder, "external.pcapng"), "as-is")).toEqual([position]);
  });

  test("partial checksums of a capture with offloads look bad to tshark, so that case is judged by pairing alone", () => {
    expect(badChecksums(join(PCAPS, "offload/in.pcapng"), "as-is").length).toBeGreaterThan(100);
  });
});
