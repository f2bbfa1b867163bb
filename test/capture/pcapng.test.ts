import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CaptureError } from "../../src/errors.js";
import {
  type Block,
  type ByteOrder,
  enhancedPacket,
  frameBytes,
  interfaceBlock,
  obsoletePacket,
  otherBlock,
  pcapng,
  sectionHeader,
  simplePacket,
  withLengths,
} from "../support/capture-bytes.js";
import { type ReadResult, readBytes } from "../support/capture-read.js";

const FRAME = frameBytes(61);
const PACKET = enhancedPacket({ ticks: 1_700_000_000_000_001n, frame: FRAME });
const PACKET_TIME = 1_700_000_000_000_001_000n;
const ETHERNET = interfaceBlock();
const ORDERS: ByteOrder[] = ["little", "big"];
/** Where the second packet starts in `twoPackets`: section header 28, interface 20, first packet 32 + 64. */
const SECOND_PACKET_AT = 28 + 20 + 96;

function twoPackets(second: Block, byteOrder: ByteOrder = "little"): Buffer {
  return pcapng([ETHERNET, PACKET, second], byteOrder);
}

describe("N01–N05: sections, interfaces and packets", () => {
  for (const byteOrder of ORDERS) {
    test(`N01 three packets in a ${byteOrder}-endian file`, async () => {
      const result = await readBytes(pcapng([ETHERNET, PACKET, PACKET, PACKET], byteOrder));
      expect(result.error).toBeUndefined();
      const frame = { time: PACKET_TIME, wireLength: 61, interface: 0, bytes: FRAME };
      expect(result.frames).toEqual([frame, frame, frame]);
    });

    test(`N03 a simple packet block, ${byteOrder}-endian, is as long as its wire and snap length allow`, async () => {
      const cut = simplePacket({ frame: FRAME.subarray(0, 40), wire: 61 });
      const whole = simplePacket({ frame: FRAME.subarray(0, 30) });
      const result = await readBytes(pcapng([interfaceBlock({ snapLength: 40 }), cut, whole], byteOrder));
      expect(result.frames).toEqual([
        { time: 0n, wireLength: 61, interface: 0, bytes: FRAME.subarray(0, 40) },
        { time: 0n, wireLength: 30, interface: 0, bytes: FRAME.subarray(0, 30) },
      ]);
    });

    test(`the obsolete packet block, ${byteOrder}-endian, has a 16-bit interface number`, async () => {
      const packet = obsoletePacket({ interface: 1, ticks: 5n, frame: FRAME, wire: 99 });
      const result = await readBytes(pcapng([ETHERNET, ETHERNET, packet], byteOrder));
      expect(result.frames).toEqual([{ time: 5000n, wireLength: 99, interface: 1, bytes: FRAME }]);
    });
  }

  test("N02 sections of different byte order follow each other, each with interfaces of its own", async () => {
    const first = pcapng([interfaceBlock({ linkType: 1, name: "eth0" }), PACKET], "big");
    const second = pcapng([interfaceBlock({ linkType: 101, name: "tun0" }), PACKET], "little");
    const result = await readBytes(Buffer.concat([first, second]));
    expect(result.frames.map((frame) => frame.interface)).toEqual([0, 1]);
    expect(result.interfaces).toEqual([
      { linkType: 1, name: "eth0", snapLength: 0 },
      { linkType: 101, name: "tun0", snapLength: 0 },
    ]);
  });

  test("N04 a packet before any interface block ends reading", async () => {
    const rows: [Block, number][] = [
      [PACKET, 28 + 8],
      [simplePacket({ frame: FRAME }), 28],
    ];
    for (const [packet, at] of rows) {
      const result = await readBytes(pcapng([packet]));
      expectDamage(result, at, "interface number is 0, expected an interface block before the first packet");
      expect(result.frames).toEqual([]);
    }
    const nextSection = Buffer.concat([pcapng([ETHERNET, PACKET]), pcapng([PACKET])]);
    expect((await readBytes(nextSection)).frames).toHaveLength(1);
    expect((await readBytes(nextSection)).error).toBeInstanceOf(CaptureError);
  });

  test("N05 interface 7 of 1 ends reading", async () => {
    const result = await readBytes(twoPackets(enhancedPacket({ interface: 7, frame: FRAME })));
    expectDamage(result, SECOND_PACKET_AT + 8, "interface number is 7, expected a number below 1");
    expect(result.frames).toHaveLength(1);
  });
});

describe("N06–N11: lengths and magics that cannot be", () => {
  const LIMITS = "expected a multiple of 4 from 32 to 16777216";
  const rows: [id: string, second: Block, at: number, message: string][] = [
    ["N06 trailing length differs", withLengths(PACKET, 96, 92), 92, "block length at the end is 92, expected 96"],
    ["N07 length no multiple of 4", withLengths(PACKET, 97), 4, `block length is 97, ${LIMITS}`],
    ["N08 length 8", withLengths(PACKET, 8), 4, `block length is 8, ${LIMITS}`],
    ["N08 length 0", withLengths(PACKET, 0), 4, `block length is 0, ${LIMITS}`],
    ["N08 length below the fixed part", withLengths(PACKET, 28), 4, `block length is 28, ${LIMITS}`],
    ["N09 length 0xfffffff0", withLengths(PACKET, 0xfffffff0), 4, `block length is 4294967280, ${LIMITS}`],
    [
      "N10 captured length above the block",
      enhancedPacket({ frame: FRAME, captured: 65 }),
      20,
      "captured length is 65, expected at most the 64 bytes of its block",
    ],
    [
      "N10 captured length above all limits",
      enhancedPacket({ frame: FRAME, captured: 0xffff_fffd }),
      20,
      "captured length is 4294967293, expected at most 262144",
    ],
    [
      "N10 simple packet longer than its block",
      simplePacket({ frame: FRAME, wire: 65 }),
      8,
      "captured length is 65, expected at most the 64 bytes of its block",
    ],
    [
      "N15 option length past the block",
      enhancedPacket({ frame: FRAME, options: [{ code: 1, value: Buffer.alloc(4), length: 9 }] }),
      94,
      "option 1 has 9 bytes, expected at most the 8 left in its block",
    ],
  ];
  for (const [id, second, at, message] of rows) {
    for (const byteOrder of ORDERS) {
      test(`${id}, ${byteOrder}-endian: the packet before is given, then the damage with its offset`, async () => {
        const result = await readBytes(twoPackets(second, byteOrder));
        expect(result.frames).toHaveLength(1);
        expectDamage(result, SECOND_PACKET_AT + at, message);
      });
    }
  }

  test("N11 a bad byte-order magic or a version other than 1.0 is refused, 1.2 is taken for 1.0", async () => {
    const bad = sectionHeader({ magic: 0x01020304 })("little");
    await expect(readBytes(bad)).rejects.toThrow("byte 8: byte-order magic is 04030201, expected 1a2b3c4d or 4d3c2b1a");
    const two = sectionHeader({ version: [2, 0] })("big");
    await expect(readBytes(two)).rejects.toThrow("byte 12: pcapng version is 2.0, expected 1.0");
    const written = Buffer.concat([sectionHeader({ version: [1, 2] })("big"), ETHERNET("big"), PACKET("big")]);
    expect((await readBytes(written)).frames).toHaveLength(1);
  });

  test("N11 a second section with a bad magic ends reading after the first", async () => {
    const first = pcapng([ETHERNET, PACKET]);
    const result = await readBytes(Buffer.concat([first, sectionHeader({ magic: 7 })("little")]));
    expect(result.frames).toHaveLength(1);
    expectDamage(result, first.length + 8, "byte-order magic is 07000000");
  });

  test("a section header cut within its first 16 bytes is refused at once, later it is a capture cut off", async () => {
    const header = sectionHeader()("little");
    await expect(readBytes(header.subarray(0, 15))).rejects.toThrow("section header is cut off after 15 bytes");
    expect(await readBytes(header.subarray(0, 20))).toMatchObject({ frames: [], truncated: true, error: undefined });
    expect(await readBytes(header)).toMatchObject({ frames: [], truncated: false, error: undefined });
  });
});

describe("N12–N15: skipped blocks, cut files, options", () => {
  test("N12 blocks of other types between packets are skipped and counted by type", async () => {
    const others = [4, 5, 9, 10, 0x0bad, 0x40000bad, 0xabcd].map((type) => otherBlock(type, Buffer.alloc(7)));
    const result = await readBytes(pcapng([ETHERNET, PACKET, ...others, PACKET]));
    expect(result.frames).toHaveLength(2);
    expect(result.skippedBlocks).toEqual({
      "name-resolution": 1,
      "interface-statistics": 1,
      "systemd-journal": 1,
      "decryption-secrets": 1,
      custom: 2,
      "block-type-0x0000abcd": 1,
    });
  });

  test("the number of reasons counted stays bounded when every block has a type of its own", async () => {
    const others = Array.from({ length: 1000 }, (_, i) => otherBlock(0x1000 + i, Buffer.alloc(0)));
    const { skippedBlocks } = await readBytes(pcapng(others));
    expect(Object.keys(skippedBlocks)).toHaveLength(65);
    expect(skippedBlocks.other).toBe(1000 - 64);
  });

  test("N13 a last block cut anywhere is reported as truncation, after the frames before it", async () => {
    const whole = twoPackets(PACKET);
    for (let length = SECOND_PACKET_AT + 1; length < whole.length; length++) {
      const result = await readBytes(whole.subarray(0, length));
      expect(result).toMatchObject({ truncated: true, error: undefined });
      expect(result.frames).toHaveLength(1);
    }
  });

  test("N14 resolutions of 10^-9 and 2^-20 seconds and an offset give exact times", async () => {
    const blocks = [
      interfaceBlock({ resolution: 9 }),
      interfaceBlock({ resolution: 0x80 + 20 }),
      interfaceBlock({ resolution: 3, offsetSeconds: 1_600_000_000n }),
      enhancedPacket({ interface: 0, ticks: 1_700_000_000_123_456_789n, frame: FRAME }),
      enhancedPacket({ interface: 1, ticks: (1_700_000_000n << 20n) + 1n, frame: FRAME }),
      enhancedPacket({ interface: 2, ticks: 5n, frame: FRAME }),
    ];
    const expected = [1_700_000_000_123_456_789n, 1_700_000_000_000_000_953n, 1_600_000_000_005_000_000n];
    for (const byteOrder of ORDERS) {
      const { frames } = await readBytes(pcapng(blocks, byteOrder));
      expect(frames.map((frame) => frame.time)).toEqual(expected);
    }
  });

  test("a time before 1970 or after 2554 is clamped and counted", async () => {
    const blocks = [
      interfaceBlock({ offsetSeconds: -10n }),
      enhancedPacket({ ticks: 9_999_999n, frame: FRAME }),
      enhancedPacket({ ticks: 10_000_001n, frame: FRAME }),
      enhancedPacket({ ticks: 2n ** 64n - 1n, frame: FRAME }),
    ];
    const { frames, adjusted } = await readBytes(pcapng(blocks));
    expect(frames.map((frame) => frame.time)).toEqual([0n, 1000n, 2n ** 64n - 1n]);
    expect(adjusted).toEqual({ "time-clamped": 2 });
  });

  test("N15 options of an interface must lie in its block and have their length", async () => {
    const past = withOption(9, Buffer.of(6), 60);
    expectDamage(await readBytes(pcapng([past])), 28 + 18, "option 9 has 60 bytes, expected at most the 8 left");
    const long = withOption(9, Buffer.of(6, 6, 6, 6), 4);
    expectDamage(await readBytes(pcapng([long])), 28 + 18, "if_tsresol has 4 bytes, expected 1");
    const short = withOption(14, Buffer.alloc(4), 4);
    expectDamage(await readBytes(pcapng([short])), 28 + 18, "if_tsoffset has 4 bytes, expected 8");
  });

  test("an interface name may end with a zero and is cut at 256 bytes", async () => {
    const blocks = [interfaceBlock({ name: "eth0\0" }), interfaceBlock({ name: "x".repeat(1000) })];
    const { interfaces } = await readBytes(pcapng(blocks));
    expect(interfaces.map(({ name }) => name)).toEqual(["eth0", "x".repeat(256)]);
  });

  test("more than 65,536 interfaces end reading", async () => {
    const blocks = pcapng(Array.from({ length: 65_537 }, () => ETHERNET));
    const result = await readBytes(blocks);
    expectDamage(result, 28 + 65_536 * 20, "there are more than 65536 interfaces");
  });
});

test("any packets of any block type written in either byte order read back equal", async () => {
  const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const packet = fc.record({
    kind: fc.constantFrom("enhanced", "obsolete", "simple", "other"),
    interface: fc.integer({ min: 0, max: 2 }),
    ticks: fc.bigInt(0n, 2n ** 64n - 1n),
    wire: uint32,
    frame: fc.uint8Array({ maxLength: 100 }),
    comment: fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined }),
  });
  const resolutions = fc.array(fc.constantFrom(0, 3, 6, 9, 12, 0x80 + 10, 0x80 + 32), { minLength: 3, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(fc.array(packet, { maxLength: 20 }), resolutions, async (packets, bytes) => {
      const interfaces = bytes.map((resolution) => interfaceBlock({ resolution }));
      const blocks = [...interfaces, ...packets.map(blockOf)];
      const little = await readBytes(pcapng(blocks, "little"));
      expect(await readBytes(pcapng(blocks, "big"))).toEqual(little);
      const framed = packets.filter(({ kind }) => kind !== "other");
      expect(little.error).toBeUndefined();
      expect(little.frames.map((frame) => frame.bytes)).toEqual(framed.map(({ frame }) => Buffer.from(frame)));
      expect(little.frames.map((frame) => frame.time)).toEqual(framed.map((words) => timeOf(words, bytes)));
    }),
  );
});

interface RandomPacket {
  kind: string;
  interface: number;
  ticks: bigint;
  wire: number;
  frame: Uint8Array;
  comment: Uint8Array | undefined;
}

function blockOf({ kind, comment, ...words }: RandomPacket): Block {
  if (kind === "simple") return simplePacket({ frame: words.frame });
  if (kind === "other") return otherBlock(0x7777, words.frame);
  const options = comment ? [{ code: 1, value: comment }] : [];
  return kind === "enhanced" ? enhancedPacket({ ...words, options }) : obsoletePacket({ ...words, options });
}

function timeOf({ kind, interface: at, ticks }: RandomPacket, resolutions: readonly number[]): bigint {
  if (kind === "simple") return 0n;
  const resolution = resolutions[at];
  const exponent = BigInt(resolution & 0x7f);
  const exact = (ticks * 1_000_000_000n) / (resolution & 0x80 ? 2n ** exponent : 10n ** exponent);
  return exact > 2n ** 64n - 1n ? 2n ** 64n - 1n : exact;
}

/** An interface block with one option whose header says `length`. */
function withOption(code: number, value: Uint8Array, length: number): Block {
  return (byteOrder) => {
    const head = Buffer.alloc(4);
    if (byteOrder === "little") {
      head.writeUInt16LE(code, 0);
      head.writeUInt16LE(length, 2);
    } else {
      head.writeUInt16BE(code, 0);
      head.writeUInt16BE(length, 2);
    }
    const fixed = Buffer.alloc(8);
    const padding = Buffer.alloc((4 - (value.length % 4)) % 4);
    return otherBlock(1, Buffer.concat([fixed, head, value, padding, Buffer.alloc(4)]))(byteOrder);
  };
}

function expectDamage(result: ReadResult, offset: number, message: string): void {
  expect(result.error).toBeInstanceOf(CaptureError);
  expect(result.error).toMatchObject({ offset, message: expect.stringContaining(`-: byte ${offset}: ${message}`) });
  expect(result.truncated).toBe(false);
}
