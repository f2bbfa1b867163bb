import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CASES, outputsOf, replayed } from "./cases.js";
import { missing, PCAPS, python, scratch } from "./tools.js";

interface Recount {
  readonly frames: number;
  readonly recounted: number;
  readonly bad: readonly { readonly file: string; readonly position: number; readonly layer: string }[];
}

const lacking = missing(["python3"], ["scapy", "yaml"]);

describe.skipIf(lacking !== "")("scapy recounts checksums", () => {
  for (const { name, capture } of CASES.filter((entry) => !entry.offloads)) {
    test(`${capture} was recorded without a bad checksum`, () => {
      expect(python<Recount>("recount.py", join(PCAPS, capture)).bad).toEqual([]);
    });

    test(`every frame of the outputs of ${name} is parsed and its checksums are as scapy computes them`, () => {
      const recount = python<Recount>("recount.py", ...outputsOf(name));
      expect(recount.bad).toEqual([]);
      expect(recount.recounted).toBeGreaterThan(recount.frames);
    });
  }

  test.each([
    ["bad-tcp-checksum", ["TCP"]],
    ["bad-udp-checksum", ["UDP"]],
    ["bad-icmp-checksum", ["ICMP"]],
    ["bad-header-checksum", ["IP"]],
    ["bad-inner-header-checksum", ["ICMP", "IPerror"]],
    ["bad-inner-udp-checksum", ["UDPerror"]],
  ])("%s, planted into one frame of the outputs, is found there and in the right layer", (fault, layers) => {
    const folder = scratch();
    const { position } = python<{ position: number }>("plant.py", fault, replayed("web").folder, folder);
    const { bad } = python<Recount>("recount.py", join(folder, "external.pcapng"));
    expect(bad.map((entry) => [entry.position, entry.layer])).toEqual(layers.map((layer) => [position, layer]));
  });
});
