import { startInflate } from "#platform/zlib.js";
import { CaptureError } from "../errors.js";
import { crc32 } from "../platform/crc32.js";
import { systemCode } from "../platform/file.js";
import type { RawInflate } from "../platform/raw-inflate.js";
import { type ByteSource, ChunkSource, readFully } from "./byte-source.js";

/**
 * Compressed bytes handed to the decompressor at a time. Deflate expands at most 1,032 times,
 * so at most about 17 MB of decompressed bytes wait in memory, whatever the file holds.
 */
const INPUT_SIZE = 16 * 1024;

// Member header (RFC 1952 section 2.3).
const ID1 = 0x1f;
const ID2 = 0x8b;
const METHOD_DEFLATE = 8;
/** Modification time, extra flags, operating system. */
const UNUSED_SIZE = 6;
const FLAG_HEADER_CRC = 0x02;
const FLAG_EXTRA = 0x04;
const FLAG_NAME = 0x08;
const FLAG_COMMENT = 0x10;
const FLAGS_RESERVED = 0xe0;

/** Whether these first bytes of a file are those of gzip data. */
export function isGzip(head: Uint8Array): boolean {
  return head[0] === ID1 && head[1] === ID2;
}

/**
 * Decompresses gzip data (RFC 1952), any number of members one after the other, checking CRC and length of each.
 * zlib's own gzip mode is not used, because it withholds the last decompressed bytes before a damaged end.
 */
export class GzipSource extends ChunkSource {
  readonly #members: Members;

  constructor(source: ByteSource) {
    const members = new Members(source);
    super(source.name, members.chunks(), () => members.close());
    this.#members = members;
  }

  /** The compressed data ended before its end mark (the writer was killed); everything before was given. */
  get cut(): boolean {
    return this.#members.cut;
  }

  /** Bytes that are not gzip data stand behind the last member; they were not read. */
  get trailing(): boolean {
    return this.#members.trailing;
  }
}

/** Thrown inside, where the compressed data ends in mid-member. */
class CutOff extends Error {}

class Members {
  cut = false;
  trailing = false;
  readonly #source: ByteSource;
  readonly #input = new Uint8Array(INPUT_SIZE);
  #at = 0;
  #end = 0;
  #inflate: RawInflate | undefined;
  #given = 0;
  /** Whoever was reading meanwhile gets nothing more: a decompressor that is gone takes no bytes, for ever. */
  #isClosed = false;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    try {
      while (await this.#nextMember()) yield* this.#body();
    } catch (error) {
      if (!(error instanceof CutOff)) throw error;
      this.cut = true;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#inflate?.destroy();
    await this.#source.close();
  }

  /** Reads past the next member's header. @returns false where there is no further member */
  async #nextMember(): Promise<boolean> {
    if (!(await this.#available())) return false;
    const first = await this.#byte();
    if (first !== ID1 || !(await this.#available()) || (await this.#byte()) !== ID2) {
      this.trailing = true;
      return false;
    }
    const method = await this.#byte();
    const flags = await this.#byte();
    if (method !== METHOD_DEFLATE) throw this.#damage(`gzip method is ${method}, expected ${METHOD_DEFLATE} (deflate)`);
    if (flags & FLAGS_RESERVED) throw this.#damage(`gzip flags are ${flags}, expected reserved bits to be 0`);
    await this.#skip(UNUSED_SIZE);
    if (flags & FLAG_EXTRA) await this.#skip((await this.#byte()) + (await this.#byte()) * 256);
    if (flags & FLAG_NAME) await this.#skipText();
    if (flags & FLAG_COMMENT) await this.#skipText();
    if (flags & FLAG_HEADER_CRC) await this.#skip(2);
    return true;
  }

  async *#body(): AsyncGenerator<Uint8Array> {
    let crc = 0;
    let size = 0;
    const member = startInflate();
    this.#inflate = member;
    while (!member.ended) {
      const more = await this.#available();
      const consumed = await member.write(this.#input.subarray(this.#at, more ? this.#end : this.#at));
      if (this.#isClosed) throw new CutOff();
      this.#at += consumed;
      for (const chunk of member.takeOutput()) {
        crc = crc32(chunk, crc);
        size += chunk.length;
        this.#given += chunk.length;
        yield chunk;
      }
      if (member.failure) throw this.#damage(`gzip data cannot be decompressed (${systemCode(member.failure)})`);
      if (!more && !member.ended) throw new CutOff();
    }
    await this.#checkTrailer(crc, size);
  }

  async #checkTrailer(crc: number, size: number): Promise<void> {
    const expectedCrc = await this.#word();
    const expectedSize = await this.#word();
    if (crc !== expectedCrc) {
      throw this.#damage(`CRC of the gzip data is ${hex(crc)}, expected ${hex(expectedCrc)} as at its end`);
    }
    if (size % 2 ** 32 !== expectedSize) {
      throw this.#damage(`length of the gzip data is ${size}, expected ${expectedSize} as at its end`);
    }
  }

  #damage(message: string): CaptureError {
    return new CaptureError(this.#source.name, this.#given, message);
  }

  async #available(): Promise<boolean> {
    if (this.#isClosed) return false;
    if (this.#at === this.#end) {
      this.#at = 0;
      this.#end = await readFully(this.#source, this.#input);
    }
    return this.#end > this.#at;
  }

  async #byte(): Promise<number> {
    if (!(await this.#available())) throw new CutOff();
    return this.#input[this.#at++]!;
  }

  async #word(): Promise<number> {
    let word = 0;
    for (let i = 0; i < 4; i++) word += (await this.#byte()) * 256 ** i;
    return word;
  }

  async #skip(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.#byte();
  }

  async #skipText(): Promise<void> {
    while ((await this.#byte()) !== 0);
  }
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}
