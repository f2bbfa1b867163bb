import type { Page } from "playwright-core";

/** A custom property of the page's style, such as `--g0`, as the three bytes of its colour. */
export async function colourOf(page: Page, property: string): Promise<readonly number[]> {
  return page.evaluate((name) => {
    const probe = document.createElement("canvas").getContext("2d")!;
    probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    probe.fillRect(0, 0, 1, 1);
    return [...probe.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  }, property);
}

/** Pixels of a chart that have exactly the colour of a custom property. They are read from a copy: reading slows a canvas down. */
export async function pixelsOf(page: Page, chart: string, property: string): Promise<number> {
  const colour = await colourOf(page, property);
  return page.evaluate(
    ([name, [red, green, blue]]) => {
      const canvas = document.querySelector<HTMLCanvasElement>(`[data-chart=${name}] .u-wrap canvas`)!;
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d")!;
      copy.drawImage(canvas, 0, 0);
      const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
      let found = 0;
      for (let at = 0; at < data.length; at += 4) {
        if (data[at] === red && data[at + 1] === green && data[at + 2] === blue && data[at + 3] === 255) found++;
      }
      return found;
    },
    [chart, colour] as const,
  );
}

/** Texts of the rows of a grid that are in the document, by key of the column. */
export async function rowsOf(page: Page, grid: string): Promise<Record<string, string>[]> {
  return page.evaluate(
    (name) =>
      [...document.querySelectorAll(`[data-grid=${name}] .rows .row`)].map((row) =>
        Object.fromEntries([...row.children].map((cell) => [cell.className.replace("c-", ""), cell.textContent!])),
      ),
    grid,
  );
}

/** The line that counts the rows of a grid. */
export function countOf(page: Page, grid: string): Promise<string | null> {
  return page.locator(`[data-grid=${grid}] .count`).textContent();
}

export function background(page: Page): Promise<string> {
  return page.evaluate(() => getComputedStyle(document.body).backgroundColor);
}

/** The line that says which part of the time the charts show. */
export function shownPart(page: Page): Promise<string | null> {
  return page.locator(".shown").textContent();
}
