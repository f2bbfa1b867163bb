import { createHash } from "node:crypto";

/** SHA-256 of bytes, or of a text in UTF-8: 32 bytes. */
export function sha256(data: Uint8Array | string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(data).digest());
}
