import { describe, expect, test } from "vitest";
import { LAST_NS, parseDurationMs, parseDurationNs, parseTimestampNs } from "../../src/config/time.js";

describe("parseDurationMs", () => {
  test.each([
    ["2h13m20s", 8_000_000],
    ["60s", 60_000],
    ["1.5s", 1500],
    ["250ms", 250],
    ["0", 0],
    ["0s", 0],
    ["1h1ms", 3_600_001],
    ["500us", 1],
    ["1ns", 1],
  ])("reads %s as %d ms", (text, expected) => {
    expect(parseDurationMs(text)).toBe(expected);
  });

  test.each(["", "60", "s", "-5s", "1d", "1 s", "1s ", "1e3s", "99999999999h", ".5s"])("refuses %j", (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  });
});

describe("parseDurationNs", () => {
  test.each([
    ["12.5s", 12_500_000_000n],
    ["0", 0n],
    ["1ns", 1n],
    ["0.1ns", 1n],
    ["1.000000001s", 1_000_000_001n],
    ["1h1m1.001s", 3_661_001_000_000n],
    ["87600h", 315_360_000_000_000_000n],
    ["18446744073709551615ns", LAST_NS],
  ])("reads %s to the nanosecond", (text, expected) => {
    expect(parseDurationNs(text)).toBe(expected);
  });

  test.each(["", "60", "-5s", "1d", "1s ", "18446744073709551616ns", `${"1".repeat(101)}ns`, "9".repeat(100_000)])(
    "refuses %.30s",
    (text) => {
      expect(parseDurationNs(text)).toBeUndefined();
    },
  );
});

describe("parseTimestampNs", () => {
  test.each([
    ["1970-01-01T00:00:01Z", 1_000_000_000n],
    ["2026-01-31T12:00:00Z", 1_769_860_800_000_000_000n],
    ["2026-01-31T12:00:00.5Z", 1_769_860_800_500_000_000n],
    ["2026-01-31T12:00:00.123456789Z", 1_769_860_800_123_456_789n],
    ["2026-01-31T14:00:00+02:00", 1_769_860_800_000_000_000n],
    ["2026-01-31t12:00:00z", 1_769_860_800_000_000_000n],
    ["1969-12-31T23:59:59.25Z", -750_000_000n],
  ])("reads %s to the nanosecond", (text, expected) => {
    expect(parseTimestampNs(text)).toBe(expected);
  });

  test.each(["", "2026-01-31", "2026-01-31T12:00:00", "2026-13-31T12:00:00Z", "yesterday", "2026-01-31 12:00:00Z"])(
    "refuses %j",
    (text) => {
      expect(parseTimestampNs(text)).toBeUndefined();
    },
  );
});
