import { OTHERS } from "./series.js";

const COLOURS = 8;
/** Side of a pattern's tile, CSS pixels. */
const TILE = 8;
/** Share of the paper's colour in a pattern's marks. */
const MARK_ALPHA = 0.4;

type Draw = (ctx: CanvasRenderingContext2D) => void;

/** Marks on a tile of 8 by 8: what tells gateways apart where colours do not. */
const PATTERNS: readonly Draw[] = [
  () => {},
  (ctx) => lines(ctx, [-2, 2, 2, -2], [-1, 9, 9, -1], [6, 10, 10, 6]),
  (ctx) => squares(ctx, 2, 1, 5),
  (ctx) => lines(ctx, [-2, 6, 2, 10], [-1, -1, 9, 9], [6, -2, 10, 2]),
  (ctx) => lines(ctx, [0, 2, 8, 2], [0, 6, 8, 6]),
  (ctx) => lines(ctx, [2, 0, 2, 8], [6, 0, 6, 8]),
  (ctx) => lines(ctx, [0, 4, 8, 4], [4, 0, 4, 8]),
  (ctx) => squares(ctx, 4, 0, 4),
];

const DASHES: readonly (readonly number[])[] = [
  [],
  [8, 3],
  [2, 3],
  [8, 3, 2, 3],
  [14, 4],
  [4, 4],
  [1, 2],
  [10, 3, 2, 3, 2, 3],
];

const values = new Map<string, string>();
const patterns = new Map<string, CanvasPattern>();

/** The theme has changed: colours are read anew. */
export function forgetColours(): void {
  values.clear();
  patterns.clear();
}

/** A custom property of the page's style, such as `--ink`. */
export function colour(name: string): string {
  let value = values.get(name);
  if (value === undefined) {
    value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    values.set(name, value);
  }
  return value;
}

/** The colour of a gateway: the same one in all charts. */
export function gatewayColour(gateway: number): string {
  return gateway === OTHERS ? colour("--pass") : colour(`--g${gateway % COLOURS}`);
}

/** Colour and pattern of a gateway; no two of the first 64 are alike. @param ratio canvas pixels per CSS pixel */
export function gatewayFill(gateway: number, ratio: number): CanvasPattern {
  const turn = Math.floor(gateway / COLOURS);
  const kind = gateway === OTHERS ? 0 : (gateway + 3 * turn) % PATTERNS.length;
  return patternFill(gatewayColour(gateway), kind, ratio);
}

/** @param kind 0 = plain, 1 to 7 = with marks */
export function patternFill(ground: string, kind: number, ratio: number): CanvasPattern {
  const key = `${ground} ${kind} ${ratio}`;
  let made = patterns.get(key);
  if (!made) {
    made = makePattern(ground, kind, ratio);
    patterns.set(key, made);
  }
  return made;
}

/** Dashes of a gateway's line. */
export function gatewayDash(gateway: number): number[] {
  return gateway === OTHERS ? [1, 3] : [...DASHES[gateway % DASHES.length]!];
}

function makePattern(ground: string, kind: number, ratio: number): CanvasPattern {
  const tile = document.createElement("canvas");
  tile.width = tile.height = Math.max(1, Math.round(TILE * ratio));
  const ctx = tile.getContext("2d")!;
  ctx.fillStyle = ground;
  ctx.fillRect(0, 0, tile.width, tile.height);
  ctx.scale(tile.width / TILE, tile.height / TILE);
  ctx.globalAlpha = MARK_ALPHA;
  ctx.fillStyle = ctx.strokeStyle = colour("--paper");
  ctx.lineWidth = 1.25;
  PATTERNS[kind]!(ctx);
  return ctx.createPattern(tile, "repeat")!;
}

function lines(ctx: CanvasRenderingContext2D, ...ends: readonly [number, number, number, number][]): void {
  ctx.beginPath();
  for (const [x, y, toX, toY] of ends) {
    ctx.moveTo(x, y);
    ctx.lineTo(toX, toY);
  }
  ctx.stroke();
}

function squares(ctx: CanvasRenderingContext2D, side: number, ...places: readonly number[]): void {
  for (const at of places) ctx.fillRect(at, at, side, side);
}
