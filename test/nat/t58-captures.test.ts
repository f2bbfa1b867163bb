import { describe, expect, it } from "vitest";
import {
  type Block,
  enhancedPacket,
  frameBytes,
  interfaceBlock,
  otherBlock,
  type PcapOptions,
  pcap,
  pcapHeader,
  pcapng,
  pcapRecord,
  sectionHeader,
  simplePacket,
  withLengths,
} from "../support/capture-bytes.js";
import { type ReadResult, readBytes } from "../support/capture-read.js";

// What each reader does in detail is tested in test/capture; here stands the verdict of each file, and that none costs memory.

const FRAME = frameBytes(60);
const THREE = [1, 2, 3].map((seed) => ({ seconds: seed, fraction: seed, frame: frameBytes(60, seed) }));
const ONE = [{ seconds: 1, fraction: 0, frame: FRAME }];
const PACKET = enhancedPacket({ ticks: 1_700_000_000_000_001n, frame: FRAME });
const ETHERNET = interfaceBlock();
const after = (block: Block) => pcapng([ETHERNET, PACKET, block]);
const record = (fields: object) =>
  Buffer.concat([pcap(ONE), pcapRecord({ seconds: 2, fraction: 0, frame: FRAME, ...fields })]);

/** Frames that are read, and how the file ends: `end`, `cut` (its last record is), `damage` with the frames before, `refused`. */
const FILES: [id: string, bytes: () => Uint8Array, frames: number, end: "end" | "cut" | "damage" | "refused"][] = [
  ["P01 little-endian, microseconds", () => pcap(THREE, { byteOrder: "little" }), 3, "end"],
  ["P01 big-endian, microseconds", () => pcap(THREE, { byteOrder: "big" }), 3, "end"],
  ["P01 little-endian, nanoseconds", () => pcap(THREE, { byteOrder: "little", variant: "nanoseconds" }), 3, "end"],
  ["P01 big-endian, nanoseconds", () => pcap(THREE, { byteOrder: "big", variant: "nanoseconds" }), 3, "end"],
  ["P02 modified magic, which is read", () => pcap(THREE, { variant: "modified" }), 3, "end"],
  ["P03 empty", () => new Uint8Array(0), 0, "refused"],
  ["P04 header only", () => pcap([]), 0, "end"],
  ["P05 header cut", () => pcapHeader().subarray(0, 23), 0, "refused"],
  ["P06 unknown magic", () => Buffer.alloc(64, 7), 0, "refused"],
  ["P07 version 1.0", () => pcap(ONE, { version: [1, 0] } as PcapOptions), 0, "refused"],
  ["P08 record header cut", () => pcap(THREE).subarray(0, 24 + 76 + 9), 1, "cut"],
  ["P09 record data cut", () => pcap(THREE).subarray(0, 24 + 76 + 40), 1, "cut"],
  ["P10 captured above wire length", () => pcap([{ ...ONE[0], wire: 40 }, ONE[0]]), 2, "end"],
  ["P11 captured above the snap length", () => pcap(THREE, { snapLength: 20 }), 3, "end"],
  [
    "P12 cut by the snap length",
    () => pcap(THREE.map((one) => ({ ...one, frame: one.frame.subarray(0, 40), wire: 60 }))),
    3,
    "end",
  ],
  ["P13 captured length 0x7fffffff", () => record({ captured: 0x7fffffff }), 1, "damage"],
  ["P13 captured length 0xffffffff", () => record({ captured: 0xffffffff }), 1, "damage"],
  ["P14 captured length 0", () => pcap([{ seconds: 1, fraction: 0, frame: Buffer.alloc(0) }, ONE[0]]), 2, "end"],
  ["P15 1,500,000 microseconds", () => pcap([{ seconds: 1, fraction: 1_500_000, frame: FRAME }]), 1, "end"],
  ["P16 raw IP", () => pcap(THREE, { linkType: 101 }), 3, "end"],
  ["P17 link type 9999, whose frames are skipped by number", () => pcap(THREE, { linkType: 9999 }), 3, "end"],
  ["P18 FCS bits in the link type", () => pcap(THREE, { linkType: 0x24000001 }), 3, "end"],
  ["N01 little-endian", () => pcapng([ETHERNET, PACKET, PACKET, PACKET], "little"), 3, "end"],
  ["N01 big-endian", () => pcapng([ETHERNET, PACKET, PACKET, PACKET], "big"), 3, "end"],
  [
    "N02 two byte orders",
    () => Buffer.concat([pcapng([ETHERNET, PACKET], "big"), pcapng([ETHERNET, PACKET])]),
    2,
    "end",
  ],
  ["N03 simple packet", () => pcapng([ETHERNET, simplePacket({ frame: FRAME })]), 1, "end"],
  ["N04 packet before an interface", () => pcapng([PACKET]), 0, "damage"],
  ["N05 interface 7 of 1", () => after(enhancedPacket({ interface: 7, frame: FRAME })), 1, "damage"],
  ["N06 trailing length differs", () => after(withLengths(PACKET, 92, 88)), 1, "damage"],
  ["N07 length no multiple of 4", () => after(withLengths(PACKET, 93)), 1, "damage"],
  ["N08 length 8", () => after(withLengths(PACKET, 8)), 1, "damage"],
  ["N09 length 0xfffffff0", () => after(withLengths(PACKET, 0xfffffff0)), 1, "damage"],
  ["N10 captured above the block", () => after(enhancedPacket({ frame: FRAME, captured: 65 })), 1, "damage"],
  ["N11 bad byte-order magic", () => sectionHeader({ magic: 0x01020304 })("little"), 0, "refused"],
  ["N11 version 2", () => sectionHeader({ version: [2, 0] })("big"), 0, "refused"],
  [
    "N12 unknown block between packets",
    () => pcapng([ETHERNET, PACKET, otherBlock(0x0bad, new Uint8Array(8)), PACKET]),
    2,
    "end",
  ],
  ["N13 cut in a block", () => after(PACKET).subarray(0, -20), 1, "cut"],
  ["N14 resolution 10^-9", () => pcapng([interfaceBlock({ resolution: 9 }), PACKET]), 1, "end"],
  ["N14 resolution 2^-20", () => pcapng([interfaceBlock({ resolution: 0x94 }), PACKET]), 1, "end"],
  [
    "N15 option past its block",
    () => after(enhancedPacket({ frame: FRAME, options: [{ code: 1, value: Buffer.alloc(4), length: 9 }] })),
    1,
    "damage",
  ],
];

/** Bytes held by the process that JavaScript counts. */
function held(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe("T58 capture files", () => {
  it.each(FILES)("%s", async (_, bytes, frames, end) => {
    const before = held();
    let result: ReadResult | undefined;
    let refusal = "";
    try {
      result = await readBytes(bytes());
    } catch (thrown) {
      refusal = (thrown as Error).message;
    }
    const found = !result ? "refused" : result.error ? "damage" : result.truncated ? "cut" : "end";
    expect([result?.frames.length ?? 0, found]).toEqual([frames, end]);
    // A refusal names the place in the file, and what should stand there.
    if (end === "refused") expect(refusal).toMatch(/byte \d+: .*expected/);
    if (end === "damage") expect(String(result?.error)).toMatch(/byte \d+: .*expected/);
    expect(held() - before).toBeLessThan(64 << 20);
  });
});
