/** The bytes of a capture that lie in memory at one moment: `[at, end)` is read from the file and not yet parsed. */
export class Window {
  bytes: Uint8Array;
  view: DataView;
  at = 0;
  end = 0;
  /** Offset in the (decompressed) file of `bytes[0]`. */
  fileOffset = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get unparsed(): number {
    return this.end - this.at;
  }

  /** Offset in the file of the next byte to parse. */
  get position(): number {
    return this.fileOffset + this.at;
  }

  isOver(bytes: Uint8Array): boolean {
    return (
      this.bytes.buffer === bytes.buffer &&
      this.bytes.byteOffset === bytes.byteOffset &&
      this.bytes.byteLength === bytes.byteLength
    );
  }

  /** Moves the unparsed bytes to the front, so that the rest of the memory can be filled. */
  compact(): void {
    if (this.at === 0) return;
    this.bytes.copyWithin(0, this.at, this.end);
    this.fileOffset += this.at;
    this.end -= this.at;
    this.at = 0;
  }
}
