import { describe, expect, test } from "vitest";
import { binsOf } from "../../../../src/report/html/client/binning.js";
import { amount, byteAmount, shortAmount, shortBytes } from "../../../../src/report/html/client/numbers.js";
import { chartSpecs, gatewayRows, OTHERS } from "../../../../src/report/html/client/series.js";
import { pageData } from "../../../../src/report/html/data.js";
import { failoverReport } from "../synthetic.js";

const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

describe("charts by gateway", () => {
  test("give every gateway a row while there are few", () => {
    const rows = gatewayRows(pageData(failoverReport({ gateways: 12 }), []));
    expect(rows.map(({ gateway }) => gateway)).toEqual(Array.from({ length: 12 }, (_, i) => i));
    expect(rows[1]!.label).toBe("gw-b 203.0.113.11");
  });

  test("put those that carried least into one row when there are many, and lose nothing", () => {
    const data = pageData(failoverReport({ gateways: 40 }), []);
    const rows = gatewayRows(data);
    expect(rows).toHaveLength(12);
    expect(rows.at(-1)).toMatchObject({ gateway: OTHERS, label: "29 others" });
    const timeline = data.timeline!;
    const bins = binsOf(0, timeline.steps, 100);
    const drawn = chartSpecs(timeline, rows, 1).bytes!.rows(bins);
    const seconds = (bins.width * timeline.stepMs) / 1000;
    const bytes = total(timeline.gateways.map((one) => total(one.bytes)));
    expect(total(drawn.map(({ values }) => total(values))) * seconds).toBeCloseTo(bytes, 3);
  });

  test("rate a last bin that is cut short by what it has of it", () => {
    const data = pageData(failoverReport({ steps: 13 }), []);
    const steady = { gateway: 0, connections: Array(13).fill(2), bytes: [], ports: [] };
    const timeline = { ...data.timeline!, gateways: [steady] };
    const [row] = chartSpecs(timeline, gatewayRows({ ...data, timeline }), 1).connections!.rows(binsOf(0, 13, 3));
    expect(row!.values).toEqual([8, 8, 8]);
  });

  test("show rates per second, counts as counts, and of ports the most", () => {
    const data = pageData(failoverReport(), []);
    const timeline = data.timeline!;
    const specs = chartSpecs(timeline, gatewayRows(data), 32_768);
    const bins = binsOf(0, timeline.steps, 60);
    const [own] = timeline.gateways;
    const [opened] = specs.connections!.rows(bins);
    expect(opened!.values[0]).toBeCloseTo(
      total(own!.connections.slice(0, bins.width)) / ((bins.width * timeline.stepMs) / 1000),
      9,
    );
    expect(total(specs.lost!.rows(bins)[0]!.values)).toBe(total(timeline.lost));
    expect(specs.moved!.rows(bins).map(({ values }) => total(values))).toEqual([
      total(timeline.broken),
      total(timeline.rebound),
    ]);
    expect(specs.ports!.rows(bins)[0]!.values[3]).toBe(Math.max(...own!.ports.slice(3 * bins.width, 4 * bins.width)));
    expect(specs.ports!.limit).toBe(32_768);
  });
});

test("amounts are as long as they need to be", () => {
  expect([0, 0.126, 9.5, 12.34, 1234.5].map(amount)).toEqual(["0", "0.13", "9.5", "12.3", "1,235"]);
  expect([0, 999, 12_345, 1_234_567, 2.5e9].map(shortAmount)).toEqual(["0", "999", "12.3k", "1.23M", "2.5G"]);
  expect([100, 1024, 1_572_864].map(byteAmount)).toEqual(["100 B", "1 KiB", "1.5 MiB"]);
  expect([100, 512_000, 1_048_576].map(shortBytes)).toEqual(["100 B", "500 KiB", "1 MiB"]);
});
