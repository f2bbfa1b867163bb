import { deflateRawSync, inflateRawSync } from "node:zlib";

/** An input as one word that a shell leaves alone; most have much in them that deflates. */
export function inputText(input: Uint8Array): string {
  return deflateRawSync(input, { level: 9 }).toString("base64url");
}

/** @throws Error where the text is none that `inputText` gave */
export function inputFromText(text: string): Uint8Array {
  return Uint8Array.from(inflateRawSync(Buffer.from(text, "base64url")));
}
