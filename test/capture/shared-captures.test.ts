import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { readFile } from "../support/capture-read.js";
import { readWithSecondReader } from "../support/capture-second-reader.js";

/** Captures made by others, kept beside the repository; their README has a table with the packets of each. */
const FOLDER = process.env.SLUICEGATE_CAPTURES ?? join(import.meta.dirname, "../../../shared/captures");
const present = existsSync(join(FOLDER, "README.md"));

describe.skipIf(!present)(`captures of others (skipped where their folder is missing: ${FOLDER})`, () => {
  const rows = present ? tableRows() : [];

  test("the table names captures", () => expect(rows.length).toBeGreaterThan(0));

  for (const { file, packets, format } of rows) {
    test(`${file} has ${packets} packets, with little memory and with much`, async () => {
      const path = join(FOLDER, file);
      const large = await readFile(path, { memorySize: 4 << 20, indexCapacity: 100_000 });
      const small = await readFile(path, { memorySize: 4096, indexCapacity: 13 });
      expect(large).toMatchObject({ error: undefined, truncated: false });
      // The table's tool also lists custom blocks as packets; they hold no frame.
      expect(large.frames.length + (large.skippedBlocks.custom ?? 0)).toBe(packets);
      expect(small.frames.length).toBe(large.frames.length);
      expect(small.frames.every((frame, i) => isSame(frame, large.frames[i]))).toBe(true);
      expect(small.interfaces).toEqual(large.interfaces);
    });

    // The other reader knows no other format.
    if (!/^pcap (LE|BE) us$/.test(format)) continue;
    test(`${file} reads the same with another reader`, async () => {
      const bytes = readFileSync(join(FOLDER, file));
      const { frames } = await readFile(join(FOLDER, file));
      const others = await readWithSecondReader(file.endsWith(".gz") ? gunzipSync(bytes) : bytes);
      expect(frames.length).toBe(others.length);
      const differing = frames.filter((frame, i) => {
        const { seconds, microseconds, wireLength, bytes } = others[i];
        const time = BigInt(seconds) * 1_000_000_000n + BigInt(microseconds) * 1000n;
        return !isSame(frame, { time, wireLength, interface: 0, bytes });
      });
      expect(differing).toEqual([]);
    });
  }
});

type Comparable = Pick<
  Awaited<ReturnType<typeof readFile>>["frames"][number],
  "time" | "wireLength" | "interface" | "bytes"
>;

function isSame(a: Comparable, b: Comparable): boolean {
  return a.time === b.time && a.wireLength === b.wireLength && a.interface === b.interface && a.bytes.equals(b.bytes);
}

/** Rows `| file | source | licence | format | packets | …` of the README. */
function tableRows(): { file: string; format: string; packets: number }[] {
  return readFileSync(join(FOLDER, "README.md"), "utf8")
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .filter((cells) => /\.pcap(ng)?(\.gz)?$/.test(cells[1] ?? "") && /^\d+$/.test(cells[5] ?? ""))
    .map((cells) => ({ file: cells[1], format: cells[4], packets: Number(cells[5]) }));
}
