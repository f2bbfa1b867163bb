/** Colours of a terminal, or none at all. */
export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  dim(text: string): string;
  bold(text: string): string;
}

/** @param colour false leaves every text as it is */
export function paint(colour: boolean): Paint {
  const sgr = (on: number, off: number) => (text: string) =>
    colour && text !== "" ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  return { good: sgr(32, 39), bad: sgr(31, 39), warn: sgr(33, 39), dim: sgr(2, 22), bold: sgr(1, 22) };
}
