// Puts what a page carries so that it needs nothing else into one module, `build/page/assets.js`: the report is made in browsers as well,
// which have no files. Runs once the page's own script is compiled.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const FOLDER = "build/page";
const IMPORT = /^import\b.*?["']\.\/([\w-]+)\.js["'];\n/gm;
const EXPORT = /^export (?=(?:async )?function|const|let|class)|^export \{\};\n?/gm;

const { resolve } = createRequire(import.meta.url);
const uplot = (name) => readFileSync(resolve(`uplot/${name}`), "utf8").trim();

/**
 * The modules that `tsc` compiled, each behind those that it imports, as one text: every name of a module is its own among all of them, so
 * that import and export lines can simply go.
 */
function modulesInOrder(name, taken = new Set()) {
  if (taken.has(name)) return [];
  taken.add(name);
  const text = readFileSync(`${FOLDER}/${name}.js`, "utf8");
  const before = [...text.matchAll(IMPORT)].flatMap(([, imported]) => modulesInOrder(imported, taken));
  return [...before, text.replace(IMPORT, "").replace(EXPORT, "")];
}

const assets = {
  LIBRARY: [
    "The chart library, with its licence.",
    `/*\n${uplot("LICENSE")}\n*/\n${uplot("dist/uPlot.iife.min.js")}\n`,
  ],
  LIBRARY_STYLE: ["Its style.", uplot("dist/uPlot.min.css")],
  SCRIPT: [
    "Our own script: one function that is called at once.",
    `"use strict";\n(() => {\n${modulesInOrder("main").join("")}})();\n`,
  ],
};

const lines = (line) =>
  Object.entries(assets)
    .map(([name, [what, text]]) => `/** ${what} */\n${line(name, text)}\n`)
    .join("\n");
writeFileSync(
  `${FOLDER}/assets.js`,
  lines((name, text) => `export const ${name} = ${JSON.stringify(text)};`),
);
writeFileSync(
  `${FOLDER}/assets.d.ts`,
  lines((name) => `export declare const ${name}: string;`),
);
