import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadManifests, replay } from "../../../src/index.js";
import { lacking } from "../page/browser.js";
import { MANIFESTS, ROOT, scratch } from "../tools.js";
import { dropAt, fault, give, MANIFEST_FILES, playgrounds, replayed, status, WEB } from "./page.js";

describe.skipIf(lacking !== "")("the playground's files", () => {
  const { html, open, using } = playgrounds();

  test("takes files of one's own, told apart, and says of them what the command line says", () =>
    using(async (page) => {
      await give(page, WEB);
      await expect.poll(() => status(page)).toContain("Add the manifests of the cluster");
      await replayed(page, () => give(page, ...MANIFEST_FILES));
      expect(await page.locator("#taken li").allTextContents()).toContain("capturein.pcap585 kB×");
      const bad = join(scratch(), "policies.yaml");
      writeFileSync(bad, readFileSync(MANIFEST_FILES[3]!, "utf8").replace("203.0.113.21", "203.0.113.999"));
      await give(page, bad);
      expect(await fault(page)).toMatch(/^policies\.yaml:\d+:\d+: .*203\.0\.113\.999/);
      expect(await page.locator("#shown").isHidden()).toBe(true);
      await replayed(page, () => give(page, MANIFEST_FILES[3]!));
      await page.getByRole("button", { name: "Leave out in.pcap" }).click();
      await expect.poll(() => status(page)).toContain("Add a capture.");
      await give(page, join(ROOT, "README.md"));
      expect(await fault(page)).toMatch(/^README\.md: byte 0/);
    }));

  test("takes files that are dropped, and says what to do where the browser does not read a folder", () =>
    using(async (page) => {
      await replayed(page, () => dropAt(page, 200, 150, WEB, ...MANIFEST_FILES));
      await dropAt(page, 200, 150, MANIFESTS);
      expect(await fault(page)).toBe(
        "manifests: the browser does not read this folder when it is dropped; choose it by the button",
      );
    }));

  test("takes folders that are dropped, where a server brought the page", async () => {
    const server = createServer((_, response) => response.setHeader("content-type", "text/html").end(html()));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { page: own } = await open("<!doctype html>");
    await own.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const folder = join(scratch(), "dump");
    mkdirSync(join(folder, "deep"), { recursive: true });
    for (const file of MANIFEST_FILES) copyFileSync(file, join(folder, "deep", file.replace(/^.*\//, "")));
    copyFileSync(WEB, join(folder, "in.pcap"));
    writeFileSync(join(folder, ".hidden.yaml"), "not: [read");
    writeFileSync(join(folder, "NOTES"), "what this is");
    await replayed(own, () => dropAt(own, 200, 150, folder));
    const names = await own.locator("#taken .name").evaluateAll((all) => all.map((one) => (one as HTMLElement).title));
    expect(names).toContain("dump/deep/nodes.yaml");
    expect(names.filter((name) => name.includes("hidden"))).toEqual([]);
    expect(await own.locator("#taken li", { hasText: "NOTES" }).textContent()).toMatch(/^left out/);
    // The report lies where this one is dropped; on the way there it gives place.
    await replayed(own, async () => {
      const session = await own.context().newCDPSession(own);
      const data = { items: [], files: [join(ROOT, "pcaps/icmp/in.pcap")], dragOperationsMask: 1 };
      const send = (type: "dragEnter" | "dragOver" | "drop", x: number, y: number) =>
        session.send("Input.dispatchDragEvent", { type, x, y, data });
      await own.evaluate(() =>
        addEventListener("dragover", ({ clientX }) => (document.body.dataset.over = `${clientX}`)),
      );
      await send("dragEnter", 200, 150);
      const over = async () => {
        await send("dragOver", 800, 600);
        return own.evaluate(() => document.body.dataset.over);
      };
      await expect.poll(over, { timeout: 30_000 }).toBe("800");
      await send("drop", 800, 600);
    });
    expect(await status(own)).toMatch(/^1,828 frames/);
    await own.context().close();
    server.close();
  });

  test("takes a folder that is chosen, without what is hidden in it", () =>
    using(async (page) => {
      const folder = join(scratch(), "dump");
      mkdirSync(join(folder, "deep"), { recursive: true });
      writeFileSync(join(folder, ".hidden.yaml"), "not: [read");
      copyFileSync(MANIFEST_FILES[2]!, join(folder, "deep/nodes.yaml"));
      await page.setInputFiles("#folder", folder);
      await expect.poll(() => status(page)).toBe("Add a capture.");
      const names = await page
        .locator("#taken .name")
        .evaluateAll((all) => all.map((one) => (one as HTMLElement).title));
      expect(names).toEqual(["dump/deep/nodes.yaml"]);
    }));

  test("says of records that nothing was verified", () =>
    using(async (page) => {
      const records = join(ROOT, "pcaps/records/flows.jsonl.gz");
      const text = await replayed(page, () => give(page, records, ...MANIFEST_FILES));
      const { frames } = await replay({ captures: [records], model: loadManifests([MANIFESTS]) });
      expect(frames.read).toBeGreaterThan(100);
      expect(text).toMatch(/^\d+ frames in [\d.]+ s; not verified, as records hold no frames\.$/);
      expect(text).toContain(`${frames.read} frames`);
    }));

  test("makes manifests where there are none", () =>
    using(async (page) => {
      await give(page, WEB);
      await replayed(page, () => page.click("#starter"));
      await page.click("#tab-export");
      expect(await page.textContent("#made pre")).toContain("IsovalentEgressGatewayPolicy");
      expect(await page.textContent("#cluster")).toContain("Made from the capture");
    }));
});
