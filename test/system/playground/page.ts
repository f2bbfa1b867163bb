import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContextOptions, Page } from "playwright-core";
import { beforeAll, expect } from "vitest";
import { type Browsing, browsing } from "../page/browser.js";
import { MANIFESTS, output, PCAPS, ROOT } from "../tools.js";

export const WEB = join(PCAPS, "web/in.pcap");
export const MANIFEST_FILES = ["cilium-config", "endpoints", "nodes", "policies", "workloads"].map((name) =>
  join(MANIFESTS, `${name}.yaml`),
);
/** What a run says when it is over. */
const DONE = /^[\d,]+ frames in [\d.]+ s; /;

/** Playgrounds for the tests of a suite: the page is built before them. */
export interface Playgrounds extends Pick<Browsing, "open"> {
  /** The page. */
  html(): string;
  /** Opens it, does something with it, and holds it to having asked for nothing and complained about nothing. */
  using(use: (page: Page) => Promise<void>, options?: BrowserContextOptions): Promise<void>;
}

export function playgrounds(): Playgrounds {
  let html: string;
  const { open, withPage } = browsing();
  beforeAll(() => {
    html = builtPage();
  });
  return { html: () => html, open, using: (use, options) => withPage(html, use, options) };
}

/** Builds the playground as `npm run playground` does behind `npm run build`. */
function builtPage(): string {
  output(process.execPath, [join(ROOT, "src/playground/make.mjs")]);
  return readFileSync(join(ROOT, "dist/playground/index.html"), "utf8");
}

export function status(page: Page): Promise<string | null> {
  return page.textContent("#status");
}

/** Does something that starts a replay, and waits for the next one to end. */
export async function replayed(page: Page, act: () => Promise<unknown>): Promise<string> {
  await page.evaluate(() => {
    document.getElementById("status")!.textContent = "";
  });
  await act();
  await page.waitForFunction(
    (done) =>
      new RegExp(done).test(document.getElementById("status")!.textContent!) ||
      !document.getElementById("fault")!.hidden,
    DONE.source,
    { timeout: 120_000 },
  );
  expect(await page.locator("#fault").isHidden(), (await page.textContent("#fault"))!).toBe(true);
  return (await status(page))!;
}

/** Takes the example, and waits for its replay. */
export function takeExample(page: Page): Promise<string> {
  return replayed(page, () => page.click("#example"));
}

/** Gives files as the fields do. */
export function give(page: Page, ...paths: readonly string[]): Promise<void> {
  return page.setInputFiles("#files", [...paths]);
}

/** What the page says is wrong. */
export async function fault(page: Page): Promise<string> {
  await page.locator("#fault").waitFor({ state: "visible" });
  return (await page.textContent("#fault"))!;
}

/** The text behind a link to take away. */
export async function download(page: Page, name: string): Promise<Buffer> {
  await page.click("#tab-export");
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name, exact: true }).click(),
  ]);
  expect(file.suggestedFilename()).toBe(name);
  return readFileSync(await file.path());
}

/** Drops files or folders at a place, as a user does: a script's own events know no folders. */
export async function dropAt(page: Page, x: number, y: number, ...files: readonly string[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [...files], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await session.send("Input.dispatchDragEvent", { type, x, y, data });
  await session.detach();
}
