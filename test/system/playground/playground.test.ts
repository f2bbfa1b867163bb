import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { explainFrame, loadManifests, type ReplayReport } from "../../../src/index.js";
import { lacking, PHONE } from "../page/browser.js";
import { countOf, rowsOf } from "../page/looks.js";
import { MANIFESTS, output, ROOT, scratch } from "../tools.js";
import { download, fault, give, playgrounds, replayed, status, takeExample, WEB } from "./page.js";

const MAIN = join(ROOT, "dist/src/cli/main.js");
/** Bytes of a capture that must not stop the page. */
const LARGE = 50e6;

/** What does not differ from run to run, nor by the names of files. */
function comparable({ timing: _, input: { files, ...input }, viewpoints, scenario, ...report }: ReplayReport): unknown {
  const named = viewpoints.map(({ file: __, ...decision }) => decision);
  return { ...report, input, frames: files.map(({ frames }) => frames), named, events: scenario?.events };
}

describe.skipIf(lacking !== "")("the playground", () => {
  const { html, open, using } = playgrounds();

  test("replays the example to the report of the command line, and asks for nothing", () =>
    using(async (page) => {
      expect(await takeExample(page)).toMatch(/^1,739 frames in [\d.]+ s; 1,721 verified: every frame is right\.$/);
      const out = scratch();
      output(process.execPath, [MAIN, "replay", WEB, "-m", MANIFESTS, "-o", out]);
      const expected = JSON.parse(readFileSync(join(out, "report.json"), "utf8"));
      const report = JSON.parse((await download(page, "report.json")).toString());
      expect(comparable(report)).toEqual(comparable(expected));
      for (const name of ["external.pcapng", "endpoint.pcapng"])
        expect((await download(page, name)).equals(readFileSync(join(out, name))), name).toBe(true);
    }));

  test("shows the report's views in a frame that can do nothing but show them", () =>
    using(async (page) => {
      await takeExample(page);
      const report = page.frameLocator("#report");
      await expect.poll(() => report.locator(".verdict").textContent()).toContain("Every frame is right");
      expect(await report.locator("nav a").allTextContents()).toContain("Gateways");
      await expect.poll(() => report.locator("[data-chart=connections] canvas").count()).toBeGreaterThan(0);
      await report.locator("[data-grid=policy] input[type=search]").fill("shop-egress");
      await expect.poll(() => report.locator("[data-grid=policy] .count").textContent()).toMatch(/^\d+ of \d+ rows$/);
      expect(await page.getAttribute("#report", "sandbox")).toBe("allow-scripts");
      await report.locator("nav a", { hasText: "Verdicts" }).click();
      const top = () => report.locator("#frames").evaluate((section) => section.getBoundingClientRect().top);
      await expect.poll(top).toBeLessThan(150);
      expect(await report.locator("#frames").evaluate((section) => section === document.activeElement)).toBe(true);
    }));

  test("may not send anything, not even where its own script tried", async () => {
    const asked: string[] = [];
    const server = createServer(({ url = "" }, response) => {
      asked.push(url);
      response.writeHead(200, { "access-control-allow-origin": "*", "content-type": "image/svg+xml" });
      response.end('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>');
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const send = (from: string) =>
      Promise.all([
        fetch(`${from}/data`).then(
          () => "sent",
          () => "refused",
        ),
        new Promise((resolve) => {
          const image = new Image();
          image.onload = () => resolve("sent");
          image.onerror = () => resolve("refused");
          image.src = `${from}/image.svg`;
        }),
      ]);
    const { page: bare } = await open("<!doctype html><title>no policy</title>");
    expect(await bare.evaluate(send, address)).toEqual(["sent", "sent"]);
    expect(asked.splice(0).sort()).toEqual(["/data", "/image.svg"]);
    const { page: own } = await open(html());
    expect(await own.evaluate(send, address)).toEqual(["refused", "refused"]);
    await takeExample(own);
    const frames = own.frames();
    expect(frames.length).toBe(2);
    expect(await frames[1]!.evaluate(send, address)).toEqual(["refused", "refused"]);
    const [worker] = own.workers();
    const inWorker = (from: string) =>
      fetch(`${from}/data`).then(
        () => "sent",
        () => "refused",
      );
    expect(await worker!.evaluate(inWorker, address)).toBe("refused");
    expect(asked).toEqual([]);
    for (const one of [bare, own]) await one.context().close();
    server.close();
  });

  test("re-runs when a gateway is switched off and on, as the command line does under the scenario that it shows", () =>
    using(async (page) => {
      await takeExample(page);
      const load = (node: string) => page.locator("#switches > li", { hasText: node }).locator(".load").textContent();
      const before = await load("gw-a");
      await page.fill("#probe", "250");
      await replayed(page, () => page.locator("#probe").blur());
      await page.fill("#timeout", "500");
      await replayed(page, () => page.locator("#timeout").blur());
      await replayed(page, () => page.getByRole("switch", { name: "gw-a" }).click());
      expect(await page.getByLabel("What happens to gw-a").inputValue()).toBe("fails");
      expect(await page.getByLabel("gw-a: when, in seconds").inputValue()).toBe("3.794");
      await page.getByLabel("gw-a: when, in seconds").fill("4.1");
      await replayed(page, () => page.keyboard.press("Tab"));
      await page.getByLabel("gw-a: back when, in seconds").fill("6.1");
      await replayed(page, () => page.keyboard.press("Tab"));
      const figures = await page.locator("#failover div").allTextContents();
      const folder = scratch();
      await page.click("#tab-export");
      const command = (await page.textContent("#command"))!;
      expect(command).toMatch(/^sluicegate replay pcaps\/web\/in\.pcap -m .* -s scenario\.yaml -o out\/$/);
      expect((await download(page, "scenario.yaml")).toString()).toBe(await page.textContent("#scenario pre"));
      writeFileSync(join(folder, "scenario.yaml"), await download(page, "scenario.yaml"));
      symlinkSync(join(ROOT, "pcaps"), join(folder, "pcaps"));
      output("sh", ["-c", `cd '${folder}' && sluicegate() { '${process.execPath}' '${MAIN}' "$@"; } && ${command}`]);
      const read = (name: string) => readFileSync(join(folder, "out", name));
      const expected: ReplayReport = JSON.parse(read("report.json").toString());
      const { timing: _, ...own } = JSON.parse((await download(page, "report.json")).toString());
      const { timing: __, ...theirs } = expected;
      expect(own).toEqual(theirs);
      for (const name of ["external.pcapng", "endpoint.pcapng"])
        expect((await download(page, name)).equals(read(name)), name).toBe(true);
      expect(expected.frames.lost).toBeGreaterThan(0);
      expect(figures).toEqual([
        "Gateways lost1",
        "Noticed1",
        `Frames lost${expected.frames.lost}`,
        `Connections broken${expected.connections.broken}`,
        `Rebound${expected.connections.rebound}`,
      ]);
      expect(await load("gw-a")).toMatch(new RegExp(`^${before} → \\d+$`));
      await replayed(page, () => page.getByRole("switch", { name: "gw-a" }).click());
      expect(await load("gw-a")).toBe(before);
      expect(await page.locator("#failover").isHidden()).toBe(true);
    }));

  test("walks any frame, with every changed byte marked and no other", () =>
    using(async (page) => {
      await takeExample(page);
      await page.click("#tab-frames");
      const options = { captures: [WEB], model: loadManifests([MANIFESTS]) };
      for (const frame of [3, 4, 1300]) {
        await page.fill("#number", String(frame));
        await page.press("#number", "Enter");
        await page.locator("#story h2", { hasText: `Frame ${frame} of` }).waitFor();
        const { bytes } = await explainFrame(options, frame);
        const versions =
          bytes.given === undefined ? [bytes.captured, bytes.result] : [bytes.captured, bytes.given, bytes.result];
        const octets = versions.map((hex) => hex.match(/../g)!);
        const expected = octets.slice(1).flatMap((is, i) => {
          const places = is.flatMap((octet, at) => (octet === octets[i]![at] ? [] : [at]));
          return [places.map((at) => octets[i]![at]), places.map((at) => is[at])];
        });
        const marked = await page.evaluate(() =>
          [...document.querySelectorAll("#story .bytes")].flatMap((table) =>
            ["was", "is"].map((kind) =>
              [...table.querySelectorAll(`tr.${kind} mark`)].map(({ textContent }) => textContent),
            ),
          ),
        );
        expect(marked, `frame ${frame}`).toEqual(expected);
        expect(expected.flat().length).toBeGreaterThan(4);
      }
      await page.click("#after");
      await page.locator("#story h2", { hasText: "Frame 1301 of" }).waitFor();
      await page.fill("#number", "1301.7");
      await page.press("#number", "Enter");
      await expect.poll(() => page.inputValue("#number")).toBe("1301");
      await page.click("#before");
      await page.locator("#story h2", { hasText: "Frame 1300 of" }).waitFor();
    }));

  test("lists frames, searched and filtered, and walks the one that is chosen", () =>
    using(async (page) => {
      await takeExample(page);
      await page.click("#tab-frames");
      expect(await countOf(page, "frames")).toBe("1,739 rows");
      await page.locator("#frames").getByRole("combobox", { name: "Reason" }).selectOption("excluded");
      expect(await countOf(page, "frames")).toBe("48 of 1,739 rows");
      const [first] = await rowsOf(page, "frames");
      expect(first).toMatchObject({ verdict: "pass", reason: "excluded" });
      await page.locator("#frames .rows .row").first().click();
      await page
        .locator("#story h2", { hasText: `Frame ${first!.frame} of pcaps/web/in.pcap: pass, excluded` })
        .waitFor();
    }));

  test("keeps switches, times, filters and marks what is old", () =>
    using(async (page) => {
      await takeExample(page);
      await page.click("#tab-frames");
      await page.locator("#frames").getByRole("combobox", { name: "Verdict" }).selectOption("snat");
      const filtered = await countOf(page, "frames");
      await replayed(page, () => page.getByRole("switch", { name: "gw-b" }).click());
      expect(await countOf(page, "frames")).not.toBe(filtered);
      expect(await countOf(page, "frames")).toMatch(/^\d+ of 1,739 rows$/);
      await page.fill("#probe", "500");
      await replayed(page, () => page.keyboard.press("Tab"));
      await replayed(page, () => give(page, join(ROOT, "pcaps/icmp/in.pcap")));
      expect(await page.getByRole("switch", { name: "gw-b" }).getAttribute("aria-checked")).toBe("false");
      expect(await page.getByLabel("gw-b: when").inputValue()).toBe("3.794");
      expect(await page.inputValue("#probe")).toBe("500");
      await page.fill("#probe", "5000");
      await page.keyboard.press("Tab");
      expect(await fault(page)).toBe("Probe every: is 5000 ms, expected at most the 2000 ms of Down after");
      expect(await status(page)).toBe("That did not work. What is below is of the run before.");
    }));

  test("goes on after a worker that is gone, once the job is cancelled", () =>
    using(async (page) => {
      await takeExample(page);
      await page.workers()[0]!.evaluate(() => self.close());
      await page.getByRole("switch", { name: "gw-a" }).click();
      await expect.poll(() => status(page)).toBe("Replaying …");
      await page.click("#cancel");
      await expect.poll(() => status(page), { timeout: 30_000 }).toMatch(/^Replaying: cancelled\./);
      expect(await page.evaluate(() => document.activeElement?.id)).toBe("run");
      expect(await replayed(page, () => page.keyboard.press("Enter"))).toContain("every frame is right");
      expect(await page.locator("#failover").isVisible()).toBe(true);
    }));

  test.each([
    [
      "a time before the first frame",
      "gw-a: when",
      "-1",
      "gw-a: fails at -1, expected seconds from 0 to 1000000000, in whole milliseconds",
    ],
    [
      "no time",
      "gw-a: when",
      "",
      "gw-a: fails at no number, expected seconds from 0 to 1000000000, in whole milliseconds",
    ],
    ["a return before the failure", "gw-a: back when", "1", "gw-a: is back at 1, expected a time after 3.794"],
  ])("says what is wrong with %s", (_, label, value, says) =>
    using(async (page) => {
      await takeExample(page);
      await replayed(page, () => page.getByRole("switch", { name: "gw-a" }).click());
      await page.getByLabel(label).fill(value);
      await page.keyboard.press("Tab");
      expect(await fault(page)).toBe(says);
    }),
  );

  test("says what is wrong with a setting", () =>
    using(async (page) => {
      await takeExample(page);
      await page.fill("#seed", "-3");
      await page.keyboard.press("Tab");
      expect(await fault(page)).toBe("Seed: is -3, expected a whole number from 0 to 4294967295");
      await page.fill("#seed", "2");
      await replayed(page, () => page.keyboard.press("Tab"));
    }));

  test("is used by keys alone: example, switch, tabs, list, walk", () =>
    using(async (page) => {
      const focused = () =>
        page.evaluate(() => document.activeElement!.id || document.activeElement!.getAttribute("role"));
      const reach = async (wanted: () => Promise<boolean>) => {
        for (let i = 0; i < 60; i++) {
          if (await wanted()) {
            const outline = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle);
            expect(outline, (await focused())!).not.toBe("none");
            return;
          }
          await page.keyboard.press("Tab");
        }
        expect.unreachable("no key leads there");
      };
      await reach(async () => (await focused()) === "example");
      await replayed(page, () => page.keyboard.press("Enter"));
      await reach(async () => (await focused()) === "switch");
      await replayed(page, () => page.keyboard.press("Space"));
      expect(await page.getByRole("switch", { name: "gw-a" }).getAttribute("aria-checked")).toBe("false");
      await reach(async () => (await focused()) === "tab-report");
      await page.keyboard.press("ArrowRight");
      expect(await focused()).toBe("tab-frames");
      expect(await page.locator("#panel-frames").isVisible()).toBe(true);
      await reach(async () => (await focused()) === "grid");
      for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await page.locator("#story h2", { hasText: "Frame 3 of" }).waitFor();
    }));

  test("gives every control a name, and its state to those who do not see it", () =>
    using(async (page) => {
      await takeExample(page);
      await replayed(page, () => page.getByRole("switch", { name: "gw-c" }).click());
      const nameless = await page.evaluate(() =>
        [
          ...document.querySelectorAll<HTMLInputElement>(
            "button, input:not([hidden]), select, iframe, progress, [tabindex]",
          ),
        ]
          .filter(
            (one) => !one.labels?.length && !one.getAttribute("aria-label") && !one.getAttribute("aria-labelledby"),
          )
          .filter((one) => !one.title && !one.textContent?.trim())
          .map((one) => one.outerHTML.slice(0, 100)),
      );
      expect(nameless.filter((html) => !/id="(?:story|results)"/.test(html))).toEqual([]);
      expect(await page.getAttribute("#status", "role")).toBe("status");
      expect(await page.getAttribute("#results", "aria-busy")).toBe("false");
    }));

  test("fits a phone", () =>
    using(async (page) => {
      await takeExample(page);
      for (const tab of ["report", "frames", "export"]) {
        await page.click(`#tab-${tab}`);
        const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        expect(wide, tab).toBeLessThanOrEqual(room!);
      }
    }, PHONE));

  describe("with a capture of 50 MB", () => {
    const folder = scratch();
    const files = ["capture.pcap", "manifests.yaml"].map((name) => join(folder, name));
    beforeAll(() => {
      output(process.execPath, [MAIN, "generate", "-o", folder, "--packets", "62000", "--flows", "4000"]);
      expect(readFileSync(files[0]!).length).toBeGreaterThan(LARGE);
    });

    test("stays alive while it works, tells how far it is, and shows every frame", () =>
      using(async (page) => {
        await page.evaluate(() => {
          const pulse = { longest: 0, ticks: 0, told: [] as string[] };
          Object.assign(window, { pulse });
          let last = performance.now();
          setInterval(() => {
            const now = performance.now();
            pulse.longest = Math.max(pulse.longest, now - last);
            pulse.ticks++;
            last = now;
          }, 10);
          new MutationObserver(() => pulse.told.push(document.getElementById("percent")!.textContent!)).observe(
            document.getElementById("percent")!,
            { childList: true },
          );
        });
        const started = await page.evaluate(() => performance.now());
        await replayed(page, () => give(page, ...files));
        const { longest, told, took } = await page.evaluate((from) => {
          const { pulse } = window as unknown as { pulse: { longest: number; told: string[] } };
          return { ...pulse, took: performance.now() - from };
        }, started);
        expect(longest / took, `${longest} ms of ${took} ms`).toBeLessThan(0.25);
        const parts = told.flatMap((text) => /^(\d+) %/.exec(text)?.[1] ?? []);
        expect(new Set(parts).size).toBeGreaterThan(4);
        await page.click("#tab-frames");
        expect(await countOf(page, "frames")).toBe("62,000 rows");
        await page.locator("#frames [role=grid]").focus();
        await page.keyboard.press("End");
        await page.keyboard.press("Enter");
        await page.locator("#story h2", { hasText: "Frame 62000 of" }).waitFor({ timeout: 60_000 });
      }));

    test("is cancelled at once, and goes on with the next thing", () =>
      using(async (page) => {
        await give(page, ...files);
        await page.waitForFunction(() => /^[1-9]\d* %/.test(document.getElementById("percent")!.textContent!));
        await page.click("#cancel");
        await expect.poll(() => status(page)).toBe("Replaying: cancelled.");
        expect(await page.locator("#cancel").isDisabled()).toBe(true);
        expect(await page.locator("#progress").isHidden()).toBe(true);
        await takeExample(page);
      }));
  });
});
