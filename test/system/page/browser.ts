import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { missing, scratch } from "../tools.js";

/** Debian's own browser: no other one is ever fetched. */
export const CHROMIUM = "/usr/bin/chromium";
export const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const DESKTOP = { viewport: { width: 1280, height: 900 } };
export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

/** What these tests need and do not find here. */
export const lacking = missing(["chromium"]);

/** A page that was opened from a file, and everything that it should not have done. */
export interface OpenPage {
  readonly page: Page;
  /** Messages on the console, errors that nobody caught, and requests for anything but the page itself. */
  readonly faults: string[];
}

export interface Browsing {
  /** Opens a page as a user does: a file, in a browser that has never seen it. */
  open(html: string, options?: BrowserContextOptions): Promise<OpenPage>;
  /** Opens a page, does something with it, and holds it to having asked for nothing and complained about nothing. */
  withPage(html: string, use: (page: Page) => Promise<void>, options?: BrowserContextOptions): Promise<void>;
}

/** Starts a browser before the tests of a suite, and ends it behind them. */
export function browsing(): Browsing {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  });
  afterAll(() => browser.close());
  const open = async (html: string, options: BrowserContextOptions = {}) => {
    const page = await (await browser.newContext({ ...DESKTOP, ...options })).newPage();
    return openFile(page, html);
  };
  return {
    open,
    async withPage(html, use, options) {
      const { page, faults } = await open(html, options);
      await use(page);
      expect(faults).toEqual([]);
      await page.context().close();
    },
  };
}

async function openFile(page: Page, html: string): Promise<OpenPage> {
  const file = join(scratch(), "index.html");
  writeFileSync(file, html);
  const address = pathToFileURL(file).href;
  const faults: string[] = [];
  page.on("console", (message) => faults.push(`console ${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("request", (request) => {
    // A blob is the page's own: what it holds came from nowhere else.
    if (request.url() !== address && !request.url().startsWith("blob:")) faults.push(`request: ${request.url()}`);
  });
  await page.goto(address);
  return { page, faults };
}
