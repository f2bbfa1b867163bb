import { sha256 } from "#platform/hash.js";
import { deflate, inflate } from "#platform/zlib.js";
import * as abi from "../../assembly/abi.js";
import { EngineError } from "../errors.js";
import { concatBytes, isSameBytes, viewOf } from "../net/bytes.js";
import { configDifferences, decodeEngineConfig, type EngineConfig, encodeEngineConfig } from "./engine-config.js";
import { collectPages, pageCount, writePages } from "./state-pages.js";

/** Where a region of the engine lies inside the saved state. */
export interface StatePiece {
  readonly at: number;
  readonly size: number;
}

/** What a saved state says about itself. */
export interface StateHeader {
  readonly config: EngineConfig;
  /** SHA-256 of the policy blob that was in force. */
  readonly policyHash: Uint8Array;
  readonly conntrack: StatePiece;
  readonly addresses: StatePiece;
  readonly counters: StatePiece;
  readonly egressStats: StatePiece;
}

/** A saved state read without an engine. */
export interface SavedState extends StateHeader {
  /** The state region, complete with its empty pages. */
  readonly region: Uint8Array;
}

const MAGIC = 0x31534753; // "SGS1"
const VERSION = 2;
const HASH_SIZE = 32;

// Little-endian, like everything that crosses the engine's boundary.
const MAGIC_AT = 0; // u32
const VERSION_AT = MAGIC_AT + 4; // u32, of this file format
const ABI_AT = VERSION_AT + 4; // u32, ABI_VERSION
const REGION_SIZE_AT = ABI_AT + 4; // u32, bytes of the state region
const PIECES_AT = REGION_SIZE_AT + 4; // 4 × { u32 at, u32 size }
const CONFIG_AT = PIECES_AT + 4 * 8; // the configuration record
const POLICY_AT = CONFIG_AT + abi.CONFIG_SIZE; // SHA-256 of the policy blob
const PAYLOAD_AT = POLICY_AT + HASH_SIZE; // zlib stream of the pages that are not all zero; then SHA-256 of all before it

const PIECES = ["conntrack", "counters", "egressStats", "addresses"] as const;

/** Fields that change neither the layout of a state nor any result: the engine that goes on may have other ones. */
const FREE_FIELDS: ReadonlySet<string> = new Set([
  "arenaSize",
  "maxBatch",
  "blobSize",
  "endpoints",
  "prefixes",
  "policies",
  "hostSize",
  "touch",
]);

export function hashPolicy(blob: Uint8Array): Uint8Array {
  return sha256(blob);
}

/** The state region as a file. Equal states give equal bytes (under one zlib version); empty tables cost nothing. */
export function encodeState(region: Uint8Array, header: StateHeader): Uint8Array {
  const head = new Uint8Array(PAYLOAD_AT);
  const view = viewOf(head);
  view.setUint32(MAGIC_AT, MAGIC, true);
  view.setUint32(VERSION_AT, VERSION, true);
  view.setUint32(ABI_AT, abi.ABI_VERSION, true);
  view.setUint32(REGION_SIZE_AT, region.length, true);
  PIECES.forEach((name, i) => {
    view.setUint32(PIECES_AT + i * 8, header[name].at, true);
    view.setUint32(PIECES_AT + i * 8 + 4, header[name].size, true);
  });
  head.set(encodeEngineConfig(header.config), CONFIG_AT);
  head.set(header.policyHash, POLICY_AT);
  const body = concatBytes([head, deflate(collectPages(region), "quick")]);
  return concatBytes([body, sha256(body)]);
}

/**
 * Reads a saved state for people and tools (`list`); an engine takes it by `applyState`.
 * @param maxRegion bytes that the state may take in memory
 * @throws {EngineError} where the file is cut, damaged, of another version or larger than that
 */
export function decodeState(file: Uint8Array, maxRegion = 0xffff_ffff): SavedState {
  const { header, regionSize } = readHeader(file);
  if (regionSize > maxRegion) throw damaged(`holds ${regionSize} bytes, expected at most ${maxRegion}`);
  const region = new Uint8Array(regionSize);
  writePages(inflatePages(file, regionSize), region);
  return { ...header, region };
}

/**
 * Puts a saved state into an engine's state region, then asks `restore` to check and adopt it.
 * @throws {EngineError} what is wrong; the region is then as it was, and `restore` was called on it once more if it had been called
 */
export function applyState(
  file: Uint8Array,
  region: Uint8Array,
  config: EngineConfig,
  policyHash: Uint8Array,
  restore: () => EngineError | undefined,
): void {
  const { header, regionSize } = readHeader(file);
  const differences = configDifferences(header.config, config).filter((name) => !FREE_FIELDS.has(name));
  if (differences.length > 0) throw damaged(differenceText(differences, header.config, config));
  if (regionSize !== region.length) throw damaged(`holds ${regionSize} bytes, expected ${region.length}`);
  if (!isSameBytes(header.policyHash, policyHash)) {
    throw damaged("was saved under another policy, expected the one that is loaded");
  }
  const pages = inflatePages(file, regionSize);
  const before = collectPages(region);
  writePages(pages, region);
  const error = restore();
  if (!error) return;
  writePages(before, region);
  restore();
  throw damaged("is inconsistent", error);
}

function readHeader(file: Uint8Array): { header: StateHeader; regionSize: number } {
  const view = viewOf(file);
  if (file.length < PAYLOAD_AT + HASH_SIZE)
    throw damaged(`has ${file.length} bytes, expected at least ${PAYLOAD_AT + HASH_SIZE}`);
  if (view.getUint32(MAGIC_AT, true) !== MAGIC)
    throw damaged("does not start with SGS1, expected a state that Sluicegate saved");
  const versions = `format ${view.getUint32(VERSION_AT, true)}, ABI ${view.getUint32(ABI_AT, true)}`;
  const expected = `format ${VERSION}, ABI ${abi.ABI_VERSION}`;
  if (versions !== expected) throw damaged(`has ${versions}, expected ${expected}`);
  const end = file.length - HASH_SIZE;
  if (!isSameBytes(sha256(file.subarray(0, end)), file.subarray(end)))
    throw damaged("fails its SHA-256, expected an unchanged and complete file");
  const regionSize = view.getUint32(REGION_SIZE_AT, true);
  const pieces = PIECES.map((_, i) => readPiece(view, PIECES_AT + i * 8, regionSize));
  const [conntrack, counters, egressStats, addresses] = pieces as [StatePiece, StatePiece, StatePiece, StatePiece];
  const config = decodeEngineConfig(file.subarray(CONFIG_AT, POLICY_AT));
  const policyHash = file.subarray(POLICY_AT, PAYLOAD_AT);
  return { header: { config, policyHash, conntrack, counters, egressStats, addresses }, regionSize };
}

function readPiece(view: DataView, at: number, regionSize: number): StatePiece {
  const piece = { at: view.getUint32(at, true), size: view.getUint32(at + 4, true) };
  if (piece.at + piece.size > regionSize)
    throw damaged(`has a piece that ends at ${piece.at + piece.size} of ${regionSize}`);
  return piece;
}

/** Bounded: a stream that unpacks to more than all pages of the region is refused before it is unpacked. */
function inflatePages(file: Uint8Array, regionSize: number): Uint8Array {
  const payload = file.subarray(PAYLOAD_AT, file.length - HASH_SIZE);
  const pages = pageCount(regionSize);
  try {
    return inflate(payload, pages * 4 + regionSize + 4);
  } catch (cause) {
    throw damaged(`cannot be unpacked into ${regionSize} bytes`, cause);
  }
}

function differenceText(names: readonly string[], saved: EngineConfig, own: EngineConfig): string {
  const name = names[0] as keyof EngineConfig;
  const more = names.length > 1 ? ` (and ${names.length - 1} more)` : "";
  return `was saved with ${name} ${saved[name]}, expected ${own[name]}${more}`;
}

function damaged(what: string, cause?: unknown): EngineError {
  return new EngineError(`saved state: ${what}`, cause === undefined ? undefined : { cause });
}
