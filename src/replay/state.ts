import { readWhole, writeWhole } from "#platform/files.js";
import { sha256 } from "#platform/hash.js";
import { deflate, inflate } from "#platform/zlib.js";
import * as layout from "../../assembly/outside/layout.js";
import { EngineError, OutputError, UsageError } from "../errors.js";
import { concatBytes, isSameBytes, viewOf } from "../net/bytes.js";
import { utf8Bytes, utf8Text } from "../net/text.js";
import { systemCode } from "../platform/file.js";
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
  const json = utf8Bytes(JSON.stringify(notes));
  const parts = [json, deflate(kept, "quick"), deflate(blob, "usual"), engine];
  const head = new Uint8Array(HEADER_SIZE);
  const view = viewOf(head);
  [MAGIC, VERSION, ...parts.map((part) => part.length)].forEach((value, i) => {
    view.setUint32(i * 4, value, true);
  });
  const body = concatBytes([head, ...parts]);
  return concatBytes([body, sha256(body)]);
}

/**
 * @param keptSize bytes that the host region keeps; undefined = whatever the file holds, up to 2 GiB
 * @throws {EngineError} where the file is cut, damaged or foreign
 */
export function decodeReplayState(bytes: Uint8Array, keptSize?: number): ReplayState {
  const view = viewOf(bytes);
  if (bytes.length < HEADER_SIZE + HASH_SIZE || view.getUint32(0, true) !== MAGIC) {
    throw damaged("does not start with SGR1, expected a file that `replay --save-state` wrote");
  }
  const version = view.getUint32(4, true);
  if (version !== VERSION) throw damaged(`has format ${version}, expected ${VERSION}`);
  const end = bytes.length - HASH_SIZE;
  if (!isSameBytes(sha256(bytes.subarray(0, end)), bytes.subarray(end)))
    throw damaged("fails its SHA-256, expected an unchanged and complete file");
  const lengths = [8, 12, 16, 20].map((at) => view.getUint32(at, true));
  if (HEADER_SIZE + lengths.reduce((sum, length) => sum + length, 0) !== end) {
    throw damaged("has lengths that do not add up to the file's");
  }
  let at = HEADER_SIZE;
  const [json, kept, blob, engine] = lengths.map((length) => {
    at += length;
    return bytes.subarray(at - length, at);
  }) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  return { notes: readNotes(json), kept: unpack(kept, keptSize), blob: unpack(blob, undefined), engine };
}

/** @throws {UsageError} where the file cannot be read   @throws {EngineError} where it is not a saved state */
export function readReplayState(path: string, keptSize?: number): ReplayState {
  let file: Uint8Array;
  try {
    file = readWhole(path);
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
    writeWhole(path, encodeReplayState(state));
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
    notes = JSON.parse(utf8Text(json));
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
    kept = inflate(packed, keptSize ?? MAX_KEPT);
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
