// Builds dist/playground/index.html: one file that holds script, worker, engine and example, so that it works from a disk as well as from a
// server. Runs once everything else is built (`npm run build`).

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { PAGE_SCRIPTS, PAGE_STYLE, sourceExpression } from "../../dist/src/report/html/page.js";
import { STYLE } from "../../dist/src/report/html/style.js";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const OUT = join(ROOT, "dist/playground");
const HERE = join(ROOT, "src/playground");
/** Largest page: a bundle that suddenly holds a library more shows here. Bytes. */
const MOST_BYTES = 1_300_000;
/** Named so that the command line that the page shows works in a checkout. */
const EXAMPLE = ["cilium-config", "endpoints", "nodes", "policies", "workloads"].map(
  (name) => `pcaps/manifests/${name}.yaml`,
);
const CAPTURE = "pcaps/web/in.pcap";
const PLATFORM = /^#platform\/(.+)\.js$/;
const WORKER = "virtual:worker";

/** A browser's half of the platform, from the sources as all else; the engine's modules come with the page's data. */
const webPlatform = {
  name: "web-platform",
  enforce: "pre",
  resolveId: (id) => {
    const module = PLATFORM.exec(id)?.[1];
    if (module === "wasm") return join(HERE, "worker/wasm.ts");
    return module && join(ROOT, "src/platform/web", `${module}.ts`);
  },
};

/** One classic script of a module and all that it imports. @param modules texts by the names that they are imported by */
async function script(entry, modules = {}) {
  const given = {
    name: "given",
    resolveId: (id) => (id in modules ? `\0${id}` : undefined),
    load: (id) => (id.startsWith("\0") && id.slice(1) in modules ? modules[id.slice(1)] : undefined),
  };
  const { output } = await build({
    root: ROOT,
    configFile: false,
    logLevel: "warn",
    plugins: [webPlatform, given],
    build: {
      write: false,
      target: "es2023",
      modulePreload: false,
      rollupOptions: { input: join(HERE, entry), output: { format: "iife" } },
    },
  }).then((result) => (Array.isArray(result) ? result[0] : result));
  const chunks = output.filter(({ type }) => type === "chunk");
  if (chunks.length !== 1) throw new Error(`${entry}: became ${chunks.length} scripts, expected one`);
  return chunks[0].code;
}

/** Text of a script element: no character sequence in it may end the element, or begin a comment. */
function elementText(code) {
  return code.trim().replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
}

function base64(...path) {
  return readFileSync(join(ROOT, ...path)).toString("base64");
}

const worker = await script("worker/worker.ts");
const main = elementText(await script("page/main.ts", { [WORKER]: `export default ${JSON.stringify(worker)};` }));
const style = `${STYLE}\n${readFileSync(join(HERE, "style.css"), "utf8")}`;
if (style.includes("</style")) throw new Error("the style ends its own element");
const capture = gzipSync(readFileSync(join(ROOT, CAPTURE)), { level: 9 });
const shipped = {
  modules: { engine: base64("build/engine.wasm"), outside: base64("build/outside.wasm") },
  example: [
    { name: CAPTURE, content: capture.toString("base64") },
    ...EXAMPLE.map((name) => ({ name, content: base64(name) })),
  ],
};
// The report's frame inherits this policy: its own script and style are named here, too.
const scripts = [main, ...PAGE_SCRIPTS].map(sourceExpression).join(" ");
const policy = [
  "default-src 'none'",
  `script-src 'wasm-unsafe-eval' ${scripts}`,
  `style-src ${[style, PAGE_STYLE].map(sourceExpression).join(" ")}`,
  "worker-src blob:",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");
const parts = { policy, style, script: main, shipped: JSON.stringify(shipped) };
const page = readFileSync(join(HERE, "index.html"), "utf8").replace(/\{\{(\w+)\}\}/g, (_, name) => parts[name]);
if (Buffer.byteLength(page) > MOST_BYTES)
  throw new Error(`the page has ${Buffer.byteLength(page)} bytes, expected at most ${MOST_BYTES}`);
rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
writeFileSync(join(OUT, "index.html"), page);
console.log(
  `dist/playground/index.html: ${Buffer.byteLength(page).toLocaleString("en-US")} bytes. Open it in a browser.`,
);
