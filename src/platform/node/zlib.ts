import { createInflateRaw, deflateSync, gunzipSync, inflateSync } from "node:zlib";
import type { RawInflate } from "../raw-inflate.js";

const OUTPUT_SIZE = 64 * 1024;

/** A zlib stream (RFC 1950) of `bytes`. @param effort `quick` for large tables, `usual` for small ones */
export function deflate(bytes: Uint8Array, effort: "quick" | "usual"): Uint8Array {
  return effort === "quick" ? deflateSync(bytes, { level: 1 }) : deflateSync(bytes);
}

/** What `deflate` packed. @throws {Error} where it is damaged, or more than `most` bytes: no more than that are unpacked */
export function inflate(packed: Uint8Array, most: number): Uint8Array {
  return inflateSync(packed, { maxOutputLength: most });
}

/** A gzip file (RFC 1952), whole. @throws {Error} where it is damaged, or more than `most` bytes */
export function gunzip(packed: Uint8Array, most: number): Uint8Array {
  return gunzipSync(packed, { maxOutputLength: most });
}

/** Starts on deflate data that comes piece by piece. */
export function startInflate(): RawInflate {
  return new MemberBody();
}

class MemberBody implements RawInflate {
  ended = false;
  failure: Error | undefined;
  readonly #inflate = createInflateRaw({ chunkSize: OUTPUT_SIZE });
  #output: Buffer[] = [];

  constructor() {
    this.#inflate.on("data", (chunk: Buffer) => this.#output.push(chunk));
    this.#inflate.on("end", () => {
      this.ended = true;
    });
    this.#inflate.on("error", (error: NodeJS.ErrnoException) => {
      // The input is over before the data is: the caller sees that by itself.
      if (error.code !== "Z_BUF_ERROR") this.failure = error;
    });
  }

  async write(input: Uint8Array): Promise<number> {
    const inflate = this.#inflate;
    const before = inflate.bytesWritten;
    await new Promise<void>((resolve) => {
      const settle = () => {
        inflate.off("error", settle).off("end", settle);
        resolve();
      };
      inflate.once("error", settle).once("end", settle);
      if (input.length > 0) inflate.write(input, settle);
      else inflate.end();
    });
    return inflate.bytesWritten - before;
  }

  takeOutput(): Uint8Array[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }

  destroy(): void {
    this.#inflate.destroy();
  }
}
