import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CaptureError } from "../../src/errors.js";
import {
  type ByteOrder,
  frameBytes,
  type PcapOptions,
  pcap,
  pcapHeader,
  pcapRecord,
} from "../support/capture-bytes.js";
import { type ReadResult, readBytes } from "../support/capture-read.js";

const FRAME = frameBytes(60);
const THREE = [1, 2, 3].map((seed) => ({ seconds: 1_700_000_000 + seed, fraction: seed, frame: frameBytes(60, seed) }));
const ORDERS: ByteOrder[] = ["little", "big"];

describe("P01–P07: the header of a pcap file", () => {
  for (const byteOrder of ORDERS) {
    test(`P01 microseconds, ${byteOrder}-endian: 3 frames with exact times`, async () => {
      const { frames, error } = await readBytes(pcap(THREE, { byteOrder }));
      expect(error).toBeUndefined();
      expect(frames.map((frame) => frame.time)).toEqual([1, 2, 3].map(secondsPlus(1_000n)));
      expect(frames.map((frame) => frame.bytes)).toEqual(THREE.map(({ frame }) => frame));
    });

    test(`P01 nanoseconds, ${byteOrder}-endian: nanoseconds stay nanoseconds`, async () => {
      const { frames } = await readBytes(pcap(THREE, { byteOrder, variant: "nanoseconds" }));
      expect(frames.map((frame) => frame.time)).toEqual([1, 2, 3].map(secondsPlus(1n)));
    });

    test(`P02 the modified variant with 24-byte record headers, ${byteOrder}-endian, is read`, async () => {
      const { frames } = await readBytes(pcap(THREE, { byteOrder, variant: "modified" }));
      expect(frames.map((frame) => frame.bytes)).toEqual(THREE.map(({ frame }) => frame));
      expect(frames.map((frame) => frame.time)).toEqual([1, 2, 3].map(secondsPlus(1_000n)));
    });
  }

  test("P03 an empty file is refused as empty", async () => {
    await expect(readBytes(Buffer.alloc(0))).rejects.toThrow("-: byte 0: file is empty, expected a pcap or pcapng");
  });

  test("P04 a header alone is a capture of no frames", async () => {
    expect(await readBytes(pcap([]))).toMatchObject({ frames: [], error: undefined, truncated: false });
  });

  test("P05 a header cut to any length is refused with the bytes found", async () => {
    const header = pcapHeader();
    for (let length = 4; length < 24; length++) {
      const found = header.subarray(0, length).toString("hex");
      const message = `byte ${length}: pcap header is cut off after ${length} bytes (${found}), expected 24`;
      await expect(readBytes(header.subarray(0, length))).rejects.toThrow(message);
    }
    await expect(readBytes(header.subarray(0, 3))).rejects.toThrow("byte 0: magic is d4c3b2, expected");
  });

  test("P06 an unknown magic is refused with its four bytes", async () => {
    const bytes = Buffer.concat([Buffer.from("PK\x03\x04"), Buffer.alloc(100)]);
    await expect(readBytes(bytes)).rejects.toThrow(CaptureError);
    await expect(readBytes(bytes)).rejects.toThrow("-: byte 0: magic is 504b0304, expected that of a pcap or pcapng");
  });

  test("P07 version 1.0 is refused; 2.0 to 2.4 are read, with the lengths of a record in either order before 2.4", async () => {
    const message = "-: byte 4: pcap version is 1.0, expected 2.0 to 2.4";
    await expect(readBytes(pcap(THREE, { version: [1, 0] }))).rejects.toThrow(message);
    await expect(readBytes(pcap(THREE, { version: [2, 5] }))).rejects.toThrow("pcap version is 2.5");
    const swapped = [{ frame: FRAME, captured: 100, wire: 60 }];
    for (const minor of [0, 1, 2, 3]) {
      const { frames } = await readBytes(pcap(swapped, { version: [2, minor] }));
      expect(frames).toMatchObject([{ wireLength: 100, bytes: FRAME }]);
    }
  });
});

describe("P08–P15: the records of a pcap file", () => {
  test("P08, P09 a last record cut anywhere is reported as truncation, after the frames before it", async () => {
    const first = pcap([{ frame: FRAME }]);
    const whole = Buffer.concat([first, pcapRecord({ frame: FRAME })]);
    for (let length = first.length + 1; length < whole.length; length++) {
      const result = await readBytes(whole.subarray(0, length));
      expect(result).toMatchObject({ truncated: true, error: undefined });
      expect(result.frames).toHaveLength(1);
    }
    expect(await readBytes(first)).toMatchObject({ truncated: false });
  });

  test("P10 a captured length above the wire length is accepted and counted", async () => {
    const result = await readBytes(pcap([{ frame: FRAME, wire: 40 }, { frame: FRAME }]));
    expect(result.frames.map((frame) => frame.wireLength)).toEqual([40, 60]);
    expect(result.frames[0]?.bytes).toEqual(FRAME);
    expect(result.adjusted).toEqual({ "captured-above-wire": 1 });
  });

  test("P11 a captured length above the snap length of the file is accepted", async () => {
    const result = await readBytes(pcap(THREE, { snapLength: 20 }));
    expect(result.frames.map((frame) => frame.bytes.length)).toEqual([60, 60, 60]);
    expect(result.interfaces).toEqual([{ linkType: 1, name: undefined, snapLength: 20 }]);
  });

  test("P12 frames cut by the snap length keep their wire length", async () => {
    const cut = [{ frame: FRAME.subarray(0, 40), wire: 60 }];
    expect((await readBytes(pcap(cut))).frames).toMatchObject([{ wireLength: 60, bytes: FRAME.subarray(0, 40) }]);
  });

  for (const captured of [0x7fff_ffff, 0xffff_ffff, 262_145]) {
    test(`P13 a captured length of ${captured} ends reading with its offset, after the frame before it`, async () => {
      const result = await readBytes(pcap([{ frame: FRAME }, { frame: FRAME, captured }, { frame: FRAME }]));
      expect(result.frames).toHaveLength(1);
      expect(result.truncated).toBe(false);
      const at = 24 + 16 + 60 + 8;
      expectDamage(result, `-: byte ${at}: captured length is ${captured}, expected at most 262144`, at);
    });
  }

  test("P13 the largest captured length is read", async () => {
    const { frames } = await readBytes(pcap([{ frame: Buffer.alloc(262_144, 7) }]));
    expect(frames.map((frame) => frame.bytes.length)).toEqual([262_144]);
  });

  test("P14 a captured length of 0 is accepted", async () => {
    const { frames } = await readBytes(pcap([{ frame: Buffer.alloc(0), wire: 60 }, { frame: FRAME }]));
    expect(frames.map((frame) => frame.bytes.length)).toEqual([0, 60]);
  });

  test("P15 1,500,000 microseconds are carried into the seconds and counted", async () => {
    const { frames, adjusted } = await readBytes(pcap([{ seconds: 10, fraction: 1_500_000, frame: FRAME }]));
    expect(frames[0]?.time).toBe(11_500_000_000n);
    expect(adjusted).toEqual({ "fraction-carried": 1 });
  });
});

describe("P16–P18: link types of a pcap file", () => {
  test("P16 raw IP is read under its number", async () => {
    const result = await readBytes(pcap(THREE, { linkType: 101 }));
    expect(result.frames).toHaveLength(3);
    expect(result.interfaces[0]?.linkType).toBe(101);
  });

  test("P17 frames of an unknown link type are delivered under its number, for the consumer to count", async () => {
    const result = await readBytes(pcap(THREE, { linkType: 9999 }));
    expect(result.frames).toHaveLength(3);
    expect(result.interfaces[0]?.linkType).toBe(9999);
  });

  test("P18 FCS bits in the link type are masked away, the four bytes stay in the frame", async () => {
    const result = await readBytes(pcap(THREE, { linkType: 0x2400_0000 + 0x1000_0000 + 1 }));
    expect(result.interfaces[0]?.linkType).toBe(1);
    expect(result.adjusted).toEqual({ "fcs-bits-masked": 1 });
    expect(result.frames.map((frame) => frame.bytes.length)).toEqual([60, 60, 60]);
  });
});

test("any records written in either byte order and any variant read back equal", async () => {
  const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const record = fc.record({ seconds: word, fraction: word, wire: word, frame: fc.uint8Array({ maxLength: 200 }) });
  const variant = fc.constantFrom<NonNullable<PcapOptions["variant"]>>("microseconds", "nanoseconds", "modified");
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 30 }), variant, async (records, variant) => {
      const little = await readBytes(pcap(records, { byteOrder: "little", variant }));
      const big = await readBytes(pcap(records, { byteOrder: "big", variant }));
      expect(big).toEqual(little);
      const unit = variant === "nanoseconds" ? 1n : 1000n;
      expect(little.frames).toEqual(
        records.map(({ seconds, fraction, wire, frame }) => ({
          time: BigInt(seconds) * 1_000_000_000n + BigInt(fraction) * unit,
          wireLength: wire,
          interface: 0,
          bytes: Buffer.from(frame),
        })),
      );
    }),
  );
});

function secondsPlus(nanosecondsPerUnit: bigint): (seed: number) => bigint {
  return (seed) => BigInt(1_700_000_000 + seed) * 1_000_000_000n + BigInt(seed) * nanosecondsPerUnit;
}

function expectDamage(result: ReadResult, message: string, offset: number): void {
  expect(result.error).toBeInstanceOf(CaptureError);
  expect(result.error).toMatchObject({ message, offset, code: "damaged-capture", file: "-" });
}
