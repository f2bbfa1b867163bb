/**
 * Input of the targets that send frames: which world, then records. Little-endian.
 *
 *   world u8 | { hook u8 | link u8 | flags u16 | gap u32 (ms) | wire i16 (bytes more than captured) | length u16 | bytes }…
 *
 * A hook of OP_BASE or more is no frame but an order (`order`), with link and flags as its numbers.
 */
export interface FuzzRecord {
  hook: number;
  link: number;
  flags: number;
  /** Milliseconds since the record before. */
  gapMs: number;
  /** Bytes on the wire less bytes captured. */
  extra: number;
  bytes: Uint8Array;
}

export interface FrameInput {
  world: number;
  records: FuzzRecord[];
}

export const OP_BASE = 0xf0;
export const MAX_RECORDS = 48;
export const MAX_FRAME = 2000;
const HEAD = 12;

export function decodeInput(input: Uint8Array): FrameInput {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const records: FuzzRecord[] = [];
  let at = 1;
  while (at + HEAD <= input.length && records.length < MAX_RECORDS) {
    const length = Math.min(view.getUint16(at + 10, true), input.length - at - HEAD, MAX_FRAME);
    records.push({
      hook: view.getUint8(at),
      link: view.getUint8(at + 1),
      flags: view.getUint16(at + 2, true),
      gapMs: view.getUint32(at + 4, true),
      extra: view.getInt16(at + 8, true),
      bytes: input.subarray(at + HEAD, at + HEAD + length),
    });
    at += HEAD + length;
  }
  return { world: input[0] ?? 0, records };
}

export function encodeInput({ world, records }: FrameInput): Uint8Array {
  const kept = records.slice(0, MAX_RECORDS);
  const size = kept.reduce((sum, { bytes }) => sum + HEAD + Math.min(bytes.length, MAX_FRAME), 1);
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  out[0] = world;
  let at = 1;
  for (const { hook, link, flags, gapMs, extra, bytes } of kept) {
    const length = Math.min(bytes.length, MAX_FRAME);
    view.setUint8(at, hook);
    view.setUint8(at + 1, link);
    view.setUint16(at + 2, flags, true);
    view.setUint32(at + 4, gapMs, true);
    view.setInt16(at + 8, extra, true);
    view.setUint16(at + 10, length, true);
    out.set(bytes.subarray(0, length), at + HEAD);
    at += HEAD + length;
  }
  return out;
}

/** Inputs with fewer records, then with shorter frames, no gaps and plain records. */
export function* smallerInputs(input: Uint8Array): Generator<Uint8Array> {
  const whole = decodeInput(input);
  const { records } = whole;
  for (let size = records.length >> 1; size >= 1; size >>= 1) {
    for (let from = 0; from < records.length; from += size) {
      yield encodeInput({ ...whole, records: [...records.slice(0, from), ...records.slice(from + size)] });
    }
  }
  if (whole.world !== 0) yield encodeInput({ ...whole, world: 0 });
  for (const [i, record] of records.entries()) {
    for (const change of simplerRecords(record)) {
      yield encodeInput({ ...whole, records: records.map((other, n) => (n === i ? { ...other, ...change } : other)) });
    }
  }
}

function* simplerRecords({ gapMs, extra, flags, bytes }: FuzzRecord): Generator<Partial<FuzzRecord>> {
  if (gapMs !== 0) yield { gapMs: 0 };
  if (extra !== 0) yield { extra: 0 };
  if (flags !== 0) yield { flags: 0 };
  for (const length of [bytes.length >> 1, bytes.length - 8, bytes.length - 1]) {
    if (length > 0 && length < bytes.length) yield { bytes: bytes.subarray(0, length), extra: extra };
  }
}
