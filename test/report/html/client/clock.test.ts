import { describe, expect, test } from "vitest";
import {
  clockText,
  dayTime,
  digitsFor,
  fullTime,
  spanText,
  timeOfDay,
} from "../../../../src/report/html/client/clock.js";
import { microseconds, shownTime } from "../../../../src/report/html/time.js";

const AT = microseconds("2026-01-02T10:58:58.123456789Z");

describe("times of a report", () => {
  test("are read to the microsecond, later digits cut off", () => {
    expect(AT).toBe(Date.UTC(2026, 0, 2, 10, 58, 58) * 1000 + 123_456);
    expect(microseconds("1970-01-01T00:00:00.000000000Z")).toBe(0);
    expect(microseconds("")).toBeNaN();
    expect(microseconds("30s")).toBeNaN();
  });

  test("show as people write them", () => {
    expect(timeOfDay(AT)).toBe("10:58:58.123456");
    expect(fullTime(AT)).toBe("2026-01-02 10:58:58.123456 UTC");
    expect(shownTime("2026-01-02T10:58:58.123456789Z")).toBe("2026-01-02 10:58:58.123");
    expect(shownTime("2026-01-02T10:58:58Z")).toBe("2026-01-02 10:58:58");
    expect(shownTime("30s")).toBe("30s");
  });
});

describe("the axis", () => {
  test("counts seconds from the midnight before its begin, and goes on behind the next", () => {
    expect(dayTime(AT, AT)).toBeCloseTo(39_538.123456, 6);
    expect(clockText(39_538.123456, 3)).toBe("10:58:58.123");
    expect(clockText(39_538.9996, 3)).toBe("10:58:59.000");
    expect(clockText(59.5, 0)).toBe("00:01:00");
    expect(clockText(86_400 + 61, 0)).toBe("+1d 00:01:01");
  });

  test("shows as many digits as tell its marks apart", () => {
    expect([60, 1, 0.5, 0.1, 0.05, 1.25, 2.56, 0.002, 1e-6].map(digitsFor)).toEqual([0, 0, 1, 1, 2, 2, 2, 3, 6]);
  });
});

test("widths of time have the unit that suits them", () => {
  expect([10, 999, 1250, 90_000, 120_000, 5_400_000, 86_400_000].map(spanText)).toEqual([
    "10 ms",
    "999 ms",
    "1.25 s",
    "90 s",
    "2 min",
    "90 min",
    "24 h",
  ]);
});
