import { EngineError } from "../errors.js";

// Pages of a region that are not all zero: u32 count, count × u32 page number (ascending), then the pages one after the other; the last
// page of a region may be shorter.

const PAGE_SIZE = 4096;
const EMPTY = Buffer.alloc(PAGE_SIZE);

export function pageCount(regionSize: number): number {
  return Math.ceil(regionSize / PAGE_SIZE);
}

/** @returns a copy of the region's non-zero pages, with their numbers in front */
export function collectPages(region: Uint8Array): Uint8Array {
  const source = Buffer.from(region.buffer, region.byteOffset, region.byteLength);
  const numbers: number[] = [];
  let size = 0;
  for (let page = 0; page < pageCount(source.length); page++) {
    const bytes = source.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    if (bytes.equals(EMPTY.subarray(0, bytes.length))) continue;
    numbers.push(page);
    size += bytes.length;
  }
  const out = Buffer.alloc(4 + numbers.length * 4 + size);
  out.writeUInt32LE(numbers.length, 0);
  let at = 4 + numbers.length * 4;
  numbers.forEach((page, i) => {
    out.writeUInt32LE(page, 4 + i * 4);
    at += source.copy(out, at, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
  });
  return out;
}

/**
 * Makes `region` what it was when `collectPages` saw it: pages that are not in the list become zero.
 * @throws {EngineError} where list and pages do not fit the region; nothing was written then
 */
export function writePages(pages: Uint8Array, region: Uint8Array): void {
  const source = Buffer.from(pages.buffer, pages.byteOffset, pages.byteLength);
  const numbers = readNumbers(source, pageCount(region.length));
  const first = 4 + numbers.length * 4;
  const size = numbers.reduce((sum, page) => sum + Math.min(PAGE_SIZE, region.length - page * PAGE_SIZE), 0);
  if (source.length !== first + size)
    throw new EngineError(`saved state: pages take ${source.length - first} bytes, expected ${size}`);
  region.fill(0);
  let at = first;
  for (const page of numbers) {
    const length = Math.min(PAGE_SIZE, region.length - page * PAGE_SIZE);
    region.set(source.subarray(at, at + length), page * PAGE_SIZE);
    at += length;
  }
}

function readNumbers(source: Buffer, limit: number): number[] {
  const count = source.length < 4 ? -1 : source.readUInt32LE(0);
  if (count < 0 || count > limit || source.length < 4 + count * 4) {
    throw new EngineError(
      `saved state: lists ${count} pages in ${source.length} bytes, expected at most ${limit} pages`,
    );
  }
  const numbers: number[] = [];
  for (let i = 0; i < count; i++) {
    const page = source.readUInt32LE(4 + i * 4);
    if (page >= limit || page <= (numbers[i - 1] ?? -1)) {
      throw new EngineError(`saved state: lists page ${page}, expected ascending numbers below ${limit}`);
    }
    numbers.push(page);
  }
  return numbers;
}
