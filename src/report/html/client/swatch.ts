import { element } from "./dom.js";
import { colour, gatewayFill, patternFill } from "./palette.js";
import type { ChartRow } from "./series.js";

/** CSS pixels. */
const SIDE = 14;

/** A small filled square for a row's colour, as in the legend. */
export function rowSwatch({ gateway, tint }: ChartRow): HTMLCanvasElement {
  const swatch = element("canvas", { class: "swatch", "aria-hidden": "true" });
  if (gateway !== undefined) swatch.dataset.gateway = String(gateway);
  else if (tint) [swatch.dataset.tint, swatch.dataset.kind] = [tint[0], String(tint[1])];
  return swatch;
}

/** Fills the swatches below a node: those of a gateway, and those of another row, by its custom property and pattern. */
export function paintSwatches(within: ParentNode): void {
  const ratio = window.devicePixelRatio || 1;
  for (const canvas of within.querySelectorAll<HTMLCanvasElement>("canvas.swatch")) {
    const { gateway, tint = "", kind } = canvas.dataset;
    const isOfGateway = gateway !== undefined;
    paintSwatch(
      canvas,
      isOfGateway ? gatewayFill(Number(gateway), ratio) : patternFill(colour(tint), Number(kind), ratio),
      ratio,
    );
  }
}

function paintSwatch(canvas: HTMLCanvasElement, fill: CanvasPattern, ratio: number): void {
  canvas.width = Math.round(SIDE * ratio);
  canvas.height = Math.round(SIDE * ratio);
  const ctx = canvas.getContext("2d")!;
  ctx.fillStyle = fill;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
}
