import { isSameMemory } from "#platform/memory.js";

/** A copy of bytes[from, to). `slice` would share memory where the bytes are a Buffer. */
export function copyBytes(bytes: Uint8Array, from = 0, to = bytes.length): Uint8Array {
  return new Uint8Array(bytes.subarray(from, to));
}

/** Where the first byte differs, or -1. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  return differenceIn(a, b, 0, a.length);
}

/** Spans longer than this are compared by the platform's memory comparison first. */
const LONG_SPAN = 64;

/** The same within bytes [from, to) of both. */
export function differenceIn(a: Uint8Array, b: Uint8Array, from: number, to: number): number {
  if (to - from > LONG_SPAN && isSameMemory(a, b, from, to)) return -1;
  for (let at = from; at < to; at++) if (a[at] !== b[at]) return at;
  return -1;
}

/** Orders bytes as texts are: by the first that differs, the shorter first where there is none. Below 0, 0 or above 0. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length);
  for (let at = 0; at < common; at++) if (a[at] !== b[at]) return a[at]! - b[at]!;
  return a.length - b.length;
}

/** Whether both are the same bytes. */
export function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && isSameMemory(a, b, 0, a.length);
}

/** Parts one after the other. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Two small hexadecimal digits a byte. */
export function hexOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** Bytes of `hexOf`'s text. */
export function bytesOfHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

/** Base64 (RFC 4648 section 4) with its padding. */
export function base64Of(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Bytes of a base64 text, with padding or without: up to the first character of another kind. */
export function bytesOfBase64(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let [size, bits, count] = [0, 0, 0];
  for (const character of text) {
    const value = BASE64.indexOf(character);
    if (value < 0) break;
    bits = ((bits << 6) | value) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes[size++] = (bits >> count) & 0xff;
  }
  return bytes.subarray(0, size);
}

/** A view of these bytes alone. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
