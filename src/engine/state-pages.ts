import { isSameMemory } from "#platform/memory.js";
import { EngineError } from "../errors.js";
import { viewOf } from "../net/bytes.js";

// Pages of a region that are not all zero: u32 count, count × u32 page number (ascending), then the pages one after the other; the last
// page of a region may be shorter.

const PAGE_SIZE = 4096;
const EMPTY = /* @__PURE__ */ new Uint8Array(PAGE_SIZE);

export function pageCount(regionSize: number): number {
  return Math.ceil(regionSize / PAGE_SIZE);
}

/** @returns a copy of the region's non-zero pages, with their numbers in front */
export function collectPages(region: Uint8Array): Uint8Array {
  const numbers: number[] = [];
  let size = 0;
  for (let page = 0; page < pageCount(region.length); page++) {
    const bytes = pageOf(region, page);
    if (isSameMemory(bytes, EMPTY, 0, bytes.length)) continue;
    numbers.push(page);
    size += bytes.length;
  }
  const out = new Uint8Array(4 + numbers.length * 4 + size);
  const view = viewOf(out);
  view.setUint32(0, numbers.length, true);
  let at = 4 + numbers.length * 4;
  numbers.forEach((page, i) => {
    const bytes = pageOf(region, page);
    view.setUint32(4 + i * 4, page, true);
    out.set(bytes, at);
    at += bytes.length;
  });
  return out;
}

function pageOf(region: Uint8Array, page: number): Uint8Array {
  return region.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
}

/**
 * Makes `region` what it was when `collectPages` saw it: pages that are not in the list become zero.
 * @throws {EngineError} where list and pages do not fit the region; nothing was written then
 */
export function writePages(pages: Uint8Array, region: Uint8Array): void {
  const numbers = readNumbers(pages, pageCount(region.length));
  const first = 4 + numbers.length * 4;
  const size = numbers.reduce((sum, page) => sum + Math.min(PAGE_SIZE, region.length - page * PAGE_SIZE), 0);
  if (pages.length !== first + size)
    throw new EngineError(`saved state: pages take ${pages.length - first} bytes, expected ${size}`);
  region.fill(0);
  let at = first;
  for (const page of numbers) {
    const length = Math.min(PAGE_SIZE, region.length - page * PAGE_SIZE);
    region.set(pages.subarray(at, at + length), page * PAGE_SIZE);
    at += length;
  }
}

function readNumbers(source: Uint8Array, limit: number): number[] {
  const view = viewOf(source);
  const count = source.length < 4 ? -1 : view.getUint32(0, true);
  if (count < 0 || count > limit || source.length < 4 + count * 4) {
    throw new EngineError(
      `saved state: lists ${count} pages in ${source.length} bytes, expected at most ${limit} pages`,
    );
  }
  const numbers: number[] = [];
  for (let i = 0; i < count; i++) {
    const page = view.getUint32(4 + i * 4, true);
    if (page >= limit || page <= (numbers[i - 1] ?? -1)) {
      throw new EngineError(`saved state: lists page ${page}, expected ascending numbers below ${limit}`);
    }
    numbers.push(page);
  }
  return numbers;
}
