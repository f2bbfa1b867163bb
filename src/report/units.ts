const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** `12,345` */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** `1 frame`, `2 frames` */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** `812 B`, `3.4 MiB`: three digits or so, powers of 1024. */
export function bytes(value: number): string {
  let [size, unit] = [value, 0];
  for (; size >= 1024 && unit < BYTE_UNITS.length - 1; unit++) size /= 1024;
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** `42.5 %`; a share that is not zero never shows as zero. */
export function percent(part: number, whole: number): string {
  if (whole <= 0) return "–";
  const share = (part / whole) * 100;
  if (share > 0 && share < 0.1) return "<0.1 %";
  return `${share.toFixed(1)} %`;
}

/** `850 ns`, `1.24 µs`, `12.3 ms`, `4.56 s` from nanoseconds. */
export function duration(ns: number): string {
  if (ns < 1e3) return `${ns.toFixed(ns < 100 ? 1 : 0)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toPrecision(3)} µs`;
  if (ns < 1e9) return `${(ns / 1e6).toPrecision(3)} ms`;
  return `${count(Number((ns / 1e9).toFixed(2)))} s`;
}

/** `1.2 M`, `850 k`: for rates, where the order of size is what counts. */
export function rate(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(value >= 1e8 ? 0 : 1)} M`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(value >= 1e5 ? 0 : 1)} k`;
  return String(Math.round(value));
}
