import { basename, join, kindOf, namesIn, openNow, readWhole, realPath as resolvedPath } from "#platform/files.js";
import { gunzip } from "#platform/zlib.js";
import { UsageError } from "../errors.js";
import { concatBytes } from "../net/bytes.js";

/** Largest file that is read, after decompression: bytes. Beyond it a `.gz` is taken for a bomb. */
const LARGEST_FILE = 2 ** 31 - 1;

/** Most that is read from a pipe or device: bytes. */
const LARGEST_STREAM = 2 ** 29;

/** What a file holds, by its name. */
export type FileRole =
  | { readonly kind: "manifests" }
  | { readonly kind: "interfaces" }
  | { readonly kind: "addresses"; readonly node: string };

/** A file that counts, named as the user will recognise it. */
export interface ManifestFile {
  readonly name: string;
  readonly role: FileRole;
}

/** Files found under the given paths, and those passed over because of their names. */
export interface FileList {
  readonly files: readonly ManifestFile[];
  readonly passedOver: readonly string[];
}

/**
 * Lists manifests under `paths`: a file stands for itself, a folder for all `.yaml`, `.yml` and `.json` files below it (also `.gz`), sorted by
 * name; hidden entries are left out. A file reached twice is read once.
 * @throws {UsageError} where a path does not exist or cannot be read
 */
export function listManifestFiles(paths: readonly string[]): FileList {
  const files: ManifestFile[] = [];
  const passedOver: string[] = [];
  const seen = new Set<string>();
  for (const path of paths) visit(path, true);
  return { files, passedOver };

  function visit(path: string, named: boolean): void {
    const real = realPath(path);
    if (seen.has(real)) return;
    seen.add(real);
    const kind = guarded(path, () => kindOf(path));
    if (kind === "device") {
      throw new UsageError(`${path}: cannot be read: it is a device, expected a file, a folder or a pipe`);
    }
    if (kind === "folder") {
      const names = guarded(path, () => namesIn(path)).sort();
      for (const name of names) if (!name.startsWith(".")) visit(join(path, name), false);
      return;
    }
    if (named || /\.(ya?ml|json)(\.gz)?$/i.test(path)) files.push({ name: path, role: roleOf(path) });
    else passedOver.push(path);
  }
}

/** Links resolved, so that loops end; a pipe (`<(kubectl …)`) has no such path. */
function realPath(path: string): string {
  try {
    return resolvedPath(path);
  } catch {
    return path;
  }
}

/** What a file of this name holds. */
export function roleOf(path: string): FileRole {
  const name = basename(path).replace(/\.gz$/i, "");
  const addresses = /^(.+)\.addr\.json$/i.exec(name);
  if (addresses) return { kind: "addresses", node: addresses[1]! };
  if (/^interfaces\.(ya?ml|json)$/i.test(name)) return { kind: "interfaces" };
  return { kind: "manifests" };
}

/** Reads files, whole; those that can be read only once (pipes) are kept for a second look at their lines. */
export class ManifestReader {
  readonly #kept = new Map<string, Uint8Array>();

  /**
   * The bytes of a file, decompressed where they begin with gzip's magic number, without a byte order mark.
   * @throws {UsageError} where the file cannot be read, is larger than `LARGEST_FILE`, or is broken gzip
   */
  read(name: string): Uint8Array {
    const kept = this.#kept.get(name);
    if (kept) return kept;
    const isRegular = guarded(name, () => kindOf(name)) === "file";
    const bytes = decode(name, isRegular ? guarded(name, () => readWhole(name)) : readStream(name));
    if (!isRegular) this.#kept.set(name, bytes);
    return bytes;
  }
}

/** Bytes of a file, decompressed where they are gzip, without a byte order mark. @throws {UsageError} where it is broken gzip */
export function decode(name: string, raw: Uint8Array): Uint8Array {
  const gzipped = raw[0] === 0x1f && raw[1] === 0x8b;
  const bytes = gzipped ? guarded(name, () => gunzip(raw, LARGEST_FILE)) : raw;
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return hasMark ? bytes.subarray(3) : bytes;
}

const CHUNK = 1 << 20;

/** A pipe or device up to its end, which has to come. */
function readStream(name: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const file = guarded(name, () => openNow(name));
  try {
    for (;;) {
      const chunk = new Uint8Array(CHUNK);
      const length = guarded(name, () => file.read(chunk));
      if (length === 0) return concatBytes(chunks);
      size += length;
      if (size > LARGEST_STREAM)
        throw new UsageError(`${name}: cannot be read: it does not end within ${LARGEST_STREAM} bytes`);
      chunks.push(chunk.subarray(0, length));
    }
  } finally {
    file.close();
  }
}

function guarded<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${path}: cannot be read: ${why}`, { cause: error });
  }
}
