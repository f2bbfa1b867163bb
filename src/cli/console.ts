/** Where a command's words go. Results on `out`, everything else on `err`. */
export interface Console {
  /** Writes a result. Never throws for a reader that went away. */
  out(text: string): void;
  /** Writes progress, a warning or an error. */
  err(text: string): void;
  /** `out` is a terminal that shows colours. */
  readonly colour: boolean;
  /** `err` is a terminal: progress may be redrawn in place. */
  readonly progress: boolean;
  /** Characters that a line of `out` may have. */
  readonly width: number;
  /** Milliseconds of a clock that never runs backwards. */
  now(): number;
}

const DEFAULT_WIDTH = 100;
const MIN_WIDTH = 60;

/** The part of a process that a console needs. */
export interface Terminal {
  readonly stdout: TextStream & { readonly columns?: number };
  readonly stderr: TextStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface TextStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** The console of a process. NO_COLOR (https://no-color.org) and TERM=dumb turn colours off; a pipe never gets any. */
export function processConsole({ stdout, stderr, env }: Terminal): Console {
  const plain = (env.NO_COLOR ?? "") !== "" || env.TERM === "dumb";
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    colour: Boolean(stdout.isTTY) && !plain,
    progress: Boolean(stderr.isTTY) && env.TERM !== "dumb",
    width: stdout.isTTY ? Math.max(MIN_WIDTH, stdout.columns ?? DEFAULT_WIDTH) : DEFAULT_WIDTH,
    now: () => performance.now(),
  };
}
