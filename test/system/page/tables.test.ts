import { describe, expect, test } from "vitest";
import { reportPage } from "../../../src/report/html/page.js";
import { failoverReport, policyRows } from "../../report/html/synthetic.js";
import { browsing, lacking } from "./browser.js";
import { countOf, rowsOf } from "./looks.js";

const REPORT = failoverReport();
const PAGE = reportPage(REPORT, { policyTable: policyRows(400) });
const ROW_HEIGHT = 26;
/** Rows that a table may have in the document at a time. */
const MOST_ROWS = 60;

describe.skipIf(lacking !== "")("the list of broken connections", () => {
  const { withPage } = browsing();

  test("is searched by any words", () =>
    withPage(PAGE, async (page) => {
      const search = page.locator("[data-grid=moved] input[type=search]");
      expect(await countOf(page, "moved")).toBe("300 rows");
      await search.fill("UDP gw-c");
      const rows = await rowsOf(page, "moved");
      expect(rows.length).toBeGreaterThan(3);
      for (const row of rows) {
        expect(row.tuple).toContain("udp");
        expect(`${row.from} ${row.to}`).toContain("gw-c");
      }
      await search.fill("nothing like it");
      expect(await countOf(page, "moved")).toBe("0 of 300 rows");
      await page.locator("[data-grid=moved]").getByRole("button", { name: "Clear" }).click();
      expect(await countOf(page, "moved")).toBe("300 rows");
    }));

  test("is filtered by kind, gateway, cause and pod address, together", () =>
    withPage(PAGE, async (page) => {
      const choose = (name: string, text: string) =>
        page.locator("[data-grid=moved]").getByRole("combobox", { name }).selectOption(text);
      await choose("Kind", "broken");
      expect(await countOf(page, "moved")).toBe("240 of 300 rows");
      await choose("Cause", "policy-change");
      await choose("Gateway", "gw-d 203.0.113.13");
      await page.locator("[data-grid=moved]").getByLabel("Pod address").fill("10.1.3.");
      const { length } = REPORT.broken.filter(
        ({ cause, to, fiveTuple }) =>
          cause === "policy-change" && to?.node === "gw-d" && fiveTuple.startsWith("tcp 10.1.3."),
      );
      expect(length).toBeGreaterThan(0);
      expect(await countOf(page, "moved")).toBe(`${length} of 300 rows`);
      for (const row of await rowsOf(page, "moved")) {
        expect(row).toMatchObject({ kind: "broken", cause: "policy-change", to: "gw-d 203.0.113.13" });
        expect(row.tuple).toMatch(/^tcp 10\.1\.3\./);
      }
    }));

  test("is sorted by the head that is pressed", () =>
    withPage(PAGE, async (page) => {
      const head = page.locator("[data-grid=moved] [role=columnheader]", { hasText: "Connection" });
      await head.getByRole("button").click();
      expect(await head.getAttribute("aria-sort")).toBe("ascending");
      const tuples = (await rowsOf(page, "moved")).map(({ tuple }) => tuple!);
      expect(tuples.length).toBeGreaterThan(10);
      expect(tuples).toEqual([...tuples].sort());
      await head.getByRole("button").click();
      expect((await rowsOf(page, "moved"))[0]!.tuple).toMatch(/^udp/);
    }));

  test("is walked through by keys, and shows one row in full", () =>
    withPage(PAGE, async (page) => {
      const grid = page.getByRole("grid", { name: "Broken and rebound connections" });
      await grid.focus();
      await page.keyboard.press("End");
      expect(await grid.getAttribute("aria-rowcount")).toBe("301");
      expect(await page.locator("[data-grid=moved] [aria-selected]").getAttribute("aria-rowindex")).toBe("301");
      await page.keyboard.press("Home");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("PageDown");
      const active = await grid.getAttribute("aria-activedescendant");
      expect(await page.locator(`#${active}`).isVisible()).toBe(true);
      await page.keyboard.press("Enter");
      expect(await page.locator("[data-grid=moved] .detail").textContent()).toMatch(
        /^At \(UTC\)2026-01-02 10:59:2\d\.\d{6} UTC/,
      );
    }));

  test("of 100,000 holds the rows in sight only, wherever one scrolls", () =>
    withPage(reportPage(failoverReport({ broken: 90_000, rebound: 10_000 })), async (page) => {
      const grid = page.getByRole("grid", { name: "Broken and rebound connections" });
      const rows = page.locator("[data-grid=moved] .rows .row");
      await grid.scrollIntoViewIfNeeded();
      expect(await grid.getAttribute("aria-rowcount")).toBe("100001");
      for (const first of [0, 40_000, 99_900]) {
        await grid.evaluate((frame, top) => frame.scrollTo(0, top), first * ROW_HEIGHT);
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(done)));
        expect(await rows.count()).toBeLessThan(MOST_ROWS);
        const upper = await grid.evaluate((frame) => {
          const { left, top } = frame.getBoundingClientRect();
          return document
            .elementFromPoint(left + 20, top + 40)!
            .closest(".row")!
            .getAttribute("aria-rowindex");
        });
        expect(Number(upper) - first).toBeGreaterThanOrEqual(2);
        expect(Number(upper) - first).toBeLessThan(5);
      }
      await grid.focus();
      await page.keyboard.press("End");
      expect(await page.locator("[data-grid=moved] [aria-selected]").getAttribute("aria-rowindex")).toBe("100001");
      await page.locator("[data-grid=moved] input[type=search]").fill("10.1.2.77:");
      expect(await countOf(page, "moved")).toMatch(/^[1-9]\d* of 100,000 rows$/);
      expect(await rows.count()).toBeLessThan(MOST_ROWS);
    }));
});

describe.skipIf(lacking !== "")("other tables", () => {
  const { withPage } = browsing();

  test("of policies are searched and filtered too", () =>
    withPage(PAGE, async (page) => {
      const place = page.locator("[data-grid=policy]");
      expect(await countOf(page, "policy")).toBe("400 rows");
      await place.getByRole("combobox", { name: "Policy" }).selectOption("partners");
      expect(await countOf(page, "policy")).toBe("80 of 400 rows");
      await place.locator("input[type=search]").fill("zone-2 standby");
      const rows = await rowsOf(page, "policy");
      expect(rows.length).toBeGreaterThan(1);
      for (const row of rows)
        expect(row).toMatchObject({ policy: "partners", zone: "zone-2", health: "healthy, standby" });
    }));

  test("sort at the press of a head: numbers largest first, texts by the alphabet", () =>
    withPage(PAGE, async (page) => {
      const table = page.locator("#gateways table");
      const nodes = () => table.locator("tbody tr td:first-child").allTextContents();
      const byConnections = [...REPORT.gateways].sort((a, b) => b.connections - a.connections).map(({ node }) => node);
      await table.getByRole("button", { name: "Connections" }).click();
      expect(await nodes()).toEqual(byConnections);
      await table.getByRole("button", { name: "Connections" }).click();
      expect(await nodes()).toEqual([...byConnections].reverse());
      await table.getByRole("button", { name: "Node" }).click();
      expect(await nodes()).toEqual(["gw-a", "gw-b", "gw-c", "gw-d"]);
      expect(await table.locator("th").first().getAttribute("aria-sort")).toBe("ascending");
    }));
});
