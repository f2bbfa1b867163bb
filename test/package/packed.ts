import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { ensureBuilt } from "./built.js";
import { untar } from "./untar.js";

/** A project that has the package installed. */
export interface PackedProject {
  /** Of the project; the package lies in `package`, and is linked in `node_modules`. */
  readonly folder: string;
  /** Of the package, as paths inside of it. */
  readonly files: readonly string[];
  /** The archive that npm would publish. */
  readonly archive: string;
}

/**
 * Packs the package and puts it into a project of its own with nothing but its declared dependencies beside it, as npm would, but without a
 * registry. Scripts are left out: the package has none that run at installation.
 */
export function packProject(): PackedProject {
  ensureBuilt();
  const folder = mkdtempSync(join(tmpdir(), "sluicegate-pack-"));
  const listing = execFileSync("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [{ filename }] = JSON.parse(listing);
  const archive = join(folder, filename);
  const files = untar(readFileSync(archive), folder).map((name) => name.replace(/^package\//, ""));
  const link = (target: string, name: string) => {
    const path = join(folder, "node_modules", name);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(target, path);
  };
  link(join(folder, "package"), "sluicegate");
  const { dependencies } = JSON.parse(readFileSync(join(folder, "package/package.json"), "utf8"));
  for (const name of Object.keys(dependencies)) link(resolve("node_modules", name), name);
  // A package that is linked resolves its imports from where it really lies.
  symlinkSync(join(folder, "node_modules"), join(folder, "package/node_modules"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  return { folder, files, archive };
}
