import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { deflateSync, inflateSync } from "node:zlib";
import * as layout from "../../assembly/outside/layout.js";
import { systemCode } from "../capture/byte-source.js";
import { EngineError, OutputError, UsageError } from "../errors.js";
import type { SavedStats } from "./egress-totals.js";
import type { SavedFrame } from "./held-frames.js";
import type { HostRegion } from "./host-region.js";
import type { SavedIncidents } from "./incidents.js";
import { areNotes } from "./notes-shape.js";
import type { SavedSeries } from "./series.js";
import type { TallyState } from "./tally.js";

// One file: magic, version, four lengths; then the host's notes as JSON, the kept part of the host region and the policy blob as zlib
// streams, the engine's own saved state; then SHA-256 of all before it. Little-endian.

const MAGIC = 0x31524753; // "SGR1"
const VERSION = 3;
const HEADER_SIZE = 6 * 4;
const HASH_SIZE = 32;

/** What the host itself remembers beside the tables. */
export interface HostNotes {
  /** Frames of the captures that were passed, those before `fromFrame` among them: the next frame has this number plus one. */
  readonly framesPassed: number;
  /** Virtual time, nanoseconds, when frame 1 of the captures was read; the classification of a continued capture starts from it. */
  readonly startClockNs: string;
  readonly seed: number;
  readonly balance: "rendezvous" | "random";
  readonly tally: TallyState;
  /** Fragments that wait for their first one. */
  readonly held: readonly SavedFrame[];
  /** Virtual time of the first frame of all, from which a scenario counts; undefined where no frame came. */
  readonly startNs?: string;
  /** SHA-256 of the scenario; empty without one. */
  readonly scenario: string;
  /** Of policies before the one in force, by egress. */
  readonly egressTotals: readonly SavedStats[];
  readonly incidents: SavedIncidents;
  readonly series?: SavedSeries;
  /** Names of the policy blob's rows, for `list`. */
  readonly nodes: readonly string[];
  readonly policies: readonly string[];
}

export interface ReplayState {
  readonly notes: HostNotes;
  /** Control block and mappings, as `planHostRegion` lays them out. */
  readonly kept: Uint8Array;
  /** The policy in force (docs/abi.md). */
  readonly blob: Uint8Array;
  readonly engine: Uint8Array;
}

export function encodeReplayState({ notes, kept, blob, engine }: ReplayState): Uint8Array {
  const json = Buffer.from(JSON.stringify(notes), "utf8");
  const parts = [json, deflateSync(kept, { level: 1 }), deflateSync(blob), engine];
  const head = Buffer.alloc(HEADER_SIZE);
  [MAGIC, VERSION, ...parts.map((part) => part.length)].forEach((value, i) => {
    head.writeUInt32LE(value, i * 4);
  });
  const body = Buffer.concat([head, ...parts]);
  return Buffer.concat([body, createHash("sha256").update(body).digest()]);
}

/**
 * @param keptSize bytes that the host region keeps; undefined = whatever the file holds, up to 2 GiB
 * @throws {EngineError} where the file is cut, damaged or foreign
 */
export function decodeReplayState(file: Uint8Array, keptSize?: number): ReplayState {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < HEADER_SIZE + HASH_SIZE || bytes.readUInt32LE(0) !== MAGIC) {
    throw damaged("does not start with SGR1, expected a file that `replay --save-state` wrote");
  }
  const version = bytes.readUInt32LE(4);
  if (version !== VERSION) throw damaged(`has format ${version}, expected ${VERSION}`);
  const end = bytes.length - HASH_SIZE;
  const sum = createHash("sha256").update(bytes.subarray(0, end)).digest();
  if (!sum.equals(bytes.subarray(end))) throw damaged("fails its SHA-256, expected an unchanged and complete file");
  const lengths = [8, 12, 16, 20].map((at) => bytes.readUInt32LE(at));
  if (HEADER_SIZE + lengths.reduce((sum, length) => sum + length, 0) !== end) {
    throw damaged("has lengths that do not add up to the file's");
  }
  let at = HEADER_SIZE;
  const [json, kept, blob, engine] = lengths.map((length) => {
    at += length;
    return bytes.subarray(at - length, at);
  }) as [Buffer, Buffer, Buffer, Buffer];
  return { notes: readNotes(json), kept: unpack(kept, keptSize), blob: unpack(blob, undefined), engine };
}

/** @throws {UsageError} where the file cannot be read   @throws {EngineError} where it is not a saved state */
export function readReplayState(path: string, keptSize?: number): ReplayState {
  let file: Buffer;
  try {
    file = readFileSync(path);
  } catch (cause) {
    throw new UsageError(
      `${path}: cannot be read (${systemCode(cause)}), expected a state that \`replay --save-state\` wrote`,
      {
        cause,
      },
    );
  }
  return decodeReplayState(file, keptSize);
}

/** @throws {OutputError} */
export function writeReplayState(path: string, state: ReplayState): void {
  try {
    writeFileSync(path, encodeReplayState(state));
  } catch (cause) {
    throw new OutputError(path, systemCode(cause), { cause });
  }
}

/** Virtual time in the kept part of a host region. */
export function clockIn(kept: Uint8Array): bigint {
  return new DataView(kept.buffer, kept.byteOffset, kept.byteLength).getBigUint64(layout.CONTROL_CLOCK_AT, true);
}

/**
 * Checks what a saved host region says before it is used: counts that do not hold could make a search for room endless.
 * @throws {EngineError}
 */
export function checkKept(
  kept: Uint8Array,
  { mappings, mappingSlots, wide, wideSlots }: Pick<HostRegion, "mappings" | "mappingSlots" | "wide" | "wideSlots">,
): void {
  const view = new DataView(kept.buffer, kept.byteOffset, kept.byteLength);
  const version = view.getUint32(layout.CONTROL_VERSION_AT, true);
  if (version !== layout.OUTSIDE_VERSION)
    throw damaged(`has host tables of layout ${version}, expected ${layout.OUTSIDE_VERSION}`);
  let used = 0;
  let broken = 0;
  for (let slot = 0; slot < mappingSlots; slot++) {
    const flags = view.getUint8(mappings + slot * layout.MAPPING_SIZE + layout.MAPPING_FLAGS_AT);
    if (flags !== 0) used++;
    if (flags & layout.MAPPING_FLAG_BROKEN) broken++;
  }
  const stated = view.getUint32(layout.CONTROL_MAPPING_COUNT_AT, true);
  const statedBroken = view.getUint32(layout.CONTROL_BROKEN_AT, true);
  if (used !== stated || broken !== statedBroken || used > mappingSlots - mappingSlots / 8) {
    throw damaged(`holds ${used} mappings, ${broken} of them broken, but says ${stated} and ${statedBroken}`);
  }
  let numbered = 0;
  for (let at = wide; at < wide + wideSlots * layout.WIDE_SIZE; at += layout.WIDE_SIZE) {
    if (view.getBigUint64(at, true) !== 0n || view.getBigUint64(at + 8, true) !== 0n) numbered++;
  }
  const statedWide = view.getUint32(layout.CONTROL_WIDE_COUNT_AT, true);
  if (numbered !== statedWide || numbered > wideSlots - wideSlots / 8)
    throw damaged(`holds ${numbered} IPv6 addresses, but says ${statedWide}`);
}

function readNotes(json: Uint8Array): HostNotes {
  let notes: unknown;
  try {
    notes = JSON.parse(Buffer.from(json).toString("utf8"));
  } catch (cause) {
    throw damaged("has notes that are no JSON", cause);
  }
  if (!areNotes(notes)) throw damaged("has notes that are not those of a replay");
  return notes as HostNotes;
}

const MAX_KEPT = 2 ** 31;

function unpack(packed: Uint8Array, keptSize: number | undefined): Uint8Array {
  let kept: Uint8Array;
  try {
    kept = inflateSync(packed, { maxOutputLength: keptSize ?? MAX_KEPT });
  } catch (cause) {
    throw damaged(`cannot be unpacked into ${keptSize ?? MAX_KEPT} bytes: it may be of another table size`, cause);
  }
  if (keptSize !== undefined && kept.length !== keptSize) {
    throw damaged(
      `keeps ${kept.length} bytes of host tables, expected ${keptSize}: it was saved with another table size`,
    );
  }
  return kept;
}

function damaged(what: string, cause?: unknown): EngineError {
  return new EngineError(`saved state: ${what}`, cause === undefined ? undefined : { cause });
}
