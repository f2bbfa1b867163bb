import { describe, expect, test } from "vitest";
import { reportPage } from "../../../src/report/html/page.js";
import { failoverReport } from "../../report/html/synthetic.js";
import { browsing, lacking } from "./browser.js";
import { pixelsOf, shownPart } from "./looks.js";

const CHARTS = ["connections", "bytes", "lost", "moved", "ports"];
const REPORT = failoverReport();
const PAGE = reportPage(REPORT);
const WHOLE = "10:58:50.00 to 11:00:50.00 UTC, in bins of 1.25 s";

describe.skipIf(lacking !== "")("charts over time", () => {
  const { withPage } = browsing();

  test("are drawn, each gateway in its colour, with what happened as lines across", () =>
    withPage(PAGE, async (page) => {
      for (const gateway of ["--g0", "--g1", "--g2", "--g3"]) {
        expect(await pixelsOf(page, "connections", gateway), gateway).toBeGreaterThan(2000);
        expect(await pixelsOf(page, "bytes", gateway), gateway).toBeGreaterThan(2000);
        expect(await pixelsOf(page, "ports", gateway), gateway).toBeGreaterThan(100);
      }
      expect(await pixelsOf(page, "lost", "--lost")).toBeGreaterThan(300);
      expect(await pixelsOf(page, "moved", "--bad")).toBeGreaterThan(300);
      for (const chart of CHARTS) {
        expect(await pixelsOf(page, chart, "--bad"), chart).toBeGreaterThan(60);
        expect(await pixelsOf(page, chart, "--good"), chart).toBeGreaterThan(60);
      }
    }));

  test("have no lines where nothing happened", () => {
    const { scenario: _, ...rest } = failoverReport();
    const report = { ...rest, failovers: [], healthTransitions: [], drains: [] };
    return withPage(reportPage(report), async (page) => {
      expect(await pixelsOf(page, "connections", "--g0")).toBeGreaterThan(2000);
      expect(await pixelsOf(page, "connections", "--bad")).toBe(0);
    });
  });

  test("of 40 gateways draw twelve colours and patterns, and one for all others", () =>
    withPage(reportPage(failoverReport({ gateways: 40 })), async (page) => {
      const names = await page.locator(".legend button").allTextContents();
      expect(names).toHaveLength(12);
      expect(names.at(-1)).toBe("29 others");
      expect(await pixelsOf(page, "bytes", "--pass")).toBeGreaterThan(2000);
    }));

  test("follow the legend: a gateway that is switched off is drawn nowhere", () =>
    withPage(PAGE, async (page) => {
      const button = page.getByRole("button", { name: "gw-b 203.0.113.11" });
      await button.click();
      expect(await button.getAttribute("aria-pressed")).toBe("false");
      for (const chart of ["connections", "bytes"]) expect(await pixelsOf(page, chart, "--g1"), chart).toBe(0);
      expect(await pixelsOf(page, "connections", "--g2")).toBeGreaterThan(2000);
      await button.click();
      expect(await pixelsOf(page, "connections", "--g1")).toBeGreaterThan(2000);
    }));

  test("say under the pointer what a bin holds", () =>
    withPage(PAGE, async (page) => {
      await page.locator("[data-chart=connections] .u-over").hover({ position: { x: 300, y: 40 } });
      const tip = page.locator("[data-chart=connections] .tip");
      expect(await tip.isVisible()).toBe(true);
      expect(await tip.textContent()).toMatch(
        /^10:59:\d\d\.\d\d \+ 1\.25 sgw-d 203\.0\.113\.13[\d.]+\/s.*together[\d.]+\/s/,
      );
      expect(await page.locator("[data-chart=bytes] .tip").isVisible()).toBe(false);
      await page.mouse.move(5, 5);
      expect(await tip.isVisible()).toBe(false);
    }));

  test("zoom together where one drags, and show all again by the button", () =>
    withPage(PAGE, async (page) => {
      expect(await shownPart(page)).toBe(WHOLE);
      const place = page.locator("[data-chart=bytes] .u-over");
      await place.scrollIntoViewIfNeeded();
      const box = (await place.boundingBox())!;
      await page.mouse.move(box.x + box.width / 4, box.y + 20);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width / 2, box.y + 30, { steps: 5 });
      await page.mouse.up();
      expect(await shownPart(page)).toMatch(/^10:59:(?:19|20)\.\d\d to 10:59:(?:49|50)\.\d\d UTC, in bins of 250 ms$/);
      await page.getByRole("button", { name: "Show all" }).click();
      expect(await shownPart(page)).toBe(WHOLE);
    }));

  test("are moved along and zoomed by buttons", () =>
    withPage(PAGE, async (page) => {
      const press = (name: string) => page.getByRole("button", { name, exact: true }).click();
      await press("Zoom in");
      expect(await shownPart(page)).toBe("10:59:20.00 to 11:00:20.00 UTC, in bins of 500 ms");
      await press("Later");
      expect(await shownPart(page)).toBe("10:59:50.00 to 11:00:50.00 UTC, in bins of 500 ms");
      await press("Earlier");
      await press("Earlier");
      await press("Earlier");
      expect(await shownPart(page)).toBe("10:58:50.00 to 10:59:50.00 UTC, in bins of 500 ms");
      await press("Zoom out");
      expect(await shownPart(page)).toBe(WHOLE);
    }));

  test("are tables as well, with the same numbers", () =>
    withPage(PAGE, async (page) => {
      const open = async (chart: string) => {
        await page.locator(`[data-chart=${chart}] summary`).click();
        await page.locator(`[data-chart=${chart}] tbody`).waitFor();
      };
      await open("lost");
      const cells = await page.locator("[data-chart=lost] tbody td").allTextContents();
      const sum = cells.reduce((so, cell) => so + Number(cell.replaceAll(",", "")), 0);
      expect(sum).toBe(REPORT.timeline.lost.reduce((so, frames) => so + frames, 0));
      await open("connections");
      const heads = await page.locator("[data-chart=connections] thead th").allTextContents();
      expect(heads).toEqual(["From (UTC)", ...REPORT.gateways.map(({ node, egressIP }) => `${node} ${egressIP}`)]);
    }));

  test("of ports scale up to their limit at the press of a button", () =>
    withPage(PAGE, async (page) => {
      const before = await pixelsOf(page, "ports", "--bad");
      const button = page.getByRole("button", { name: "Scale to the limit" });
      expect(await button.getAttribute("aria-pressed")).toBe("false");
      await button.click();
      expect(await button.getAttribute("aria-pressed")).toBe("true");
      expect(await pixelsOf(page, "ports", "--bad")).toBeGreaterThan(before + 200);
    }));

  test("follow the keys: move, say what is there, zoom in and out again", () =>
    withPage(PAGE, async (page) => {
      const chart = page.locator("[data-chart=connections] .plot");
      await chart.focus();
      await page.keyboard.press("Home");
      expect(await chart.getAttribute("aria-valuetext")).toMatch(
        /^10:58:50\.00 \+ 1\.25 s; gw-d 203\.0\.113\.13 [\d.]+\/s; /,
      );
      await page.keyboard.press("ArrowRight");
      expect(await chart.getAttribute("aria-valuenow")).toBe("2");
      expect(await page.locator("[data-chart=connections] .tip").textContent()).toMatch(/^10:58:51\.25 /);
      for (let i = 0; i < 23; i++) await page.keyboard.press("ArrowRight");
      expect(await chart.getAttribute("aria-valuetext")).toMatch(/; gw-b down$/);
      await page.keyboard.press("+");
      expect(await shownPart(page)).toMatch(/in bins of 500 ms$/);
      expect(await chart.getAttribute("aria-valuetext")).toMatch(/^10:59:20\./);
      await page.keyboard.press("Escape");
      expect(await shownPart(page)).toBe(WHOLE);
      await page.keyboard.press("End");
      expect(await chart.getAttribute("aria-valuenow")).toBe(await chart.getAttribute("aria-valuemax"));
    }));
});
