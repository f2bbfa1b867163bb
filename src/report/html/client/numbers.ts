const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** `12,345`; below 100 with up to two digits behind the point. */
export function amount(value: number): string {
  const digits = Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}

/** `3.4 MiB` */
export function byteAmount(value: number): string {
  let [size, unit] = [value, 0];
  for (; size >= 1024 && unit < BYTE_UNITS.length - 1; unit++) size /= 1024;
  return `${amount(size)} ${BYTE_UNITS[unit]}`;
}

/** `1.2k`, `3.4M`: for the little room of an axis. */
export function shortAmount(value: number): string {
  if (value >= 1e9) return `${Number((value / 1e9).toPrecision(3))}G`;
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  return value >= 1e4 ? `${Number((value / 1e3).toPrecision(3))}k` : String(Number(value.toPrecision(6)));
}

/** `1.5 MiB` without the space where it counts. */
export function shortBytes(value: number): string {
  let [size, unit] = [value, 0];
  for (; size >= 1024 && unit < BYTE_UNITS.length - 1; unit++) size /= 1024;
  return `${Number(size.toPrecision(3))} ${BYTE_UNITS[unit]}`;
}
