import { describe, expect, test } from "vitest";
import type { GridData } from "../../../../src/report/html/client/page-data.js";
import { Searcher, sortedRows } from "../../../../src/report/html/client/search.js";
import { pageData } from "../../../../src/report/html/data.js";
import { failoverReport } from "../synthetic.js";

const GRID: GridData = {
  rows: 4,
  left: 0,
  filters: [],
  columns: [
    { key: "at", title: "At", values: [30, 10, 20, 10] },
    {
      key: "tuple",
      title: "Connection",
      values: ["tcp 10.1.0.7:1", "UDP 10.1.0.70:2", "tcp 10.1.0.7:3", "icmp 10.2.0.1"],
    },
    { key: "from", title: "From", values: [0, 1, 0, 1], texts: ["gw-B", "gw-a"] },
    { key: "to", title: "To", values: [0, 0, 1, 0], texts: ["gw-a", "nowhere"] },
    { key: "pod", title: "Pod", values: [0, 1, 0, 2], texts: ["10.1.0.7", "10.1.0.70", "10.2.0.1"], hidden: true },
  ],
};

const found = (query: string, ...filters: Parameters<Searcher["find"]>[1]) => [
  ...new Searcher(GRID).find(query, filters),
];

describe("searching rows", () => {
  test("finds every word, in any column, whatever the case", () => {
    expect(found("")).toEqual([0, 1, 2, 3]);
    expect(found("TCP")).toEqual([0, 2]);
    expect(found("udp")).toEqual([1]);
    expect(found("tcp gw-b nowhere")).toEqual([2]);
    expect(found("  10.1.0.7:  ")).toEqual([0, 2]);
    expect(found("gw-c")).toEqual([]);
  });

  test("leaves hidden columns and times alone", () => {
    expect(found("10.2.0.1")).toEqual([3]);
    expect(
      new Searcher({ ...GRID, columns: GRID.columns.filter(({ key }) => key === "pod") }).find("10", []),
    ).toHaveLength(0);
    expect(
      new Searcher({ ...GRID, columns: GRID.columns.filter(({ key }) => key === "at") }).find("10", []),
    ).toHaveLength(0);
  });

  test("keeps rows that pass every filter, where one of its columns does", () => {
    expect(found("", { kind: "choice", keys: ["from", "to"], text: "gw-a" })).toEqual([0, 1, 3]);
    expect(found("tcp", { kind: "choice", keys: ["from", "to"], text: "gw-a" })).toEqual([0]);
    expect(found("", { kind: "prefix", keys: ["pod"], text: "10.1." })).toEqual([0, 1, 2]);
    const both = [
      { kind: "prefix", keys: ["pod"], text: "10.1.0.7" },
      { kind: "choice", keys: ["to"], text: "nowhere" },
    ] as const;
    expect(found("", ...both)).toEqual([2]);
  });
});

describe("sorting rows", () => {
  const all = Uint32Array.of(0, 1, 2, 3);
  const sorted = (key: string, descending: boolean) => [
    ...sortedRows(all, GRID.columns.find((column) => column.key === key)!, descending),
  ];

  test("goes by size for numbers and by text otherwise; equal ones keep their order", () => {
    expect(sorted("at", false)).toEqual([1, 3, 2, 0]);
    expect(sorted("at", true)).toEqual([0, 2, 1, 3]);
    expect(sorted("from", false)).toEqual([0, 2, 1, 3]);
    expect(sorted("from", true)).toEqual([1, 3, 0, 2]);
    expect(sorted("tuple", false)).toEqual([1, 3, 0, 2]);
  });
});

describe("the list of broken connections", () => {
  const { grids } = pageData(failoverReport({ broken: 500, rebound: 100 }), []);
  const moved = grids.moved!;
  const column = (key: string) => moved.columns.find((one) => one.key === key)!;

  test("has one row for each, by time, whose pod is that of its connection", () => {
    expect(moved.rows).toBe(600);
    const times = column("at").values as number[];
    expect([...times].sort((a, b) => a - b)).toEqual(times);
    const [tuples, pods] = [column("tuple").values as string[], column("pod")];
    tuples.forEach((tuple, row) => {
      expect(tuple).toContain(` ${pods.texts![pods.values[row] as number]}:`);
    });
    expect(new Set(column("to").texts)).toContain("nowhere");
  });

  test.each([
    ["tcp 10.1.2.3:4000 -> 198.51.100.7:443", "10.1.2.3"],
    ["icmp 10.1.2.3 -> 198.51.100.7 id 7", "10.1.2.3"],
    ["tcp 2001:db8::7:4000 -> 2001:db8::1:443", "2001:db8::7"],
    ["tcp [2001:db8::7]:4000 -> [2001:db8::1]:443", "2001:db8::7"],
  ])("knows the pod of %s", (fiveTuple, pod) => {
    const report = failoverReport({ broken: 1, rebound: 0 });
    report.broken[0]!.fiveTuple = fiveTuple;
    const { columns } = pageData(report, []).grids.moved!;
    expect(columns.find(({ key }) => key === "pod")!.texts).toEqual([pod]);
  });
});
