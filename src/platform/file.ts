/** What lies at a path; whatever is neither a file nor a folder nor a device counts as a pipe. */
export type FileKind = "file" | "folder" | "device" | "pipe";

/** A file that is open for blocking reads. */
export interface OpenFile {
  readonly isFolder: boolean;
  /** Fills `target` from its start. @returns bytes read, 0 at the end */
  read(target: Uint8Array): number;
  close(): Promise<void>;
}

/** A stream of bytes, such as Node's. */
export interface ChunkStream {
  /** Its chunks in order. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array | string>;
  /** Gives up the rest. */
  destroy(): unknown;
}

/** The code of an operating system's error, e.g. `ENOENT`, for messages. */
export function systemCode(cause: unknown): string {
  if (cause instanceof Error) return (cause as { code?: string }).code ?? cause.message;
  return String(cause);
}
