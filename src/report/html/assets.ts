import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { packageFile } from "../../engine/load.js";
import { EgressError } from "../../errors.js";

const IMPORT = /^import\b.*?["']\.\/([\w-]+)\.js["'];\n/gm;
const EXPORT = /^export (?=(?:async )?function|const|let|class)|^export \{\};\n?/gm;

/** What a page carries so that it needs nothing else. */
export interface PageAssets {
  /** The chart library, with its licence. */
  readonly library: string;
  /** Its style. */
  readonly libraryStyle: string;
  /** Our own script: one function that is called at once. */
  readonly script: string;
}

/** @throws {EgressError} `page-assets` where the package's own script or the chart library cannot be read */
export function pageAssets(): PageAssets {
  const { resolve } = createRequire(import.meta.url);
  const library = (name: string) => read(() => resolve(`uplot/${name}`));
  return {
    library: `/*\n${library("LICENSE").trim()}\n*/\n${library("dist/uPlot.iife.min.js").trim()}\n`,
    libraryStyle: library("dist/uPlot.min.css").trim(),
    script: `"use strict";\n(() => {\n${modulesInOrder("main").join("")}})();\n`,
  };
}

/**
 * The modules that `npm run build:page` compiled, each behind those that it imports, as one text: every name of a module is its own among
 * all of them, so that import and export lines can simply go.
 */
function modulesInOrder(name: string, taken = new Set<string>()): string[] {
  if (taken.has(name)) return [];
  taken.add(name);
  const text = read(() => packageFile(join("build", "page", `${name}.js`)));
  const before = [...text.matchAll(IMPORT)].flatMap(([, imported]) => modulesInOrder(imported!, taken));
  return [...before, text.replace(IMPORT, "").replace(EXPORT, "")];
}

function read(path: () => string): string {
  try {
    return readFileSync(path(), "utf8");
  } catch (cause) {
    const message = "the page's script cannot be read, expected what `npm ci` installs and `npm run build` makes";
    throw new EgressError("page-assets", message, { cause });
  }
}
