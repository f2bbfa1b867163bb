// Chromium, without a window, for one page.

import { accessSync, constants } from "node:fs";
import { HostError } from "../javascript/sluicegate.mjs";

/** Debian's; the environment names another. */
const CHROMIUM = process.env.CHROMIUM || "/usr/bin/chromium";
const ARGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // No name leads anywhere: this program's own server is all that there is.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/** @throws {HostError} where there is none */
export async function startBrowser() {
  try {
    accessSync(CHROMIUM, constants.X_OK);
    const { chromium } = await import("playwright-core");
    return await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  } catch (cause) {
    const [reason] = (cause.code ?? cause.message).split("\n");
    throw new HostError(`${CHROMIUM}: cannot be started (${reason}), expected Chromium: CHROMIUM=path names it`, {
      cause,
    });
  }
}

/** Opens an address. @param fail takes whatever ends the page before it is done */
export async function openPage(browser, address, fail) {
  const page = await browser.newPage();
  page.on("pageerror", fail);
  page.on("console", (message) => {
    if (message.type() === "error") fail(new Error(`the page says: ${message.text()}`));
  });
  page.on("crash", () => fail(new Error("the page has crashed")));
  page.on("close", () => fail(new Error("the page was closed, or Chromium has ended")));
  page.goto(address, { timeout: 0 }).catch(fail);
}
