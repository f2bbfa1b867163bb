/**
 * The engine's memory as unsigned little-endian numbers. `configure` sizes the memory once, so a view taken after it stays valid for
 * the engine's life. Addresses and lengths are bytes; reading outside the memory throws a RangeError (a fault of the host's own code).
 */
export class EngineMemory {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;

  constructor(buffer: ArrayBuffer) {
    this.#view = new DataView(buffer);
    this.#bytes = new Uint8Array(buffer);
  }

  /** Bytes of the whole memory. */
  get size(): number {
    return this.#bytes.length;
  }

  /** An unsigned byte at an address. */
  u8(at: number): number {
    return this.#view.getUint8(at);
  }

  /** 16 bits at an address, little-endian, unsigned. */
  u16(at: number): number {
    return this.#view.getUint16(at, true);
  }

  /** 32 bits at an address, little-endian, unsigned. */
  u32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  /** A counter. Exact below 2^53; no BigInt is made. */
  u64(at: number): number {
    return this.#view.getUint32(at + 4, true) * 0x1_0000_0000 + this.#view.getUint32(at, true);
  }

  /** A time, or a number that may pass 2^53. */
  bigU64(at: number): bigint {
    return this.#view.getBigUint64(at, true);
  }

  /** Writes a byte. */
  putU8(at: number, value: number): void {
    this.#view.setUint8(at, value);
  }

  /** Writes 16 bits, little-endian. */
  putU16(at: number, value: number): void {
    this.#view.setUint16(at, value, true);
  }

  /** Writes 32 bits, little-endian. */
  putU32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  /** Writes 64 bits, little-endian. @param value 0 … 2^64 - 1 */
  putU64(at: number, value: bigint): void {
    this.#view.setBigUint64(at, value, true);
  }

  /** A window onto `length` bytes, not a copy: what the engine writes shows in it. */
  bytes(at: number, length: number): Uint8Array {
    if (at + length > this.#bytes.length)
      throw new RangeError(`bytes ${at} to ${at + length} of ${this.#bytes.length}`);
    return this.#bytes.subarray(at, at + length);
  }
}
