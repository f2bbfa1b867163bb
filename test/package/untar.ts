import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { gunzipSync } from "node:zlib";

const BLOCK = 512;

/** Unpacks the plain files of a `.tgz` as npm writes them (ustar) and returns their paths inside of it. */
export function untar(tgz: Uint8Array, folder: string): string[] {
  const tar = gunzipSync(tgz);
  const names: string[] = [];
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0; ) {
    const text = (from: number, length: number) =>
      tar.toString("utf8", at + from, at + from + length).replace(/\0.*$/s, "");
    const size = Number.parseInt(text(124, 12), 8);
    const name = join(text(345, 155), text(0, 100));
    if (normalize(name).startsWith("..")) throw new Error(`${name} lies outside of the archive`);
    if (text(156, 1) === "0") {
      names.push(name);
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), tar.subarray(at + BLOCK, at + BLOCK + size), {
        mode: Number.parseInt(text(100, 8), 8),
      });
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return names;
}
