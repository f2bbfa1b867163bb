/** An output that a page shows: `<!-- output: ARGUMENTS -->`, then a fenced block with what that command line prints. */
export interface ShownOutput {
  readonly argv: readonly string[];
  readonly text: string;
  /** Where `text` stands in the page. */
  readonly from: number;
}

const MARKER = /<!-- output: (.+?) -->\n+```text\n([\s\S]*?)```/g;
/** Numbers that are the machine's own: how long it took. */
const TIMING = /^(Speed {2}).*$/gm;

export function shownOutputs(page: string): ShownOutput[] {
  return [...page.matchAll(MARKER)].map((match) => ({
    argv: words(match[1]!),
    text: match[2]!,
    from: match.index + match[0].length - "```".length - match[2]!.length,
  }));
}

/** Words of a command line; single quotes hold one together. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word);
}

/** The page with the text of one output replaced. */
export function withOutput(page: string, { from, text }: ShownOutput, fresh: string): string {
  return page.slice(0, from) + fresh + page.slice(from + text.length);
}

/** Shown and fresh output without what differs from run to run. Lines end without spaces either way. */
export function masked(text: string): string {
  return text.replace(TIMING, "$1…");
}
