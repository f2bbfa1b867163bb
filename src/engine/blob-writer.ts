import * as abi from "../../assembly/abi.js";
import { EngineError } from "../errors.js";

/** Bytes of one row of each section, by SECTION_*. */
export const ROW_SIZES: readonly number[] = [
  abi.NODE_SIZE,
  abi.EGRESS_SIZE,
  4,
  abi.POLICY_SIZE,
  abi.PREFIX_SIZE,
  abi.ENDPOINT_SIZE,
  4,
  abi.TIMEOUT_ROW_SIZE,
  8,
];

/** Names of the sections for messages, by SECTION_*. */
export const SECTION_NAMES: readonly string[] = [
  "nodes",
  "egresses",
  "members",
  "policies",
  "prefixes",
  "endpoints",
  "ports",
  "timeouts",
  "changes",
];

/** Writes one row: `view` is the whole blob, `at` the row's first byte; all bytes are zero before. */
export type RowWriter<Row> = (view: DataView, at: number, row: Row) => void;

interface Section {
  readonly count: number;
  write(view: DataView, at: number): void;
}

/** Lays the sections of a policy blob out one after the other, each 8-byte aligned, and writes the header. */
export class BlobWriter {
  readonly #sections = new Map<number, Section>();

  /** Sets one section; a section that is never set is empty. */
  section<Row>(id: number, rows: readonly Row[], writeRow: RowWriter<Row>): void {
    const rowSize = ROW_SIZES[id]!;
    this.#sections.set(id, {
      count: rows.length,
      write: (view, at) => {
        for (let i = 0; i < rows.length; i++) writeRow(view, at + i * rowSize, rows[i]!);
      },
    });
  }

  /** @throws {EngineError} where the blob would pass 4 GiB */
  finish(snatLow: number, snatHigh: number): Uint8Array<ArrayBuffer> {
    const offsets = this.#layOut();
    const length = offsets[abi.SECTION_COUNT]!;
    if (length > 0xffff_ffff) throw new EngineError(`policy blob: takes ${length} bytes, expected at most 4294967295`);
    const bytes = new Uint8Array(length);
    const view = new DataView(bytes.buffer);
    view.setUint32(abi.BLOB_MAGIC_AT, abi.BLOB_MAGIC, true);
    view.setUint32(abi.BLOB_VERSION_AT, abi.BLOB_VERSION, true);
    view.setUint32(abi.BLOB_LENGTH_AT, length, true);
    view.setUint16(abi.BLOB_SNAT_LOW_AT, snatLow, true);
    view.setUint16(abi.BLOB_SNAT_HIGH_AT, snatHigh, true);
    for (let id = 0; id < abi.SECTION_COUNT; id++) {
      view.setUint32(abi.BLOB_SECTIONS_AT + id * 8, this.#sections.get(id)?.count ?? 0, true);
      view.setUint32(abi.BLOB_SECTIONS_AT + id * 8 + 4, offsets[id]!, true);
      this.#sections.get(id)?.write(view, offsets[id]!);
    }
    return bytes;
  }

  /** Offset of each section, and behind them the length of the blob. */
  #layOut(): number[] {
    const offsets: number[] = [];
    let at = align8(abi.BLOB_HEADER_SIZE);
    for (let id = 0; id < abi.SECTION_COUNT; id++) {
      offsets.push(at);
      at = align8(at + (this.#sections.get(id)?.count ?? 0) * ROW_SIZES[id]!);
    }
    offsets.push(at);
    return offsets;
  }
}

/** Copies an address of 16 bytes, or leaves zeros where there is none. */
export function writeAddress(view: DataView, at: number, address: Uint8Array | undefined): void {
  if (address) new Uint8Array(view.buffer, view.byteOffset + at, 16).set(address);
}

function align8(at: number): number {
  return Math.ceil(at / 8) * 8;
}
