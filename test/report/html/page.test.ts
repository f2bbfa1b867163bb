import { createHash } from "node:crypto";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { escapeHtml, html } from "../../../src/report/html/markup.js";
import { reportPage } from "../../../src/report/html/page.js";
import { SCRIPT } from "../../../src/report/html/script.js";
import { exampleReport, wrongReport } from "../fixture.js";

describe("the page", () => {
  test("asks for nothing from anywhere, and its own policy forbids it to", () => {
    const page = reportPage(wrongReport());
    expect(page).not.toMatch(/(?:src|href)\s*=\s*["'](?!#)/i);
    expect(page).not.toMatch(/@import|url\(|<link|<iframe|<img|fetch\(|XMLHttp/i);
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!;
    expect(policy).toMatch(/^default-src &#39;none&#39;/);
  });

  test("its policy admits exactly its own style and script", () => {
    const page = reportPage(exampleReport());
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!.replaceAll("&#39;", "'");
    for (const tag of ["style", "script"]) {
      const inline = [...page.matchAll(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, "g"))];
      expect(inline).toHaveLength(1);
      const hash = createHash("sha256").update(inline[0]![1]!).digest("base64");
      expect(policy).toContain(`${tag}-src 'sha256-${hash}'`);
    }
    expect(page).not.toMatch(/ style=| on[a-z]+=/i);
  });

  test("holds the data of report.json, word for word", () => {
    const report = wrongReport();
    const shown = /<pre[^>]*>([\s\S]*?)<\/pre>/.exec(reportPage(report))![1]!;
    const text = shown.replace(/&(?:lt|gt|quot|amp|#39);/g, (entity) => UNESCAPED[entity]!);
    expect(JSON.parse(text)).toEqual(report);
  });

  test("escapes what comes from captures and manifests", () => {
    const evil = `</script><script>alert(1)</script>"'&\u202e\u0000`;
    const report = exampleReport();
    report.gateways[0]!.node = evil;
    report.viewpoints[0]!.reasons = [evil];
    report.input.files[0]!.name = evil;
    report.broken[0]!.fiveTuple = evil;
    report.reasonActions[evil] = { drop: 1 };
    const page = reportPage(report);
    expect(page.match(/<script>/g)).toHaveLength(1);
    expect(page).not.toContain("alert(1)</script>");
    expect(page).not.toContain("\u202e");
    expect(page).not.toContain("\u0000");
    expect(page.split("&lt;script&gt;alert(1)").length).toBeGreaterThan(5);
  });

  test("says plainly whether every frame is right", () => {
    expect(reportPage(exampleReport())).toContain("Every frame is right");
    expect(reportPage(wrongReport())).toMatch(/7 mismatches[\s\S]*<h2 id="mismatches">/);
    const off = { enabled: false, ok: true, framesChecked: 0, mismatches: [], mismatchCount: 0, notes: {} };
    const page = reportPage(exampleReport({ verification: off }));
    expect(page).toContain("Not verified");
    expect(page).not.toContain("Every frame is right");
  });

  test("shows the first thousand rows of a long table and says where the rest is", () => {
    const [one] = exampleReport().broken;
    const page = reportPage(exampleReport({ broken: Array.from({ length: 2500 }, () => one!) }));
    expect(page.match(/<td>policy-change<\/td>/g)).toHaveLength(1000);
    expect(page).toContain("The first 1000 of 2500 rows");
  });

  test("has well-formed tags", () => {
    const stack: string[] = [];
    const page = reportPage(wrongReport()).replace(
      /<style>[\s\S]*?<\/style>|<script>[\s\S]*?<\/script>|<!doctype html>/g,
      "",
    );
    for (const [, close, name, attributes] of page.matchAll(/<(\/?)([a-z0-9]+)((?:"[^"]*"|[^>"])*)>/gi)) {
      if (close) expect(stack.pop()).toBe(name);
      else if (!/^(?:meta|br)$/.test(name!) && !attributes!.endsWith("/")) stack.push(name!);
    }
    expect(stack).toEqual([]);
  });
});

test("a template escapes its values and nothing else", () => {
  expect(html`<b title="${`"<`}">${"a&b"}${html`<i>${1}</i>`}${undefined}</b>`.text).toBe(
    `<b title="&quot;&lt;">a&amp;b<i>1</i></b>`,
  );
  expect(escapeHtml("a\u0007b\ttab\nline")).toBe("a\\u0007b\ttab\nline");
});

describe("pressing the head of a column", () => {
  test("sorts numbers largest first, then smallest first, and texts by the alphabet", () => {
    const table = fakeTable([
      ["b10", "7"],
      ["b9", "30"],
      ["a", "4"],
    ]);
    table.press(1);
    expect(table.column(1)).toEqual(["30", "7", "4"]);
    table.press(1);
    expect(table.column(1)).toEqual(["4", "7", "30"]);
    table.press(0);
    expect(table.column(0)).toEqual(["a", "b9", "b10"]);
    expect(table.sorts()).toEqual(["ascending", "none"]);
  });
});

/** As much of a document as the page's script touches: one table whose second column is a number. */
function fakeTable(texts: string[][]) {
  const row = (cells: string[]) => ({
    cells: cells.map((textContent, i) => ({ textContent, dataset: i === 1 ? { v: textContent } : {} })),
  });
  let rows = texts.map(row);
  const body = {
    get rows() {
      return rows;
    },
    append(...sorted: typeof rows) {
      rows = sorted;
    },
  };
  const presses: (() => void)[] = [];
  const heads = texts[0]!.map((_, cellIndex) => ({
    ariaSort: "none",
    cellIndex,
    classList: { contains: (name: string) => name === "n" && cellIndex === 1 },
    closest: () => ({ tBodies: [body] }),
    parentNode: { cells: [] as unknown[] },
  }));
  for (const head of heads) head.parentNode.cells = heads;
  const buttons = heads.map((head) => ({
    closest: () => head,
    addEventListener: (_: string, press: () => void) => presses.push(press),
  }));
  runInNewContext(SCRIPT, { document: { querySelectorAll: () => buttons } });
  return {
    press: (column: number) => presses[column]!(),
    column: (at: number) => rows.map(({ cells }) => cells[at]!.textContent),
    sorts: () => heads.map(({ ariaSort }) => ariaSort),
  };
}

const UNESCAPED: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&amp;": "&",
  "&#39;": "'",
};
