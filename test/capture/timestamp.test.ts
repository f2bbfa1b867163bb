import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { storeSeconds, TickScale } from "../../src/capture/timestamp.js";
import { createFrameIndex } from "../../src/capture/types.js";

const LARGEST = 2n ** 64n - 1n;
const uint64 = fc.bigInt(0n, LARGEST);
const int64 = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);

describe("ticks to nanoseconds", () => {
  test("every resolution and offset gives the exact time, cut to whole nanoseconds and clamped to 64 bits", () => {
    fc.assert(
      fc.property(uint64, fc.integer({ min: 0, max: 255 }), fc.oneof(fc.constant(0n), int64), (ticks, byte, offset) => {
        const exact = exactNanoseconds(ticks, byte, offset);
        const clamped = exact < 0n ? 0n : exact > LARGEST ? LARGEST : exact;
        expect(convert(ticks, byte, offset)).toEqual({ time: clamped, inRange: clamped === exact });
      }),
      { numRuns: 5000 },
    );
  });

  test("an ordinary microsecond time is in range, also with an offset that makes it so", () => {
    const time = 1_700_000_000_123_456_000n;
    expect(convert(1_700_000_000_123_456n, 6, 0n)).toEqual({ time, inRange: true });
    expect(convert(123_456n, 6, 1_700_000_000n)).toEqual({ time, inRange: true });
    expect(convert(1_800_000_000_123_456n, 6, -100_000_000n)).toEqual({ time, inRange: true });
  });

  test("a fraction of a nanosecond is cut off", () => {
    expect(convert(1_999n, 12, 0n).time).toBe(1n);
    expect(convert(1n, 0x80 + 30, 0n).time).toBe(0n);
    expect(convert(2n, 0x80 + 30, 0n).time).toBe(1n);
  });
});

describe("seconds and nanoseconds", () => {
  test("any seconds and any fraction add up exactly, a second's worth of fraction included", () => {
    const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(uint32, uint32, fc.constantFrom(1, 1000), (seconds, fraction, unit) => {
        const index = createFrameIndex(1);
        storeSeconds(seconds, fraction * unit, index, 0);
        expect(timeOf(index)).toBe(BigInt(seconds) * 1_000_000_000n + BigInt(fraction) * BigInt(unit));
      }),
    );
  });
});

function exactNanoseconds(ticks: bigint, resolution: number, offsetSeconds: bigint): bigint {
  const exponent = BigInt(resolution & 0x7f);
  const unitsPerSecond = resolution & 0x80 ? 2n ** exponent : 10n ** exponent;
  return (ticks * 1_000_000_000n) / unitsPerSecond + offsetSeconds * 1_000_000_000n;
}

function convert(ticks: bigint, resolution: number, offsetSeconds: bigint): { time: bigint; inRange: boolean } {
  const index = createFrameIndex(1);
  const scale = new TickScale(resolution, offsetSeconds);
  const inRange = scale.convert(Number(ticks >> 32n), Number(ticks & 0xffffffffn), index, 0);
  return { time: timeOf(index), inRange };
}

function timeOf(index: ReturnType<typeof createFrameIndex>): bigint {
  return (BigInt(index.timeHigh[0]) << 32n) | BigInt(index.timeLow[0]);
}
