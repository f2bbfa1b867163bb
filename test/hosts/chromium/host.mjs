#!/usr/bin/env node
// Reads the command line, reads and writes files; all else is done by a page in Chromium.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { HostError } from "../javascript/sluicegate.mjs";
import { main } from "../node/command.mjs";
import { readInput, writeOutput } from "../node/files.mjs";
import { openPage, startBrowser } from "./browser.mjs";
import { serve } from "./server.mjs";

/** All files of the page, as they lie in test/hosts. */
const FILES = [
  ...["page.html", "page.mjs", "worker.mjs"].map((name) => `chromium/${name}`),
  ...["abi.mjs", "capture.mjs", "replay.mjs", "sluicegate.mjs", "vectors.mjs"].map((name) => `javascript/${name}`),
];

await main(async ({ command, engine, files, policy, about, capture, out, rounds }) => {
  const browser = await startBrowser();
  const host = { host: "chromium", runtime: `Chromium ${browser.version()}` };
  const names = command === "vectors" ? [engine, ...files] : [about, policy, capture, engine];
  try {
    return await work(browser, { command, names, rounds, host }, out);
  } finally {
    await browser.close();
  }
});

/** Has a page do the task. @param out the file that it may write   @returns exit code, once the page tells it   @throws whatever keeps it from that */
function work(browser, task, out) {
  let server;
  const done = new Promise((resolve, reject) => {
    const routes = new Map([
      ...FILES.map((path) => [`GET ${path}`, () => readFileSync(new URL(`../${path}`, import.meta.url))]),
      ["GET javascript/abi.json", () => readFileSync(createRequire(import.meta.url).resolve("sluicegate/abi.json"))],
      ["GET task", () => JSON.stringify(task)],
      ...task.names.map((name, i) => [`GET inputs/${i}`, () => readInput(name).bytes]),
      ["POST line", (line) => console.log(line.toString())],
      ["POST out", (bytes) => writeOutput(out, bytes)],
      ["POST end", (code) => resolve(Number(code))],
      ["POST complaint", (text) => reject(new HostError(text.toString()))],
    ]);
    server = serve(routes, reject);
    server.then(({ address }) => openPage(browser, `${address}chromium/page.html`, reject)).catch(reject);
  });
  return done.finally(async () => (await server).close());
}
