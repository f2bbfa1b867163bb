import { describe, expect, test } from "vitest";
import { explainFrame, loadManifests, replay } from "../../../src/index.js";
import { FrameList } from "../../../src/playground/worker/frame-list.js";
import type { GridColumn, GridData } from "../../../src/report/html/client/page-data.js";

function textOf({ texts, values }: GridColumn, row: number): string | number {
  return texts ? texts[values[row] as number]! : values[row]!;
}

function rowOf({ columns }: GridData, row: number): Record<string, string | number> {
  return Object.fromEntries(columns.map((column) => [column.key, textOf(column, row)]));
}

async function listed(capture: string, most?: number): Promise<{ grid: GridData; reasons: Record<string, number> }> {
  const list = new FrameList(most);
  const report = await replay({
    captures: [capture],
    model: loadManifests(["pcaps/manifests"]),
    verify: false,
    observers: [list],
  });
  return { grid: list.grid(report), reasons: report.reasons };
}

describe("the list of frames", () => {
  test("has each frame with its addresses, verdict, reason and gateway, as its walk has them", async () => {
    const { grid } = await listed("pcaps/web/in.pcap");
    expect(grid).toMatchObject({ rows: 1739, left: 0 });
    const options = { captures: ["pcaps/web/in.pcap"], model: loadManifests(["pcaps/manifests"]), verify: false };
    for (const frame of [1, 3, 4, 200, 700, 1300, 1739]) {
      const { parse, action, reason, translation, wireLength, at } = await explainFrame(options, frame);
      const row = rowOf(grid, frame - 1);
      expect(row).toMatchObject({
        frame,
        verdict: action,
        reason,
        length: wireLength,
        node: translation?.gateway ?? "",
      });
      expect(new Date((row.at as number) / 1000).toISOString().slice(0, 23)).toBe(at.slice(0, 23));
      expect(String(row.source).startsWith(parse?.source ?? "")).toBe(true);
      expect(String(row.destination).startsWith(parse?.destination ?? "")).toBe(true);
      if (parse?.kind === "tcp") expect(row.source).toBe(`${parse.source}:${parse.sourcePort}`);
    }
  });

  test("counts as the report does", async () => {
    const { grid, reasons } = await listed("pcaps/icmp/in.pcap");
    const counted: Record<string, number> = {};
    for (let row = 0; row < grid.rows; row++) {
      const { reason } = rowOf(grid, row);
      if (reason !== "" && reason !== "none") counted[reason!] = (counted[reason!] ?? 0) + 1;
    }
    expect(counted).toEqual(reasons);
    const echo = Array.from({ length: grid.rows }, (_, row) => rowOf(grid, row)).find(
      ({ protocol }) => protocol === "echo",
    );
    expect(echo!.source).toMatch(/^[\d.]+ id \d+$/);
  });

  test("opens overlay packets", async () => {
    const { grid } = await listed("pcaps/overlay/in.pcap");
    const sources = new Set(Array.from({ length: grid.rows }, (_, row) => String(rowOf(grid, row).source)));
    expect([...sources].some((source) => source.startsWith("10.1.1."))).toBe(true);
  });

  test("ends at its bound, and says how many there are besides", async () => {
    const { grid } = await listed("pcaps/web/in.pcap", 1000);
    expect(grid).toMatchObject({ rows: 1000, left: 739 });
    for (const { values } of grid.columns) expect(values.length).toBe(1000);
  });

  test("has its values in memory of their own, which can change hands", async () => {
    const { grid } = await listed("pcaps/icmp/in.pcap");
    const buffers = grid.columns.map(({ values }) => (values as Uint32Array).buffer);
    expect(new Set(buffers).size).toBe(grid.columns.length);
    const moved = structuredClone(grid, { transfer: buffers as ArrayBuffer[] });
    expect(rowOf(moved, 0).frame).toBe(1);
  });
});
