/** Decompresses one run of deflate data (RFC 1951) whose end only the data itself knows. */
export interface RawInflate {
  /** The end of the data has been read. */
  readonly ended: boolean;
  /** What is wrong with the data; everything before it was given. */
  readonly failure: Error | undefined;
  /** Decompresses `input`; an empty one says that there is no more. @returns bytes of `input` that belong to the data */
  write(input: Uint8Array): number | Promise<number>;
  /** What was decompressed since the last call. */
  takeOutput(): Uint8Array[];
  /** Gives up before the end. */
  destroy(): void;
}
