import { element } from "../../report/html/client/dom.js";
import type { Field, Walk } from "../messages.js";

const ROW = 16;
/** Bytes of a frame that are drawn; the rest is counted. */
const MOST_BYTES = 4096;

/** A frame's walk: what happened step by step, and its bytes before and after, what changed marked. */
export function walkView({ explanation, steps, fields }: Walk): HTMLElement[] {
  const { frame, file, at, action, reason, wireLength, capturedLength, bytes } = explanation;
  const cut = capturedLength < wireLength ? `, ${capturedLength} of them captured` : "";
  const list = steps.flatMap(([name, ...lines]) => [
    element("dt", {}, name),
    element("dd", {}, ...lines.map((line) => element("div", {}, line))),
  ]);
  const versions: readonly (readonly [title: string, was: string, is: string])[] =
    bytes.given === undefined
      ? [["Before (−) and after (+) the engine", bytes.captured, bytes.result]]
      : [
          ["What the pod received (−) and, built from it, what the outside had sent (+)", bytes.captured, bytes.given],
          ["What the outside had sent (−) and what the engine made of it (+)", bytes.given, bytes.result],
        ];
  return [
    element("h2", {}, `Frame ${frame} of ${file}: ${action}${reason === "" ? "" : `, ${reason}`}`),
    element("p", { class: "dim" }, `At ${at}, ${wireLength} bytes on the wire${cut}.`),
    element("dl", { class: "steps" }, ...list),
    ...versions.flatMap(([title, was, is]) => bytesView(title, was, is, fields)),
  ];
}

function bytesView(title: string, before: string, after: string, fields: readonly Field[]): HTMLElement[] {
  const [was, is] = [octets(before), octets(after)];
  const length = Math.max(was.length, is.length);
  const changed = Array.from({ length }, (_, i) => i).filter((i) => was[i] !== is[i]);
  const lines = [];
  for (let at = 0; at < Math.min(length, MOST_BYTES); at += ROW) {
    const isSame = was.slice(at, at + ROW).join() === is.slice(at, at + ROW).join();
    if (isSame) lines.push(byteRow(at, was, is, ""));
    else lines.push(byteRow(at, was, is, "was"), byteRow(at, is, was, "is"));
  }
  const names = [
    ...new Set(changed.map((i) => fields.find(({ from, to }) => i >= from && i < to)?.name ?? "other bytes")),
  ];
  const what = changed.length === 0 ? "No byte changed." : `${changed.length} bytes changed: ${names.join(", ")}.`;
  const table = element("table", { class: "bytes" }, element("tbody", {}, ...lines));
  const rest =
    length > MOST_BYTES ? [element("p", { class: "dim" }, `${length - MOST_BYTES} more bytes are not shown.`)] : [];
  return [
    element("h3", {}, title),
    element("p", { class: "dim" }, what),
    element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": title }, table),
    ...rest,
  ];
}

/** A row of bytes, those that the other version has otherwise marked. @param kind `was`, `is`, or empty where both are the same */
function byteRow(at: number, own: readonly string[], other: readonly string[], kind: "was" | "is" | ""): HTMLElement {
  const cells = own.slice(at, at + ROW).map((octet, i) => {
    const text = `${octet} `;
    return octet === other[at + i] ? text : element("mark", {}, octet);
  });
  const spaced = cells.flatMap((cell) => (typeof cell === "string" ? [cell] : [cell, " "]));
  const text = own
    .slice(at, at + ROW)
    .map(printable)
    .join("");
  const sign = { was: "−", is: "+", "": " " }[kind];
  return element(
    "tr",
    kind === "" ? {} : { class: kind },
    element("td", {}, sign),
    element("td", { class: "offset" }, at.toString(16).padStart(4, "0")),
    element("td", {}, ...spaced),
    element("td", { class: "text" }, text),
  );
}

function octets(hex: string): string[] {
  return hex.match(/../g) ?? [];
}

function printable(octet: string): string {
  const code = Number.parseInt(octet, 16);
  return code > 32 && code < 127 ? String.fromCharCode(code) : "·";
}
