import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { UsageError } from "../errors.js";

/** Largest file that is read, after decompression: bytes. Beyond it a `.gz` is taken for a bomb. */
export const LARGEST_FILE = 2 ** 31 - 1;

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
    const real = guarded(path, () => realpathSync(path));
    if (seen.has(real)) return;
    seen.add(real);
    if (guarded(path, () => statSync(real)).isDirectory()) {
      const names = guarded(path, () => readdirSync(path)).sort();
      for (const name of names) if (!name.startsWith(".")) visit(join(path, name), false);
      return;
    }
    if (named || /\.(ya?ml|json)(\.gz)?$/i.test(path)) files.push({ name: path, role: roleOf(path) });
    else passedOver.push(path);
  }
}

function roleOf(path: string): FileRole {
  const name = basename(path).replace(/\.gz$/i, "");
  const addresses = /^(.+)\.addr\.json$/i.exec(name);
  if (addresses) return { kind: "addresses", node: addresses[1]! };
  if (/^interfaces\.(ya?ml|json)$/i.test(name)) return { kind: "interfaces" };
  return { kind: "manifests" };
}

/**
 * The bytes of a file, decompressed where they begin with gzip's magic number, without a byte order mark.
 * @throws {UsageError} where the file cannot be read, is larger than `LARGEST_FILE`, or is broken gzip
 */
export function readManifestFile(name: string): Buffer {
  const raw = guarded(name, () => readFileSync(name));
  const gzipped = raw[0] === 0x1f && raw[1] === 0x8b;
  const bytes = gzipped ? guarded(name, () => gunzipSync(raw, { maxOutputLength: LARGEST_FILE })) : raw;
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return hasMark ? bytes.subarray(3) : bytes;
}

function guarded<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${path}: cannot be read: ${why}`, { cause: error });
  }
}
