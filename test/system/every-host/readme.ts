import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";
import { expect, test } from "vitest";
import { ARGS, CHROMIUM } from "../page/browser.js";
import { ROOT, scratch } from "../tools.js";
import { recordsOf } from "./captures.js";
import { inputOf } from "./hosts.js";

const HOSTS = join(ROOT, "test/hosts");
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};
/** Gives frames to the worker, one by one, and keeps what comes back. */
const PAGE = `
  const worker = new Worker("worker.mjs", { type: "module" });
  const answer = () => new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  });
  const ready = answer();
  globalThis.translate = async (frame) => {
    if ((await ready) !== "ready") throw new Error("the worker is not ready");
    worker.postMessage(Uint8Array.from(frame));
    return [...(await answer())];
  };
`;

/** What the README of the host in Chromium tells its reader to do. */
export function readmeTests(): void {
  test("the worker of Chromium's README, and what it says to copy, translate frames from any server of files", async () => {
    const { policy, about, capture } = inputOf("web");
    const site = scratch();
    const code = /```js\n([\s\S]*?)```/.exec(readFileSync(join(HOSTS, "chromium/README.md"), "utf8"))![1]!;
    writeFileSync(join(site, "worker.mjs"), code);
    writeFileSync(join(site, "index.html"), `<!doctype html><link rel="icon" href="data:,"><script>${PAGE}</script>`);
    const shared = ["sluicegate.mjs", "abi.mjs"].map((name) => join(HOSTS, "javascript", name));
    for (const file of [...shared, join(ROOT, "abi/abi.json"), join(ROOT, "build/engine.wasm"), policy, about])
      cpSync(file, join(site, file.slice(file.lastIndexOf("/"))));

    const server = createServer(({ url = "" }, response) => {
      response.writeHead(200, { "content-type": TYPES[extname(url)] ?? "application/octet-stream" });
      response.end(readFileSync(join(site, url)));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
    try {
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/index.html`);
      const [frame] = recordsOf(readFileSync(capture)).records;
      const translated = (await page.evaluate(`translate([${[...frame!.bytes]}])`)) as number[];
      expect(translated.length).toBe(frame!.bytes.length);
      const egressIPs = JSON.parse(readFileSync(about, "utf8")).egresses.map(({ ipv4 }: { ipv4: string }) => ipv4);
      expect(egressIPs).toContain(translated.slice(26, 30).join("."));
      expect(translated.slice(30, 34)).toEqual([...frame!.bytes.subarray(30, 34)]);
    } finally {
      await browser.close();
      server.close();
      server.closeAllConnections();
    }
  });
}
