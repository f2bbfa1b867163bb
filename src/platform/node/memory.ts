import { isUtf8 as isNodeUtf8 } from "node:buffer";

/** Whether bytes are UTF-8 text. */
export function isUtf8(bytes: Uint8Array): boolean {
  return isNodeUtf8(bytes);
}

/** Whether bytes [from, to) of both are the same: for spans of which a loop over bytes would take long. */
export function isSameMemory(a: Uint8Array, b: Uint8Array, from: number, to: number): boolean {
  return Buffer.compare(a.subarray(from, to), b.subarray(from, to)) === 0;
}
