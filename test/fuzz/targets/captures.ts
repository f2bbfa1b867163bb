import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { loadManifests } from "../../../src/config/load.js";
import type { PolicyModel } from "../../../src/config/types.js";
import { CaptureError, EgressError } from "../../../src/errors.js";
import { replay } from "../../../src/replay/replay.js";
import type { ReplayReport } from "../../../src/replay/report-types.js";
import type { Dice } from "../../scenario-fuzz/dice.js";
import {
  type Block,
  enhancedPacket,
  interfaceBlock,
  obsoletePacket,
  otherBlock,
  type PcapOptions,
  pcap,
  pcapng,
  simplePacket,
} from "../../support/capture-bytes.js";
import { type ReadResult, readBytes } from "../../support/capture-read.js";
import { Finding } from "../finding.js";
import { mutateBytes, skeleton, smallerBytes } from "../mutate-bytes.js";
import type { Features, Target } from "../target.js";

const MAX_LENGTH = 1 << 14;
/** Frames of each of our own captures that a seed holds. */
const SEED_FRAMES = 12;
/** One in so many inputs is replayed through the manifests as well. */
const REPLAY_EVERY = 4;
const OWN = ["web/in.pcap", "icmp/in.pcap", "overlay/in.pcap", "any/in.pcap.gz", "offload/in.pcapng"];
const MAX_FRAME = 262_144;

/** Bytes of capture files through the readers, and through a whole replay. */
export class CapturesTarget implements Target {
  readonly name = "captures";
  units = 0;
  readonly #seeds: Uint8Array[];
  readonly #model: PolicyModel;
  readonly #folder = mkdtempSync(join(tmpdir(), "sluicegate-fuzz-"));

  private constructor(seeds: Uint8Array[], model: PolicyModel) {
    this.#seeds = seeds;
    this.#model = model;
    process.once("exit", () => rmSync(this.#folder, { recursive: true, force: true }));
  }

  static async start(): Promise<CapturesTarget> {
    const seeds: Uint8Array[] = [];
    for (const name of OWN) seeds.push(...(await seedsOf(`pcaps/${name}`)));
    return new CapturesTarget(seeds, loadManifests(["pcaps/manifests"]));
  }

  seeds(): Uint8Array[] {
    return [...this.#seeds];
  }

  mutate(base: Uint8Array, other: Uint8Array, dice: Dice): Uint8Array {
    return mutateBytes(base, other, dice, { maxLength: MAX_LENGTH });
  }

  async execute(input: Uint8Array): Promise<Features> {
    this.units++;
    const whole = await read(input);
    if (input[0] !== 0x1f) checkSizes(whole, input);
    const half = Math.max(7, input.length >> 1);
    const inPieces = await read(
      [input.subarray(0, 7), input.subarray(7, half), input.subarray(half)].filter(({ length }) => length > 0),
    );
    if (summaryOf(whole) !== summaryOf(inPieces))
      throw new Finding("pieces", "a capture that arrives in pieces reads otherwise");
    const features = featuresOf(whole);
    if (input.length % REPLAY_EVERY === 0) features.push(...(await this.#replay(input, whole)));
    return features;
  }

  smaller = smallerBytes;

  async #replay(input: Uint8Array, read: Outcome): Promise<string[]> {
    const path = join(this.#folder, "capture");
    writeFileSync(path, input);
    const options = { captures: [path], model: this.#model, allowNoMatch: true, connections: 64 };
    let report: ReplayReport;
    try {
      report = await replay(options);
    } catch (error) {
      if (!(error instanceof EgressError)) throw error;
      const isSame = read.result?.error !== undefined || read.error !== undefined;
      if (!isSame) throw new Finding("replay", `refuses a capture that reads well: ${error.message}`);
      return [`replay ${skeleton(error.message)}`];
    }
    checkReport(report, read.result?.frames.length ?? 0);
    return Object.keys(report.reasons).map((reason) => `replay ${reason}`);
  }
}

/** What came of reading: a capture, or an error of ours before the first frame. */
interface Outcome {
  readonly result?: ReadResult;
  readonly error?: EgressError;
}

async function read(input: Uint8Array | Uint8Array[]): Promise<Outcome> {
  try {
    const result = await readBytes(input, { memorySize: 1 << 19 });
    if (result.error !== undefined && !(result.error instanceof CaptureError)) throw result.error;
    return { result };
  } catch (error) {
    if (error instanceof EgressError) return { error };
    throw error;
  }
}

function summaryOf({ result, error }: Outcome): string {
  if (!result) return error?.message ?? "";
  const { frames, interfaces, truncated, skippedBlocks, adjusted } = result;
  const lines = frames.map(
    ({ time, wireLength, interface: number, bytes }) => `${time} ${wireLength} ${number} ${bytes.toString("latin1")}`,
  );
  return JSON.stringify([lines, interfaces, truncated, skippedBlocks, adjusted, String(result.error)]);
}

/** No frame holds more than the file does. */
function checkSizes({ result }: Outcome, input: Uint8Array): void {
  const total = result?.frames.reduce((sum, { bytes }) => sum + bytes.length, 0) ?? 0;
  if (total > input.length) throw new Finding("sizes", `${total} bytes of frames in a file of ${input.length}`);
  const large = result?.frames.find(({ bytes }) => bytes.length > MAX_FRAME);
  if (large) throw new Finding("sizes", `a frame of ${large.bytes.length} bytes`);
}

function featuresOf({ result, error }: Outcome): string[] {
  if (!result) return [skeleton(error?.message ?? "")];
  const { skippedBlocks, adjusted, interfaces, truncated } = result;
  return [
    ...Object.keys(skippedBlocks).map((key) => `skipped ${key}`),
    ...Object.keys(adjusted).map((key) => `adjusted ${key}`),
    ...interfaces.map(({ linkType, name }) => `link ${linkType < 300 ? linkType : "other"} ${name === undefined}`),
    `frames ${Math.min(result.frames.length, 3)} ${truncated} ${interfaces.length > 1}`,
    result.error === undefined ? "" : skeleton((result.error as Error).message),
  ];
}

function checkReport({ frames, reasons, verification }: ReplayReport, read: number): void {
  const { pass, snat, reverse, drop, lost, skipped } = frames;
  const total = pass + snat + reverse + drop + lost + skipped;
  if (frames.read !== total || frames.read !== read)
    throw new Finding("counters", `${frames.read} frames read, ${total} accounted for, ${read} in the file`);
  const named = Object.values(reasons).reduce((sum, count) => sum + count, 0);
  if (named !== total - snat - reverse)
    throw new Finding("counters", `${named} reasons for ${total - snat - reverse} frames`);
  const [first] = verification.mismatches;
  if (first)
    throw new Finding(
      "mismatch",
      `frame ${first.frame}: ${first.field} expected ${first.expected}, got ${first.got}: ${first.why}`,
    );
}

/** The first frames of one of our own captures, in every form of file that the readers know. */
async function seedsOf(path: string): Promise<Uint8Array[]> {
  if (!existsSync(path)) throw new Error(`${path} is missing: the fuzzer runs from the repository's root`);
  const file = readFileSync(path);
  const { frames, interfaces } = await readBytes(path.endsWith(".gz") ? gunzipSync(file) : file);
  const short = frames.filter(({ bytes }) => bytes.length < 400).slice(0, SEED_FRAMES);
  const linkType = interfaces[0].linkType;
  const records = short.map(({ bytes, time, wireLength }) => ({
    frame: bytes,
    seconds: Number(time / 1_000_000_000n),
    fraction: Number((time % 1_000_000_000n) / 1000n),
    wire: wireLength,
  }));
  const forms: PcapOptions[] = [{}, { byteOrder: "big" }, { variant: "nanoseconds" }, { variant: "modified" }];
  const classic = forms.map((form) => pcap(records, { ...form, linkType }));
  const blocks: Block[] = [
    interfaceBlock({ linkType, name: "eth0", resolution: 9 }),
    interfaceBlock({ linkType, snapLength: 96, resolution: 0x8a, offsetSeconds: 5n }),
    ...short.map(({ bytes, time, wireLength }, i) => packetBlock(i, bytes, time, wireLength)),
    otherBlock(4, new Uint8Array(8)),
    otherBlock(5, new Uint8Array(12)),
  ];
  return [...classic, gzipSync(classic[0]), pcapng(blocks), pcapng(blocks, "big")];
}

function packetBlock(i: number, frame: Uint8Array, ticks: bigint, wire: number): Block {
  if (i % 5 === 3) return simplePacket({ frame, wire });
  return i % 5 === 4
    ? obsoletePacket({ frame, ticks, wire })
    : enhancedPacket({ frame, ticks, wire, interface: i % 2 });
}
