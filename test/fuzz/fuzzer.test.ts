import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Dice } from "../scenario-fuzz/dice.js";
import { buildMutant, type Mutation } from "../verify/mutant.js";
import { decodeInput, encodeInput } from "./frame-input.js";
import { type Found, Fuzzer } from "./fuzzer.js";
import { inputFromText, inputText } from "./input-text.js";
import { decodeRecord, repairChecksums } from "./layout.js";
import { mutateRecord } from "./mutate-frames.js";
import { seedFrames } from "./seed-frames.js";
import type { Target } from "./target.js";
import { FramesTarget } from "./targets/frames.js";

const SEED = 5;
const MOST = 3000;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluicegate-fuzz-test-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function firstFinding(target: Target): Promise<Found | undefined> {
  const fuzzer = new Fuzzer(target, SEED, [], () => {});
  while (fuzzer.executions < MOST) {
    const found = await fuzzer.step();
    if (found) return found;
  }
  return undefined;
}

const BUGS: readonly {
  readonly bug: string;
  readonly kind: string;
  readonly records: number;
  readonly mutation: Mutation;
}[] = [
  {
    bug: "a checksum that is off by one",
    kind: "rewrite transport-checksum",
    records: 1,
    mutation: {
      file: "assembly/wire/checksum.ts",
      search: "(difference + (difference >> 31))",
      replace: "(difference + (difference >> 31) - 1)",
    },
  },
  {
    bug: "a store behind a frame that is too long",
    kind: "out-of-frame",
    records: 1,
    mutation: {
      file: "assembly/path/prepare.ts",
      search: "  forgetBlock();\n",
      replace:
        "  forgetBlock();\n  if (load<u32>(record, 4) > 60) store<u8>(arenaAt + load<u32>(record) + load<u32>(record, 4) + 3, 0);\n",
    },
  },
  {
    bug: "a reply that goes to the wrong pod",
    kind: "wrong partner",
    records: 2,
    mutation: {
      file: "assembly/path/connection.ts",
      search: "putMapping(network, address, src,",
      replace: "putMapping(network, address, p.isIpv6 ? src : src ^ 0x0f000000,",
    },
  },
  {
    bug: "a SYN that is taken for an answer",
    kind: "leak",
    records: 1,
    mutation: {
      file: "assembly/path/from-endpoint.ts",
      search: "if (p.tcpFlags & TCP_SYN) return (p.tcpFlags & TCP_ACK) != 0;",
      replace: "if (p.tcpFlags & TCP_SYN) return true;",
    },
  },
  {
    bug: "an IPv6 address that does not count in checksums",
    kind: "rewrite transport-checksum",
    records: 1,
    mutation: {
      file: "assembly/path/connection.ts",
      search: "isIpv6 ? delta128(addressRow(was), addressRow(address)) : delta32(was, address);",
      replace: "isIpv6 ? 0 : delta32(was, address);",
    },
  },
  {
    bug: "a trap",
    kind: "trap",
    records: 1,
    mutation: {
      file: "assembly/wire/link.ts",
      search: "function pppOffset(frame: usize, captured: u32, wire: u32): u32 {\n",
      replace:
        "function pppOffset(frame: usize, captured: u32, wire: u32): u32 {\n  if (captured > 0) unreachable();\n",
    },
  },
];

describe("a bug of the engine is found, and comes down to the frames that it takes", () => {
  it.each(BUGS)(
    "$bug",
    async ({ bug, kind, records, mutation }) => {
      const wasmFile = join(folder, `${bug}.wasm`);
      writeFileSync(wasmFile, await buildMutant([mutation]));
      const target = await FramesTarget.start(wasmFile);
      const found = await firstFinding(target);
      expect(found?.finding.kind).toBe(kind);
      expect(decodeInput(found!.input).records.length).toBeLessThanOrEqual(records);
      await expect(async () => target.execute(inputFromText(inputText(found!.input)))).rejects.toThrow();
    },
    600_000,
  );
});

it("makes the same inputs out of the same seed, and others out of another", async () => {
  const seeds = (await FramesTarget.start()).seeds().length;
  const run = async (seed: number) => {
    const inputs: string[] = [];
    const fuzzer = new Fuzzer(await FramesTarget.start(), seed, [], (input) => inputs.push(inputText(input)));
    for (let i = 0; i < seeds + 200; i++) expect(await fuzzer.step()).toBeUndefined();
    return inputs;
  };
  const first = await run(1);
  expect(await run(1)).toEqual(first);
  expect((await run(2)).slice(seeds)).not.toEqual(first.slice(seeds));
});

it("has around 500 seed frames, whose every checksum that can be recounted is repaired to what it is", () => {
  const frames = seedFrames();
  expect(frames.length).toBeGreaterThanOrEqual(480);
  let compared = 0;
  for (const record of frames) {
    const packet = decodeRecord(record);
    if (!packet || record.flags !== 0) continue;
    const copy = record.bytes.slice();
    repairChecksums(copy, packet);
    const again = copy.slice();
    repairChecksums(again, packet);
    expect(again).toEqual(copy);
    if (Buffer.compare(copy, record.bytes) === 0) compared++;
  }
  expect(compared).toBeGreaterThan(300);
});

it("changes frames in many ways, and writes and reads each input as it is", () => {
  const dice = new Dice(3);
  const frames = seedFrames();
  const made = new Set<string>();
  for (let i = 0; i < 2000; i++) {
    const record = mutateRecord(dice.pick(frames), dice, dice.pick(frames));
    const input = encodeInput({ world: i % 7, records: [record] });
    made.add(inputText(input));
    expect(encodeInput(decodeInput(input))).toEqual(input);
    expect(inputFromText(inputText(input))).toEqual(input);
  }
  expect(made.size).toBeGreaterThan(1500);
});
