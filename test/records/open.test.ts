import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CaptureError } from "../../src/errors.js";
import { isRecordFile, openCaptureOrRecords, openRecords } from "../../src/records/open.js";
import { MAX_RECORD_SIZE } from "../../src/records/window.js";
import { frameBytes, pcap } from "../support/capture-bytes.js";
import { drain, withFile } from "../support/capture-read.js";
import { flow, jsonLines, readRecords, tcpOf } from "./texts.js";

const FLOWS = jsonLines(flow(), flow({ l4: tcpOf("ACK") }), flow({ l4: tcpOf("FIN ACK") }));
const CT = "UDP OUT 10.1.0.7:40000 -> 198.51.100.9:53 expires=1 Flags=0x0000 [ ]\n";
const PCAP = pcap([{ seconds: 1, frame: frameBytes(60, 1) }]);
const BYTE_ORDER_MARK = "\ufeff";

describe("connection records are told by content", () => {
  test.each([
    ["Hubble flows", FLOWS, true],
    ["with a byte order mark", BYTE_ORDER_MARK + FLOWS, true],
    ["a table", CT, true],
    ["a capture", PCAP, false],
    ["other JSON", '{"kind":"List","items":[]}\n', false],
    ["a JSON list of numbers", "[1,2]", false],
    ["other text", "To whom it may concern\nTCP is a protocol\n", false],
    ["a table behind a zero byte", `\0${CT}`, false],
  ])("%s, plain and gzipped", async (_, content, expected) => {
    for (const bytes of [Buffer.from(content), gzipSync(content)]) {
      expect(await withFile(bytes, isRecordFile)).toBe(expected);
    }
  });

  test("a capture opens as before, and is none for who wants records", async () => {
    await withFile(PCAP, async (path) => {
      const reader = await openCaptureOrRecords(path);
      expect(reader.records).toBeUndefined();
      expect((await drain(reader)).frames).toHaveLength(1);
      await expect(openRecords(path)).rejects.toThrow("is a capture, expected connection records");
    });
  });

  test("what is neither says what it should be", async () => {
    await withFile(Buffer.from("hello, world"), async (path) => {
      await expect(openCaptureOrRecords(path)).rejects.toThrow(
        /magic is 68656c6c, expected that of a pcap or pcapng capture, plain or gzipped, or connection records$/,
      );
    });
  });

  test("gzipped ones read like plain ones; a byte order mark does no harm", async () => {
    const plain = await readRecords(FLOWS);
    expect(plain.frames).toHaveLength(3);
    expect(await readRecords(gzipSync(FLOWS))).toEqual(plain);
    expect(await readRecords(BYTE_ORDER_MARK + FLOWS)).toEqual(plain);
  });
});

describe("the end of a file", () => {
  test("a last line without an end is whole where it reads so", async () => {
    expect(await readRecords(FLOWS.trimEnd())).toEqual(await readRecords(FLOWS));
    expect(await readRecords(CT.trimEnd())).toEqual(await readRecords(CT));
  });

  test.each([
    ["flows", FLOWS],
    ["a list", JSON.stringify([flow(), flow({ l4: tcpOf("ACK") })], undefined, 1)],
  ])("%s cut off anywhere behind the first record are truncated, with every record before the cut", async (_, text) => {
    const first = text.startsWith("{") ? text.indexOf("\n") + 1 : text.indexOf("\n },") + 4;
    const whole = (await readRecords(text)).frames;
    for (let cut = first; cut < text.length - 2; cut += 3) {
      const head = text.slice(0, cut);
      const { frames, truncated, error } = await readRecords(head);
      // A line may end with its text; a list ends with its bracket only.
      const isWhole = text.startsWith("{") && /(?:\n|Z"\})$/.test(head);
      expect({ cut, error, truncated }).toEqual({ cut, error: undefined, truncated: !isWhole });
      expect(frames).toEqual(whole.slice(0, frames.length));
    }
  });

  test("gzipped data that ends too early is truncated", async () => {
    const many = jsonLines(...Array.from({ length: 500 }, (_, i) => flow({ l4: tcpOf("SYN", i) })));
    const packed = gzipSync(many);
    const { frames, truncated, error } = await readRecords(packed.subarray(0, packed.length - 300));
    expect({ truncated, error }).toEqual({ truncated: true, error: undefined });
    expect(frames.length).toBeGreaterThan(10);
  });
});

describe("hostile files", () => {
  const withLabel = (label: string) => jsonLines(flow(), flow({ l4: tcpOf("ACK"), more: { labels: [label] } }));

  test("a record may be large, but not without end", async () => {
    const most = MAX_RECORD_SIZE - JSON.stringify(flow()).length - 500;
    expect((await readRecords(withLabel("x".repeat(most)))).frames).toHaveLength(2);
    const { error, frames } = await readRecords(withLabel("x".repeat(MAX_RECORD_SIZE)));
    expect(frames).toHaveLength(1);
    expect((error as Error).message).toBe(`-:2: record has more than ${MAX_RECORD_SIZE} bytes, expected at most that`);
  });

  test("JSON may be as deep as a record is long", async () => {
    const depth = 400_000;
    const deep = `{"flow":${"[".repeat(depth)}${"]".repeat(depth)}}\n`;
    const { error } = await readRecords(jsonLines(flow()) + deep);
    expect((error as Error).message).toMatch(/^-:2: (flow is a list, expected an object|record is )/);
  });

  test("a list that something else than an object stands in is an error with its line", async () => {
    const { error } = await readRecords(`[\n${JSON.stringify(flow())},\n  17]`);
    expect((error as Error).message).toBe('-:3: record is "17]", expected a JSON object');
  });

  test("any bytes behind the first record are read, or refused by line", async () => {
    const inserts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json(),
      fc.constantFrom('{"flow":{"IP":{"source":1}}}', CT),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(FLOWS, CT), inserts, async (text, insert) => {
        const { error, frames } = await readRecords(`${text}${insert}\n${text}`);
        expect(frames.length).toBeGreaterThan(0);
        if (error === undefined) return;
        expect(error).toBeInstanceOf(CaptureError);
        expect((error as CaptureError).line).toBeGreaterThan(1);
      }),
      { numRuns: 200 },
    );
  });
});
