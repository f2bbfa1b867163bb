import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { reportPage } from "../../../src/report/html/page.js";
import { exampleReport } from "../../report/fixture.js";
import { failoverReport, policyRows } from "../../report/html/synthetic.js";
import { MANIFESTS, output, PCAPS, ROOT, scratch } from "../tools.js";
import { browsing, CHROMIUM, lacking, PHONE } from "./browser.js";
import { background, colourOf, countOf, pixelsOf, rowsOf } from "./looks.js";

const PAGE = reportPage(failoverReport(), { policyTable: policyRows(400) });
const [WHITE, BLACKISH] = ["rgb(255, 255, 255)", "rgb(18, 22, 27)"];

describe.skipIf(lacking !== "")("themes", () => {
  const { withPage } = browsing();

  test("follow the system, charts too", () =>
    withPage(
      PAGE,
      async (page) => {
        expect(await background(page)).toBe(BLACKISH);
        const dark = await colourOf(page, "--g0");
        await page.emulateMedia({ colorScheme: "light" });
        expect(await background(page)).toBe(WHITE);
        expect(await colourOf(page, "--g0")).not.toEqual(dark);
        await expect.poll(() => pixelsOf(page, "connections", "--g0")).toBeGreaterThan(2000);
      },
      { colorScheme: "dark" },
    ));

  test("are chosen by hand, and the choice stays with the file", () =>
    withPage(PAGE, async (page) => {
      await page.getByText("dark", { exact: true }).click();
      expect(await background(page)).toBe(BLACKISH);
      expect(await pixelsOf(page, "connections", "--g0")).toBeGreaterThan(2000);
      await page.reload();
      expect(await background(page)).toBe(BLACKISH);
      expect(await page.getByRole("radio", { name: "dark" }).isChecked()).toBe(true);
      await page.getByText("auto", { exact: true }).click();
      expect(await background(page)).toBe(WHITE);
    }));

  test("give way to the light one in print, where charts are as wide as paper", () =>
    withPage(
      PAGE,
      async (page) => {
        expect(await background(page)).toBe(BLACKISH);
        const width = () => page.locator("[data-chart=bytes] .u-wrap").evaluate((plot) => plot.clientWidth);
        await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
        expect(await background(page)).toBe(WHITE);
        expect(await pixelsOf(page, "connections", "--g0")).toBeGreaterThan(2000);
        expect(await width()).toBe(680);
        await page.evaluate(() => dispatchEvent(new Event("afterprint")));
        expect(await background(page)).toBe(BLACKISH);
        expect(await width()).toBeGreaterThan(1000);
      },
      { colorScheme: "dark" },
    ));
});

describe.skipIf(lacking !== "")("whoever reads it", () => {
  const { withPage } = browsing();

  test("reaches by keys everything that can be used, each with a visible focus and a name", () =>
    withPage(PAGE, async (page) => {
      const seen = new Set<string>();
      for (let i = 0; i < 250; i++) {
        await page.keyboard.press("Tab");
        const at = await page.evaluate(() => {
          const focused = document.activeElement as HTMLInputElement;
          if (focused.localName === "body") return undefined;
          const { outlineStyle } = getComputedStyle(focused.closest(".themes") ?? focused);
          const name = focused.getAttribute("aria-label") ?? focused.labels?.[0]?.textContent ?? focused.textContent;
          return { what: focused.getAttribute("role") ?? focused.localName, outlineStyle, name: name?.trim() };
        });
        if (!at) break;
        expect(at.outlineStyle, `${at.what} ${at.name}`).not.toBe("none");
        expect(at.name, at.what).not.toBe("");
        seen.add(at.what);
      }
      const all = ["a", "button", "input", "select", "summary", "slider", "grid", "region"];
      expect(all.filter((what) => !seen.has(what))).toEqual([]);
    }));

  test("has nothing wider than the screen of a phone, and uses everything by touch", () =>
    withPage(
      PAGE,
      async (page) => {
        const widths = () => page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
        expect(await widths()).toEqual([390, 390]);
        for (const gateway of ["--g0", "--g3"])
          expect(await pixelsOf(page, "connections", gateway)).toBeGreaterThan(2000);
        await page.locator("[data-chart=bytes] .u-over").tap({ position: { x: 120, y: 60 } });
        expect(await page.locator("[data-chart=bytes] .tip").isVisible()).toBe(true);
        await page.getByRole("button", { name: "Zoom in" }).tap();
        const row = page.locator("[data-grid=moved] .rows .row").nth(1);
        for (const cell of await row.locator("[role=gridcell]").all())
          expect((await cell.boundingBox())!.width).toBeGreaterThan(60);
        await row.tap();
        expect(await page.locator("[data-grid=moved] .detail").isVisible()).toBe(true);
        for (const summary of await page.locator("summary").all()) await summary.tap();
        expect(await widths()).toEqual([390, 390]);
      },
      PHONE,
    ));
});

describe.skipIf(lacking !== "")("safety", () => {
  const { open, withPage } = browsing();

  test("what captures and manifests say is text, never markup", () => {
    const evil = `</script><img src=x onerror="window.broken = true">`;
    const report = failoverReport();
    report.broken[0] = { ...report.broken[0]!, fiveTuple: evil, at: "2026-01-02T10:58:50.000000000Z" };
    for (const gateway of report.gateways) gateway.node = evil;
    return withPage(reportPage(report), async (page) => {
      expect((await rowsOf(page, "moved"))[0]!.tuple).toBe(evil);
      expect(await page.locator(".legend button").first().textContent()).toContain(evil);
      await page.locator("[data-chart=connections] .u-over").hover({ position: { x: 300, y: 40 } });
      expect(await page.locator("[data-chart=connections] .tip").textContent()).toContain(evil);
      expect(await page.evaluate(() => "broken" in window)).toBe(false);
    });
  });

  test("its own policy keeps out any other script", async () => {
    const { page, faults } = await open(PAGE.replace("</main>", "<script>window.broken = true</script></main>"));
    expect(await page.evaluate(() => "broken" in window)).toBe(false);
    expect(faults).toEqual([expect.stringMatching(/^console error: .*Content Security Policy/)]);
  });
});

describe.skipIf(lacking !== "")("the page of a replay that the command line ran", () => {
  const { withPage } = browsing();

  test("opens without a fault and shows the walks that were asked for", () => {
    const file = join(scratch(), "index.html");
    const args = [
      "replay",
      join(PCAPS, "web/in.pcap"),
      "-m",
      MANIFESTS,
      "--html",
      file,
      "--walk",
      "40",
      "--walk",
      "41",
    ];
    output(process.execPath, [join(ROOT, "dist/src/cli/main.js"), ...args]);
    return withPage(readFileSync(file, "utf8"), async (page) => {
      expect(await page.locator(".verdict").textContent()).toMatch(/^Every frame is right/);
      expect(await page.locator("#walks .walk > summary").allTextContents()).toEqual([
        expect.stringMatching(/^Frame 40 .*reverse$/),
        expect.stringMatching(/^Frame 41 .*snat$/),
      ]);
      expect(await countOf(page, "policy")).toMatch(/^[1-9]\d* rows$/);
    });
  });

  test("under a scenario shows what happened, in charts, bars and lists", () => {
    const file = join(scratch(), "index.html");
    const scenario = join(PCAPS, "scenarios/gw-a-dies.yaml");
    const args = ["replay", join(PCAPS, "web/in.pcap"), "-m", MANIFESTS, "-s", scenario, "--html", file];
    output(process.execPath, [join(ROOT, "dist/src/cli/main.js"), ...args]);
    return withPage(readFileSync(file, "utf8"), async (page) => {
      for (const mark of ["--bad", "--good"]) expect(await pixelsOf(page, "bytes", mark), mark).toBeGreaterThan(60);
      expect(await pixelsOf(page, "lost", "--lost")).toBeGreaterThan(60);
      expect(await page.locator(".lanes svg").getAttribute("aria-label")).toMatch(
        /^in use for .*, then dead, and nobody knows for .*, then down for .*, then in use for .* of the time$/,
      );
      expect((await rowsOf(page, "moved"))[0]).toMatchObject({
        kind: "broken",
        from: "gw-a 203.0.113.10",
        cause: "failover",
      });
    });
  });

  test("that used no gateway opens without a fault", () =>
    withPage(reportPage(exampleReport({ gateways: [] })), async (page) => {
      expect(await page.locator(".legend button").count()).toBe(0);
      expect(await page.locator(".plot canvas").count()).toBeGreaterThan(2);
    }));

  test("in the browser that Debian installs", () => {
    expect(output(CHROMIUM, ["--version"])).toMatch(/^Chromium \d+/);
  });
});
