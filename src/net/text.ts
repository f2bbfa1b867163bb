const ENCODER = /* @__PURE__ */ new TextEncoder();
const DECODER = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true });
/** Characters that one call of `fromCharCode` takes. */
const PIECE = 4096;

/** A text in UTF-8. */
export function utf8Bytes(text: string): Uint8Array<ArrayBuffer> {
  return ENCODER.encode(text);
}

/** The text of bytes [from, to) in UTF-8; what is not UTF-8 becomes U+FFFD. A byte order mark stays. */
export function utf8Text(bytes: Uint8Array, from = 0, to = bytes.length): string {
  return DECODER.decode(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to));
}

/** The text of bytes [from, to), a character a byte. */
export function latin1Text(bytes: Uint8Array, from = 0, to = bytes.length): string {
  let text = "";
  for (let at = from; at < to; at += PIECE)
    text += String.fromCharCode(...bytes.subarray(at, Math.min(to, at + PIECE)));
  return text;
}

/** A text of characters below U+0100, a byte a character. */
export function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
}
