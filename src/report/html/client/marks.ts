import { dayTime } from "./clock.js";
import type { PageMark } from "./page-data.js";
import { colour } from "./palette.js";
import type { TimelineView } from "./view.js";

const TONES = { bad: "--bad", good: "--good", note: "--warn" } as const;
const DASH = { bad: [], good: [6, 3], note: [2, 3] } as const;
/** CSS pixels. */
const GAP = 3;

/** Marks with their places on the x axis, by time. */
export interface PlacedMark extends PageMark {
  /** Seconds since midnight. */
  readonly time: number;
}

export function placedMarks(marks: readonly PageMark[], { timeline }: TimelineView): PlacedMark[] {
  return marks.map((mark) => ({ ...mark, time: dayTime(mark.atUs, timeline.fromUs) }));
}

/** Draws a line across the chart for each mark, and above it, left or right of their lines, as many of their labels as fit. */
export function drawMarks(u: uPlot, marks: readonly PlacedMark[]): void {
  const { ctx, bbox } = u;
  const ratio = uPlot.pxRatio;
  ctx.save();
  ctx.font = `${Math.round(11 * ratio)}px system-ui, sans-serif`;
  ctx.textBaseline = "bottom";
  ctx.textAlign = "left";
  let free = bbox.left;
  for (const { time, tone, label } of marks) {
    if (time < u.scales.x!.min! || time > u.scales.x!.max!) continue;
    const x = Math.round(u.valToPos(time, "x", true)) + 0.5;
    drawLine(u, x, colour("--paper"), 3, []);
    drawLine(u, x, colour(TONES[tone]), 1.5, DASH[tone]);
    ctx.fillStyle = colour(TONES[tone]);
    const width = ctx.measureText(label).width;
    const places = [x - width - 2 * ratio, x + 2 * ratio];
    const left = places.find((at) => at >= free && at + width <= bbox.left + bbox.width);
    if (left === undefined) continue;
    ctx.fillText(label, left, bbox.top - 3 * ratio);
    free = left + width + GAP * ratio;
  }
  ctx.restore();
}

/** A line across the whole height. @param width,dash CSS pixels */
function drawLine({ ctx, bbox }: uPlot, x: number, stroke: string, width: number, dash: readonly number[]): void {
  const ratio = uPlot.pxRatio;
  ctx.strokeStyle = stroke;
  ctx.lineWidth = width * ratio;
  ctx.setLineDash(dash.map((length) => length * ratio));
  ctx.beginPath();
  ctx.moveTo(x, bbox.top - 2 * ratio);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
}

/** Draws a level with its text, where the scale reaches it. */
export function drawLimit(u: uPlot, limit: number): void {
  if (limit > u.scales.y!.max!) return;
  const { ctx, bbox } = u;
  const ratio = uPlot.pxRatio;
  const y = Math.round(u.valToPos(limit, "y", true)) + 0.5;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("--bad");
  ctx.lineWidth = 1.5 * ratio;
  ctx.setLineDash([10 * ratio, 4 * ratio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.font = `${Math.round(11 * ratio)}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  ctx.textBaseline = "top";
  ctx.fillText(`limit ${limit.toLocaleString("en-US")}`, bbox.left + bbox.width - 4 * ratio, y + 3 * ratio);
  ctx.restore();
}
